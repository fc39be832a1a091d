/** Accounts: who may sign in, as what, and how far they see. */
import { element } from "../elements.js";
import { ask, showOnce } from "./dialogs.js";
import { choiceField, passwordField, severalField, textField } from "./fields.js";
import { Listing } from "./listing.js";
import { departmentOptions, siteOptions } from "./people.js";
import { personPicker } from "./person_picker.js";
import { ListFrame, Table, button, chip, filterBox, partHead, searchBox } from "./pieces.js";

export const ROLES = ["supervisor", "admin", "inspector", "employee"];

export class AccountsPart {
  #office;
  #listing;
  #frame;

  constructor(office) {
    this.#office = office;
    this.#listing = new Listing({
      read: office.read,
      command: ({ q, role }) => ({ type: "account.list", query: q ?? null, role: role ?? null }),
      onChange: office.redraw,
    });
  }

  build() {
    const { language, look, may } = this.#office;
    const say = (key) => language.say(key);
    const search = searchBox({ language, label: say("search_accounts"), value: look.filters.q, onSearch: (q) => this.#filter({ q: q || null }) });
    const role = filterBox({
      label: say("role"),
      value: look.filters.role,
      options: [{ value: "", label: say("all_roles") }, ...roleOptions(language)],
      onChange: (chosen) => this.#filter({ role: chosen }),
    });
    const table = new Table({
      label: say("part_accounts"),
      key: (account) => account.account_id,
      columns: [
        { label: say("username"), cell: (account) => element("a", { href: this.#office.href({ view: "accounts", filters: { account: account.account_id } }), text: account.username }) },
        { label: say("role"), cell: (account) => say(`role_${account.role}`) },
        { label: say("scope"), cell: (account) => scopeText(this.#office, account) },
        { label: say("second_factor"), cell: (account) => factorChip(language, account) },
        { label: say("state"), cell: (account) => accountChip(language, account) },
      ],
    });
    this.#frame = new ListFrame({
      language,
      table,
      empty: () => say(this.#office.look.filters.q || this.#office.look.filters.role ? "none_match" : "accounts_empty"),
      onMore: () => this.#listing.more(),
      onAgain: () => this.#listing.refresh(),
    });
    const create = may("account.create") ? [button(say("new_account"), () => this.#create(), "primary")] : [];
    return [partHead({ title: say("part_accounts"), actions: create }), element("div", { class: "tools" }, search.node, role.node), this.#frame.node];
  }

  look({ filters }) {
    this.#listing.load(filters);
  }

  refresh() {
    return this.#listing.refresh();
  }

  show() {
    this.#frame.show(this.#listing, undefined, this.#office.placesRevision);
  }

  #filter(change) {
    this.#office.go({ filters: { ...this.#office.look.filters, ...change } });
  }

  #create() {
    const { language, go } = this.#office;
    const say = (key, values) => language.say(key, values);
    ask(this.#office, {
      title: say("new_account"),
      wide: true,
      fields: [
        textField({ name: "username", label: say("username"), maxlength: 100, autocapitalize: "none", required: true }),
        choiceField({ name: "role", label: say("role"), options: roleOptions(language), hint: say("role_hint"), required: true }),
        ...scopeFields(this.#office, { site_ids: null, department_ids: null }),
        personPicker(this.#office, { name: "employee_id", label: say("account_person"), hint: say("account_person_hint") }),
        passwordField({ name: "password", label: say("password"), hint: say("password_made_hint") }),
      ],
      action: say("create"),
      command: ({ username, role, password, site_ids, department_ids, employee_id }) => ({
        type: "account.create",
        username,
        role,
        scope: { site_ids, department_ids },
        password: password || null,
        employee_id,
      }),
      done: (answer, { username }) => {
        go({ view: "accounts", filters: { account: answer.account_id } }, { step: true });
        showAccountSecrets(language, username, answer);
      },
    });
  }
}

/** What an account was given, once: password, second factor. Nothing where nothing was made. */
export function showAccountSecrets(language, username, { password, totp_uri: uri }) {
  const secrets = [];
  if (password) secrets.push({ label: language.say("password"), value: password });
  if (uri) secrets.push(factorSecret(language, uri));
  if (secrets.length === 0) return;
  showOnce(language, { title: language.say("account_secrets", { name: username }), text: language.say("shown_once"), secrets });
}

/** The URI as a picture, and its secret for who types it in. */
export function factorSecret(language, uri) {
  let secret = "";
  try {
    secret = new URL(uri).searchParams.get("secret") ?? "";
  } catch {
    // Shown whole, then.
  }
  const shown = secret.match(/.{1,4}/g)?.join(" ") ?? uri;
  return { label: language.say("second_factor"), value: secret || uri, shown, qr: uri };
}

export const roleOptions = (language) => ROLES.map((role) => ({ value: role, label: language.say(`role_${role}`) }));

export function accountChip(language, { disabled_at: disabled }) {
  return disabled ? chip("quiet", language.say("account_disabled"), "out") : chip("good", language.say("account_active"), "in");
}

export function factorChip(language, { totp }) {
  return totp ? chip("good", language.say("factor_set"), "tick") : chip("quiet", language.say("factor_none"), "out");
}

/** Which sites and departments, by name. */
export function scopeText({ language, places }, { site_ids: siteIds, department_ids: departmentIds }) {
  const sites = siteIds === null ? language.say("all_sites") : siteIds.length ? language.list(siteIds.map((id) => places.siteName(id))) : language.say("scope_nothing");
  if (departmentIds === null) return sites;
  const names = departmentIds.map((id) => places.departmentName(id));
  return `${sites} · ${names.length ? language.list(names) : language.say("scope_nothing")}`;
}

export function scopeFields({ language, places }, { site_ids: siteIds, department_ids: departmentIds }) {
  const sites = severalField({
    name: "site_ids",
    label: language.say("sites"),
    allLabel: language.say("all_sites"),
    value: siteIds,
    options: siteOptions(places, language),
  });
  sites.also = ["scope", "scope.site_ids"];
  const departments = severalField({
    name: "department_ids",
    label: language.say("departments"),
    allLabel: language.say("all_departments"),
    value: departmentIds,
    options: departmentOptions(places, language, null, true),
  });
  departments.also = ["scope.department_ids"];
  return [sites, departments];
}
