/** One person: what the record says, their badges, their PIN, and what may be done about them. */
import { element } from "../elements.js";
import { ask, showOnce } from "./dialogs.js";
import { assignBadge } from "./badge_form.js";
import { textField } from "./fields.js";
import { Listing } from "./listing.js";
import { ListFrame, Table, button, chip, facts, partHead, rewrite } from "./pieces.js";
import { activity, personFields } from "./people.js";
import { faultOf } from "./faults.js";

export class PersonPart {
  #office;
  #person = null;
  #problem = null;
  #asked = 0;
  #shown = null;
  #badges;
  #frame = null;
  #body = element("div", { class: "one" });

  constructor(office) {
    this.#office = office;
    this.#badges = new Listing({
      read: office.read,
      command: (employeeId) => ({ type: "badge.list", employee_id: employeeId }),
      onChange: office.redraw,
    });
  }

  build() {
    this.#person = this.#problem = this.#shown = null;
    this.#body.replaceChildren();
    return [this.#body];
  }

  look() {
    this.#badges.clear();
    if (this.#office.may("badge.list")) this.#badges.load(this.#id);
    return this.refresh();
  }

  get #id() {
    return this.#office.look.filters.person;
  }

  async refresh() {
    const asked = ++this.#asked;
    if (this.#office.may("badge.list")) this.#badges.refresh();
    try {
      const person = await this.#office.read({ type: "employee.get", employee_id: this.#id });
      if (asked !== this.#asked) return;
      this.#person = person;
      this.#problem = null;
    } catch (problem) {
      if (asked !== this.#asked) return;
      if (this.#person && problem.code === "disconnected") return;
      this.#problem = problem;
    }
    this.#shown = null;
    this.#office.redraw();
  }

  show() {
    const key = JSON.stringify([this.#person, this.#problem?.code, this.#office.placesRevision]);
    if (key !== this.#shown) {
      this.#shown = key;
      rewrite(this.#body, this.#content());
    }
    this.#frame?.show(this.#badges);
  }

  #content() {
    const { language, href, places, may } = this.#office;
    const say = (key, values) => language.say(key, values);
    const back = { href: href({ view: "people", filters: this.#office.comeFrom("people") }), text: say("back_to_people") };
    if (!this.#person) {
      const fault = this.#problem && faultOf(this.#problem);
      const sentence = fault ? say(fault.key, fault.values) : say("list_loading");
      return [partHead({ title: say("person"), back }), element("p", { class: "list-state", text: sentence })];
    }
    const person = this.#person;
    const zone = places.zone(person.at_site_id ?? person.site_id);
    const standing = { in: "in", break: "break", out: "out" }[person.status] ?? "out";
    const since = person.since ? ` · ${say("since", { time: language.moment(Date.parse(person.since), zone, this.#office.now()) })}` : "";
    const where = person.at_site_id && person.at_site_id !== person.site_id ? ` · ${places.siteName(person.at_site_id)}` : "";
    const actions = [];
    if (may("employee.update")) actions.push(button(say("edit"), () => this.#edit()));
    if (may("employee.deactivate")) {
      actions.push(person.active ? button(say("deactivate"), () => this.#deactivate(), "quiet danger-text") : button(say("rehire"), () => this.#rehire(), "primary"));
    }
    return [
      partHead({ title: person.display_name, back, actions }),
      element(
        "section",
        { class: "card block" },
        facts([
          [say("state"), activity(language, person.active)],
          [say("now"), element("span", {}, chip(standing, say(standing), standing), `${since}${where}`)],
          [say("employee_number"), element("span", { class: "code", text: person.employee_number })],
          [say("site"), places.siteName(person.site_id)],
          [say("department"), places.departmentName(person.department_id)],
        ]),
        may("audit.list") ? element("p", {}, element("a", { href: href({ view: "audit", filters: { person: person.employee_id } }), text: say("audit_of_person") })) : null,
      ),
      may("badge.list") ? this.#badgeBlock() : null,
      may("pin.set") ? this.#pinBlock() : null,
    ].filter(Boolean);
  }

  #badgeBlock() {
    const { language } = this.#office;
    const say = (key) => language.say(key);
    const zone = this.#office.places.zone(this.#person.site_id);
    const moment = (text) => language.moment(Date.parse(text), zone, this.#office.now());
    const table = new Table({
      label: say("badges"),
      key: (badge) => badge.badge_id,
      columns: [
        { label: say("state"), cell: (badge) => this.#badgeState(badge) },
        { label: say("badge_assigned"), cell: (badge) => moment(badge.assigned_at) },
        { label: say("badge_until"), cell: (badge) => (badge.valid_until ? moment(badge.valid_until) : say("badge_for_good")) },
        { label: say("badge_ended"), cell: (badge) => (badge.revoked_at ? moment(badge.revoked_at) : "") },
        {
          label: say("actions"),
          class: "acts",
          cell: (badge) =>
            badge.revoked_at
              ? ""
              : element("div", { class: "row-acts" }, button(say("badge_lost"), () => this.#revoke(badge, "lost"), "danger-text"), button(say("badge_returned"), () => this.#revoke(badge, "returned"))),
        },
      ],
    });
    this.#frame = new ListFrame({
      language,
      table,
      empty: () => say("badges_empty"),
      onMore: () => this.#badges.more(),
      onAgain: () => this.#badges.refresh(),
    });
    const give = button(say("badge_assign"), () => assignBadge(this.#office, this.#person, () => this.refresh()), "primary");
    give.disabled = !this.#person.active;
    const head = element("header", {}, element("h2", { text: say("badges") }), give);
    return element("section", { class: "card block", "aria-label": say("badges") }, head, this.#frame.node);
  }

  #badgeState({ revoked_at: revoked, revoked_reason: reason, valid_until: until }) {
    const { language, now } = this.#office;
    if (revoked) return chip(reason === "lost" ? "bad" : "quiet", language.say(`badge_end_${reason ?? "returned"}`), reason === "lost" ? "late" : "out");
    if (until && Date.parse(until) <= now()) return chip("quiet", language.say("badge_expired"), "out");
    return until ? chip("some", language.say("badge_temporary"), "break") : chip("good", language.say("badge_good"), "in");
  }

  #pinBlock() {
    const { language } = this.#office;
    const set = button(language.say("pin_set"), () => this.#setPin());
    set.disabled = !this.#person.active;
    const head = element("header", {}, element("h2", { text: language.say("pin") }), set, button(language.say("pin_reset"), () => this.#resetPin(), "quiet danger-text"));
    return element("section", { class: "card block", "aria-label": language.say("pin") }, head, element("p", { class: "muted", text: language.say("pin_text") }));
  }

  #edit() {
    const { language } = this.#office;
    const person = this.#person;
    ask(this.#office, {
      title: language.say("edit_person"),
      fields: personFields(this.#office, person),
      action: language.say("save"),
      command: (values) => {
        const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== person[name]));
        return { type: "employee.update", employee_id: person.employee_id, ...changed };
      },
      done: () => this.refresh(),
    });
  }

  #deactivate() {
    this.#sure("deactivate", { type: "employee.deactivate" }, true);
  }

  #rehire() {
    this.#sure("rehire", { type: "employee.rehire" }, false);
  }

  #sure(key, command, danger) {
    const { language } = this.#office;
    const { employee_id, display_name: name } = this.#person;
    ask(this.#office, {
      title: language.say(`${key}_title`, { name }),
      text: language.say(`${key}_text`),
      action: language.say(key),
      danger,
      command: () => ({ ...command, employee_id }),
      done: () => this.refresh(),
    });
  }

  #revoke(badge, reason) {
    const { language } = this.#office;
    ask(this.#office, {
      title: language.say(`badge_${reason}_title`),
      text: language.say(`badge_${reason}_text`),
      action: language.say(`badge_${reason}`),
      danger: true,
      command: () => ({ type: "badge.revoke", badge_id: badge.badge_id, reason }),
      done: () => this.refresh(),
    });
  }

  #setPin() {
    const { language } = this.#office;
    const { employee_id, display_name: name } = this.#person;
    ask(this.#office, {
      title: language.say("pin_set_title", { name }),
      text: language.say("pin_set_text"),
      fields: [textField({ name: "pin", label: language.say("pin"), hint: language.say("pin_hint"), inputmode: "numeric", maxlength: 12 })],
      action: language.say("pin_set"),
      command: ({ pin }) => ({ type: "pin.set", employee_id, pin: pin || null }),
      done: (answer, { pin }) => {
        if (answer.pin) {
          showOnce(language, {
            title: language.say("pin_of", { name }),
            text: language.say("shown_once"),
            secrets: [{ label: language.say("pin"), value: answer.pin }],
          });
        } else this.#office.toast(language.say(pin ? "pin_is_set" : "secret_lost"));
      },
    });
  }

  #resetPin() {
    const { language } = this.#office;
    const { employee_id, display_name: name } = this.#person;
    ask(this.#office, {
      title: language.say("pin_reset_title", { name }),
      text: language.say("pin_reset_text"),
      action: language.say("pin_reset"),
      danger: true,
      command: () => ({ type: "pin.reset", employee_id }),
      done: () => this.#office.toast(language.say("pin_is_reset")),
    });
  }
}
