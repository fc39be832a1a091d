/**
 * People by department, one keyed row each. A push rewrites the rows it names; the order is made anew only while
 * nobody points at the list or stands in it.
 */
import { Attention } from "./attention.js";
import { arrange, byId, element, setShape, setText, shape } from "./elements.js";
import { byNeed, concern, lateMs, matcher, standing } from "./roster.js";

const FLASH_MS = 2_500;
const NEED = "need";
const UNNAMED = "unnamed";

export class PeopleView {
  #list = byId("groups");
  #rows = new Map();
  #groups = new Map();
  #attention;
  #pending = false;
  #scene = null;
  #context = "";
  #picture = "";
  #found = 0;
  #searched = { query: null, match: null };

  constructor() {
    this.#attention = new Attention(this.#list, (held) => {
      if (!held && this.#pending && this.#scene) this.show(this.#scene);
    });
  }

  /** Moves among the rows that show: 1 is the next, -1 the one before. */
  step(by) {
    const rows = [...this.#list.querySelectorAll(".person")];
    if (rows.length === 0) return;
    const now = rows.indexOf(document.activeElement);
    const next = now === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + by));
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  /** @returns {number} how many people show. */
  show(scene) {
    const { language, look, place, now, revision } = scene;
    const context = [language.name, place, Math.floor(now / 60_000)].join(" ");
    const picture = [context, revision, look.status, look.query].join(" ");
    if (picture === this.#picture && !(this.#pending && !this.#attention.held)) return this.#found;
    this.#picture = picture;
    const everything = context !== this.#context;
    this.#context = context;
    // Asking for something else is a reason to order anew, a push isn't.
    const asked = !this.#scene || this.#scene.look !== look || this.#scene.language !== language;
    this.#scene = scene;

    for (const [employeeId, row] of this.#rows) {
      if (!scene.people.has(employeeId)) this.#rows.delete(employeeId);
      else if (everything || row.person !== scene.people.get(employeeId)) this.#write(row, scene.people.get(employeeId));
    }
    const visible = this.#visible(scene);
    this.#pending = this.#attention.held && !asked;
    if (!this.#pending) this.#order(scene, visible);
    this.#countGroups(scene);
    this.#found = visible.length;
    return this.#found;
  }

  #visible({ people, look, siteIds, now, departmentOf }) {
    if (this.#searched.query !== look.query) this.#searched = { query: look.query, match: matcher(look.query) };
    const { match } = this.#searched;
    const wanted = { in: ["in"], break: ["break"], out: ["out", "late"], late: ["late"] }[look.status];
    return [...people.values()].filter(
      (person) =>
        (!wanted || wanted.includes(standing(person, siteIds, now))) &&
        (!look.query || match(person.display_name, departmentOf(person.department_id)?.name ?? "")),
    );
  }

  #order(scene, visible) {
    const { siteIds, now, language } = scene;
    const members = new Map();
    for (const person of visible.sort(byNeed(siteIds, now, language.collator))) {
      const key = concern(person, siteIds, now) ? NEED : this.#keyOf(person);
      if (!members.has(key)) members.set(key, []);
      members.get(key).push(person);
    }
    const heads = [...members.keys()].map((key) => ({ key, title: this.#title(key) }));
    heads.sort((one, other) => (one.key === NEED ? -1 : other.key === NEED ? 1 : language.collator.compare(one.title, other.title)));
    const focused = document.activeElement;
    const groups = heads.map(({ key, title }) => {
      const group = this.#group(key);
      setText(group.title, title);
      arrange(group.list, members.get(key).map((person) => this.#row(person).item));
      return group.section;
    });
    arrange(this.#list, groups);
    // An element that moves loses the focus; whoever stood on it goes along.
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  /** Departments out of scope, and all of them for whom may not list any, make one group. */
  #keyOf(person) {
    return this.#scene.departmentOf(person.department_id) ? person.department_id : UNNAMED;
  }

  #title(key) {
    const { language, site, departmentOf, siteOf, departmentsKnown } = this.#scene;
    if (key === NEED) return language.say("need_a_look");
    if (key === UNNAMED && !departmentsKnown) return site?.name ?? language.say("all_sites");
    if (key === UNNAMED) return language.say("no_department");
    const department = departmentOf(key);
    const place = siteOf(department.site_id);
    const names = { department: department.name, site: place?.name };
    if (!place || department.site_id === site?.site_id) return department.name;
    // Among all sites a site's departments stand together; at one site its visitors' home comes second.
    return language.say(site ? "department_at" : "site_department", names);
  }

  #group(key) {
    if (!this.#groups.has(key)) {
      const title = element("h3");
      const figures = {};
      const marks = ["in", "break", "out"].map((status) => {
        figures[status] = element("span");
        figures[`${status}_word`] = element("span", { class: "unseen" });
        return element("span", { class: "group-figure", data: { status } }, shape(status), figures[`${status}_word`], " ", figures[status]);
      });
      const counts = element("p", { class: "group-figures" }, ...marks);
      const list = element("ul");
      const data = [NEED, UNNAMED].includes(key) ? { group: key } : { group: "department", department: key };
      const section = element("section", { class: "group", data }, element("header", {}, title, counts), list);
      this.#groups.set(key, { section, title, list, counts, figures });
    }
    return this.#groups.get(key);
  }

  #countGroups({ people, siteIds, now, language }) {
    const counts = new Map();
    for (const person of people.values()) {
      const key = this.#keyOf(person);
      if (!counts.has(key)) counts.set(key, { in: 0, break: 0, out: 0, elsewhere: 0 });
      const where = standing(person, siteIds, now);
      counts.get(key)[where === "late" ? "out" : where] += 1;
    }
    for (const [key, group] of this.#groups) {
      group.counts.hidden = key === NEED;
      const figures = counts.get(key) ?? { in: 0, break: 0, out: 0 };
      for (const status of ["in", "break", "out"]) {
        setText(group.figures[status], language.number(figures[status]));
        setText(group.figures[`${status}_word`], language.say(status));
      }
    }
  }

  #row(person) {
    let row = this.#rows.get(person.employee_id);
    if (!row) {
      row = { person: null, shape: shape("out"), name: element("span", { class: "name" }), what: element("span", { class: "what" }), note: element("span", { class: "note" }) };
      row.item = element("li", { class: "person", tabindex: "-1", data: { employee: person.employee_id } }, row.shape, row.name, " ", row.what, " ", row.note);
      this.#rows.set(person.employee_id, row);
      this.#write(row, person);
    }
    return row;
  }

  #write(row, person) {
    const { siteIds, now } = this.#scene;
    const before = row.person;
    row.person = person;
    const where = standing(person, siteIds, now);
    const worry = concern(person, siteIds, now);
    row.item.dataset.status = person.status;
    row.item.dataset.standing = where;
    row.item.dataset.worry = worry ?? "";
    setShape(row.shape, where === "elsewhere" ? person.status : where);
    setText(row.name, person.display_name);
    setText(row.what, this.#what(person, where));
    setText(row.note, this.#note(person, where, worry));
    if (before && before !== person && (before.status !== person.status || before.since !== person.since)) {
      row.item.classList.add("moved");
      clearTimeout(row.timer);
      row.timer = setTimeout(() => row.item.classList.remove("moved"), FLASH_MS);
    }
  }

  #what(person, where) {
    const { language, now } = this.#scene;
    const zone = this.#zoneOf(person);
    const since = person.since ? language.moment(Date.parse(person.since), zone, now) : "";
    if (where === "late") return language.say("row_late", { duration: language.duration(lateMs(person, now)) });
    if (person.status !== "out") return language.say(`row_${person.status}`, { time: since });
    const comes = person.expected_from ? Date.parse(person.expected_from) : 0;
    if (comes > now && comes - now < 12 * 3_600_000) return language.say("row_expected", { time: language.moment(comes, zone, now) });
    return since ? language.say("row_out", { time: since }) : language.say("row_out_never");
  }

  /** The clock of the site that is looked at; among several, of the one where the person is or belongs. */
  #zoneOf(person) {
    const { site, siteOf, departmentOf, zone } = this.#scene;
    const place = site ?? siteOf(person.at_site_id) ?? siteOf(departmentOf(person.department_id)?.site_id);
    return place?.time_zone ?? zone;
  }

  #note(person, where, worry) {
    const { language, now, siteOf, departmentOf, site } = this.#scene;
    const notes = [];
    if (worry && worry !== "late") {
      notes.push(language.say(`concern_${worry}`, { duration: language.duration(now - Date.parse(person.since)) }));
    }
    const foreign = person.at_site_id && (where === "elsewhere" || departmentOf(person.department_id)?.site_id !== person.at_site_id);
    if (foreign && person.at_site_id !== site?.site_id) {
      const place = siteOf(person.at_site_id)?.name ?? language.say("another_site");
      notes.push(language.say("at_site", { site: place }));
    }
    if (worry) notes.push(departmentOf(person.department_id)?.name ?? "");
    return notes.filter(Boolean).join(" · ");
  }
}
