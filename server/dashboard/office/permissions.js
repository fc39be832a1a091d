/**
 * What a role may ask for, so that the page offers nothing that the hub would refuse. The hub's own table decides;
 * a test holds this one against it.
 */

const ADMIN = ["admin"];
const PLACES = ["admin", "supervisor"];
const OVERSIGHT = ["supervisor", "admin", "inspector"];
const ANYONE = ["employee", "supervisor", "admin", "inspector"];

export const PERMISSIONS = {
  "presence.watch": OVERSIGHT,
  "employee.list": OVERSIGHT,
  "employee.get": OVERSIGHT,
  "employee.create": ADMIN,
  "employee.update": ADMIN,
  "employee.deactivate": ADMIN,
  "employee.rehire": ADMIN,
  "employee.erase": ADMIN,
  "employee.import": ADMIN,
  "badge.list": ADMIN,
  "badge.assign": ADMIN,
  "badge.revoke": ADMIN,
  "badge.last_unknown": ADMIN,
  "pin.set": ADMIN,
  "pin.reset": ADMIN,
  "department.list": PLACES,
  "department.create": ADMIN,
  "department.update": ADMIN,
  "site.list": PLACES,
  "site.create": ADMIN,
  "site.update": ADMIN,
  "device.list": ADMIN,
  "device.invite": ADMIN,
  "device.confirm": ADMIN,
  "device.move": ADMIN,
  "device.retire": ADMIN,
  "device.revoke": ADMIN,
  "account.list": ADMIN,
  "account.create": ADMIN,
  "account.update": ADMIN,
  "account.disable": ADMIN,
  "account.enable": ADMIN,
  "audit.list": ["admin", "inspector"],
  "session.list": ANYONE,
  "session.revoke": ANYONE,
  "password.change": ANYONE,
  "totp.begin": ANYONE,
  "totp.confirm": ANYONE,
  "totp.remove": ANYONE,
};

/** The navigation, in its order, and what each part can't do without. */
export const PARTS = [
  { view: "board", needs: "presence.watch" },
  { view: "people", needs: "employee.list" },
  { view: "terminals", needs: "device.list" },
  { view: "accounts", needs: "account.list" },
  { view: "audit", needs: "audit.list" },
];

const NEEDS = { places: "site.list", import: "employee.import", security: "password.change", rollcall: "presence.watch" };
for (const part of PARTS) NEEDS[part.view] = part.needs;

/** Roles that the hub lets in only with a second factor: they can replace theirs, never go without. */
export const SECOND_FACTOR_ROLES = ["admin", "inspector"];

export function may(role, command) {
  return PERMISSIONS[command]?.includes(role) ?? false;
}

export function maySee(role, view) {
  return may(role, NEEDS[view]);
}
