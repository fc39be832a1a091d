/** The audit: who did what to whom, and what it changed. */
import { element } from "../elements.js";
import { wireTime } from "../clock.js";
import { Listing } from "./listing.js";
import { fromField, toField } from "./moments.js";
import { ListFrame, Table, button, partHead, searchBox } from "./pieces.js";
import { changesOf, idOfActor, instantIn, shortSubject, subjectOf } from "./audit_entry.js";
import { personPicker } from "./person_picker.js";

const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export class AuditPart {
  #office;
  #listing;
  #frame;
  #chosen;
  #names = new Map();

  constructor(office) {
    this.#office = office;
    this.#listing = new Listing({ read: office.read, command, onChange: office.redraw });
  }

  build() {
    const { language, look } = this.#office;
    const say = (key, values) => language.say(key, values);
    const { filters } = look;
    const action = searchBox({ language, label: say("search_action"), value: filters.action, onSearch: (text) => this.#filter({ action: text || null }) });
    const person = personPicker(this.#office, {
      name: "person",
      label: say("person"),
      onPick: (found) => {
        if (found) this.#names.set(found.employee_id, found.display_name);
        this.#filter({ person: found?.employee_id ?? null });
      },
    });
    this.#chosen = element("div", { class: "chosen" });
    const table = new Table({
      label: say("part_audit"),
      key: (entry) => entry.audit_id,
      columns: [
        { label: say("audit_at"), cell: (entry) => this.#when(entry), class: "when" },
        { label: say("audit_actor"), cell: (entry) => this.#actor(entry) },
        { label: say("audit_action"), cell: (entry) => this.#act(entry) },
        { label: say("audit_subject"), cell: (entry) => this.#subject(entry) },
        { label: say("audit_change"), cell: (entry) => changes(entry, language, this.#told), class: "change" },
        { label: say("session_from"), cell: (entry) => entry.address ?? "—", class: "code" },
      ],
    });
    this.#frame = new ListFrame({
      language,
      table,
      empty: () => say(Object.values(this.#office.look.filters).some(Boolean) ? "none_match" : "audit_empty"),
      onMore: () => this.#listing.more(),
      onAgain: () => this.#listing.refresh(),
    });
    return [
      partHead({ title: say("part_audit"), actions: [button(say("refresh"), () => this.refresh())] }),
      element("div", { class: "tools audit-tools" }, action.node, person.node, this.#moment("from", say("audit_from")), this.#moment("until", say("audit_until"))),
      this.#chosen,
      this.#frame.node,
    ];
  }

  look({ filters }) {
    this.#showChosen(filters);
    this.#listing.load(filters);
  }

  refresh() {
    return this.#listing.refresh();
  }

  show() {
    this.#frame.show(this.#listing, undefined, this.#office.placesRevision);
  }

  /** A value as a reader says it: a place by its name where it is known, a moment by this reader's clock. */
  #told = (name, value) => {
    const { language, now, places } = this.#office;
    const at = instantIn(value);
    if (at !== null) return language.moment(at, zone, now());
    if (/name$/.test(name)) return value;
    const key = [`is_${name}_${value}`, name === "role" ? `role_${value}` : `is_${value}`].find((one) => language.has(one));
    if (key) return language.say(key);
    return value.split(", ").map((id) => (places.sites.get(id) ?? places.departments.get(id))?.name ?? id).join(", ");
  };

  /** In words, above the code by which acts are searched. */
  #act({ action }) {
    const { language } = this.#office;
    const key = `act_${action.replace(".", "_")}`;
    const code = element("code", { class: "action", text: action });
    return language.has(key) ? element("span", {}, element("span", { class: "act", text: language.say(key) }), code) : code;
  }

  #filter(change) {
    this.#office.go({ filters: { ...this.#office.look.filters, ...change } });
  }

  /** A moment of this reader's clock, kept in the address as an instant. */
  #moment(name, label) {
    const kept = this.#office.look.filters[name];
    const input = element("input", { type: "datetime-local", "aria-label": label });
    if (kept && !Number.isNaN(Date.parse(kept))) input.value = toField(Date.parse(kept), zone);
    input.addEventListener("change", () => {
      const at = fromField(input.value, zone);
      this.#filter({ [name]: at === null ? null : wireTime(at) });
    });
    return element("label", { class: "labelled" }, element("span", { text: label }), input);
  }

  #showChosen({ actor, person }) {
    const { language } = this.#office;
    const told = [];
    const add = (key, name, label) =>
      told.push(button(language.say("filter_off", { label, value: name }), () => this.#filter({ [key]: null }), "chosen-filter"));
    if (actor) add("actor", this.#names.get(actor) ?? actor.slice(0, 8), language.say("audit_actor"));
    if (person) add("person", this.#names.get(person) ?? person.slice(0, 8), language.say("person"));
    this.#chosen.replaceChildren(...told);
  }

  #when({ at }) {
    const { language, now } = this.#office;
    return element("time", { datetime: at, title: language.whole(Date.parse(at), zone), text: language.moment(Date.parse(at), zone, now()) });
  }

  #actor({ actor, actor_name: name }) {
    const id = idOfActor(actor);
    const { language } = this.#office;
    const device = actor.startsWith("device:") ? language.say("audit_device", { id: actor.slice(-6) }) : actor.slice(0, 16);
    const text = name ?? (actor === "operator" ? language.say("actor_operator") : device);
    if (!id) return text;
    this.#names.set(id, text);
    return this.#narrowing({ actor: id }, text);
  }

  #subject(entry) {
    const { subject, employee_id: employeeId, before, after } = entry;
    const { language } = this.#office;
    const name = [after, before].map((one) => one?.display_name ?? one?.name ?? one?.username).find((one) => typeof one === "string");
    if (employeeId) {
      if (typeof name === "string") this.#names.set(employeeId, name);
      return this.#narrowing({ person: employeeId }, this.#names.get(employeeId) ?? language.say("audit_a_person", { id: employeeId.slice(-6) }));
    }
    const about = subjectOf(entry);
    const text = about && language.has(`audit_${about.kind}`) ? language.say(`audit_${about.kind}`, { id: about.id }) : null;
    return name ?? (subject ? element("span", { title: subject, text: text ?? shortSubject(subject) }) : "—");
  }

  #narrowing(change, text) {
    return element("a", { href: this.#office.href({ view: "audit", filters: { ...this.#office.look.filters, ...change } }), text });
  }
}

function command({ actor, person, action, from, until }) {
  return { type: "audit.list", actor_id: actor ?? null, employee_id: person ?? null, action: action ?? null, from: from ?? null, until: until ?? null };
}

function changes(entry, language, tell) {
  const list = changesOf(entry);
  if (list.length === 0) return "";
  const lines = list.map(({ name, before: was, after: is }) => {
    const [before, after] = [was, is].map((value) => (value === null ? null : tell(name, value)));
    const told = before === null ? language.say("change_set", { after }) : after === null ? language.say("change_gone", { before }) : language.say("change_from_to", { before, after });
    const field = language.has(`of_${name}`) ? language.say(`of_${name}`) : name;
    return element("li", {}, element("b", { title: name, text: field }), ` ${told}`);
  });
  return element("ul", { class: "changes" }, ...lines);
}
