/** One account: its role and reach, its secrets made anew, its sessions. */
import { element } from "../elements.js";
import { ROLES, accountChip, factorChip, roleOptions, scopeFields, scopeText, showAccountSecrets } from "./accounts.js";
import { ask } from "./dialogs.js";
import { faultOf } from "./faults.js";
import { choiceField } from "./fields.js";
import { personPicker } from "./person_picker.js";
import { button, facts, partHead, rewrite } from "./pieces.js";
import { SessionsBlock } from "./sessions.js";

export class AccountPart {
  #office;
  #account = null;
  #problem = null;
  #shown = null;
  #asked = 0;
  #sessions = null;
  #body = element("div", { class: "one" });

  constructor(office) {
    this.#office = office;
  }

  build() {
    this.#account = this.#problem = this.#shown = this.#sessions = null;
    this.#body.replaceChildren();
    return [this.#body];
  }

  look() {
    this.#sessions = new SessionsBlock(this.#office, this.#id, () => {});
    return this.refresh();
  }

  get #id() {
    return this.#office.look.filters.account;
  }

  async refresh() {
    const asked = ++this.#asked;
    this.#sessions?.refresh();
    try {
      const all = await this.#office.readAll({ type: "account.list" });
      if (asked !== this.#asked) return;
      this.#account = all.find((account) => account.account_id === this.#id) ?? null;
      this.#problem = this.#account ? null : { code: "not_found" };
    } catch (problem) {
      if (asked !== this.#asked || (this.#account && problem.code === "disconnected")) return;
      this.#problem = problem;
    }
    this.#office.redraw();
  }

  show() {
    const key = JSON.stringify([this.#account, this.#problem?.code, this.#office.placesRevision]);
    if (key !== this.#shown) {
      this.#shown = key;
      rewrite(this.#body, this.#content());
    }
    if (this.#account) this.#sessions.show();
  }

  #content() {
    const { language, href, may } = this.#office;
    const say = (key, values) => language.say(key, values);
    const back = { href: href({ view: "accounts", filters: this.#office.comeFrom("accounts") }), text: say("back_to_accounts") };
    const account = this.#account;
    if (!account) {
      const fault = this.#problem && faultOf(this.#problem);
      return [partHead({ title: say("account"), back }), element("p", { class: "list-state", text: fault ? say(fault.key, fault.values) : say("list_loading") })];
    }
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const moment = (text) => (text ? language.moment(Date.parse(text), zone, this.#office.now()) : null);
    const actions = may("account.update")
      ? [
          button(say("edit"), () => this.#edit()),
          button(say("reset_password"), () => this.#reset("password")),
          button(say("reset_factor"), () => this.#reset("totp")),
          account.disabled_at ? button(say("account_enable"), () => this.#sure("enable", false), "primary") : button(say("account_disable"), () => this.#sure("disable", true), "quiet danger-text"),
        ]
      : [];
    const links = element("p", { class: "links" }, element("a", { href: href({ view: "audit", filters: { actor: account.account_id } }), text: say("audit_by_account") }));
    return [
      partHead({ title: account.username, back, actions }),
      element(
        "section",
        { class: "card block" },
        facts([
          [say("state"), accountChip(language, account)],
          [say("role"), say(`role_${account.role}`)],
          [say("scope"), scopeText(this.#office, account)],
          [say("second_factor"), factorChip(language, account)],
          [say("account_person"), account.employee_id ? element("a", { href: href({ view: "people", filters: { person: account.employee_id } }), text: say("see_person") }) : null],
          [say("account_created"), moment(account.created_at)],
          [say("account_disabled_at"), moment(account.disabled_at)],
        ]),
        may("audit.list") ? links : null,
      ),
      this.#sessions.node,
    ];
  }

  #edit() {
    const { language } = this.#office;
    const account = this.#account;
    const roles = ROLES.includes(account.role) ? roleOptions(language) : [{ value: account.role, label: language.say(`role_${account.role}`) }];
    ask(this.#office, {
      title: language.say("edit_account", { name: account.username }),
      text: language.say("edit_account_text"),
      wide: true,
      fields: [
        choiceField({ name: "role", label: language.say("role"), value: account.role, options: roles, hint: language.say("role_hint"), required: true }),
        ...scopeFields(this.#office, account),
        personPicker(this.#office, { name: "employee_id", label: language.say("account_person"), hint: language.say(account.employee_id ? "account_person_keep" : "account_person_hint") }),
      ],
      action: language.say("save"),
      command: ({ role, site_ids, department_ids, employee_id }) => {
        const scope = { site_ids, department_ids };
        const same = JSON.stringify(scope) === JSON.stringify({ site_ids: account.site_ids, department_ids: account.department_ids });
        return { type: "account.update", account_id: account.account_id, role: role === account.role ? null : role, scope: same ? null : scope, employee_id };
      },
      done: (answer) => {
        showAccountSecrets(language, account.username, answer);
        this.refresh();
      },
    });
  }

  #reset(what) {
    const { language } = this.#office;
    const { account_id, username } = this.#account;
    ask(this.#office, {
      title: language.say(`reset_${what}_title`, { name: username }),
      text: language.say(`reset_${what}_text`),
      action: language.say(what === "totp" ? "reset_factor" : "reset_password"),
      danger: true,
      command: () => ({ type: "account.update", account_id, reset_password: what === "password", reset_totp: what === "totp" }),
      done: (answer) => {
        if (answer.password || answer.totp_uri) showAccountSecrets(language, username, answer);
        else this.#office.toast(language.say("secret_lost"));
        this.refresh();
      },
    });
  }

  #sure(act, danger) {
    const { language } = this.#office;
    const { account_id, username } = this.#account;
    ask(this.#office, {
      title: language.say(`account_${act}_title`, { name: username }),
      text: language.say(`account_${act}_text`),
      action: language.say(`account_${act}`),
      danger,
      command: () => ({ type: `account.${act}`, account_id }),
      done: () => this.refresh(),
    });
  }
}
