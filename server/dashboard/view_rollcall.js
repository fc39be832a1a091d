/**
 * Roll call: who is inside, in names that can be read across a yard, to be ticked off one by one.
 * Ticks stay with this tab, so that a reload in the middle of it loses nothing.
 */
import { arrange, byId, element, setText, shape } from "./elements.js";
import { showSilent } from "./view_bar.js";

const KEPT = "attendance.rollcall";

export class RollcallView {
  #ticks = new Set();
  #sections = new Map();
  #scene = null;
  #onChange;

  constructor({ onClose, onChange }) {
    this.#onChange = onChange;
    try {
      this.#ticks = new Set(JSON.parse(globalThis.sessionStorage.getItem(KEPT) ?? "[]"));
    } catch {
      // Storage is off or holds something else: start without ticks.
    }
    byId("rollcall-close").addEventListener("click", onClose);
    byId("rollcall-print").addEventListener("click", () => globalThis.print());
    byId("rollcall-reset").addEventListener("click", () => {
      if (globalThis.confirm(this.#scene.language.say("rollcall_reset_sure"))) this.#tick(() => this.#ticks.clear());
    });
  }

  /** Another person will sign in: the ticks were somebody else's. */
  forget() {
    this.#tick(() => this.#ticks.clear());
  }

  /**
   * @param {object} scene
   * @param {{site: object, answer: object|null, failed: boolean}[]} calls a site each; without an answer the board
   *   says who is inside, and the view says so.
   */
  show(scene, calls) {
    this.#scene = scene;
    const { language, zone, now, freshness } = scene;
    setText(byId("rollcall-title"), language.say("rollcall"));
    const moments = calls.map((call) => asOf(call, scene)).filter((moment) => moment !== null);
    const oldest = moments.length ? Math.min(...moments) : null;
    const live = freshness.state === "live" && calls.every((call) => call.answer && !call.failed);
    const age = byId("rollcall-age");
    age.dataset.live = String(live);
    if (oldest === null) setText(age, language.say("rollcall_loading"));
    else if (live) setText(age, language.say("rollcall_as_of", { time: language.moment(oldest, zone, now) }));
    else setText(age, language.say("rollcall_old", { age: language.duration(now - oldest) }));
    showSilent(byId("rollcall-silent"), calls.map((call) => call.answer ?? call.site), language);
    const sections = calls.map((call) => this.#section(call));
    arrange(byId("rollcall-sites"), sections);
  }

  #section(call) {
    const { language, now } = this.#scene;
    const section = this.#sectionOf(call.site.site_id);
    const people = inside(call).sort((one, other) => language.collator.compare(one.display_name, other.display_name));
    const ticked = people.filter((person) => this.#ticks.has(person.employee_id)).length;
    const missing = people.length - ticked;
    setText(section.name, call.site.name);
    setText(section.count, language.say("rollcall_counted", { ticked, count: people.length }));
    setText(section.missing, people.length === 0 ? "" : missing ? language.say("rollcall_missing", { count: missing }) : language.say("rollcall_done"));
    section.missing.dataset.done = String(missing === 0);
    const moment = asOf(call, this.#scene);
    const day = language.day(moment ?? now, call.site.time_zone);
    setText(section.printed, moment === null ? "" : `${day} · ${language.say("rollcall_as_of", { time: language.time(moment, call.site.time_zone) })}`);
    section.note.hidden = people.length > 0 && !call.failed;
    const reason = call.failed ? "rollcall_from_board" : moment === null ? "rollcall_loading" : "rollcall_empty";
    setText(section.note, language.say(reason));
    arrange(section.list, people.map((person) => this.#row(section, person)));
    return section.node;
  }

  #sectionOf(siteId) {
    if (!this.#sections.has(siteId)) {
      const section = {
        name: element("h2"),
        count: element("p", { class: "rollcall-count" }),
        missing: element("p", { class: "rollcall-missing" }),
        printed: element("p", { class: "rollcall-printed" }),
        note: element("p", { class: "rollcall-note" }),
        list: element("ul"),
        rows: new Map(),
      };
      const head = element("header", {}, section.name, section.count, section.missing, section.printed);
      section.node = element("section", { class: "rollcall-site", data: { site: siteId } }, head, section.note, section.list);
      this.#sections.set(siteId, section);
    }
    return this.#sections.get(siteId);
  }

  #row(section, person) {
    const { language } = this.#scene;
    let row = section.rows.get(person.employee_id);
    if (!row) {
      const box = element("span", { class: "box" }, shape("tick"));
      const name = element("span", { class: "name" });
      const note = element("span", { class: "note" });
      const toggle = () =>
        this.#tick(() => this.#ticks.delete(person.employee_id) || this.#ticks.add(person.employee_id));
      const button = element("button", { type: "button", on: { click: toggle } }, box, element("span", {}, name, note));
      row = { item: element("li", { data: { who: person.employee_id } }, button), button, name, note };
      section.rows.set(person.employee_id, row);
    }
    setText(row.name, person.display_name);
    setText(row.note, person.status === "break" ? language.say("rollcall_on_break") : "");
    row.button.setAttribute("aria-pressed", String(this.#ticks.has(person.employee_id)));
    return row.item;
  }

  #tick(change) {
    change();
    try {
      globalThis.sessionStorage.setItem(KEPT, JSON.stringify([...this.#ticks]));
    } catch {
      // see the constructor
    }
    this.#onChange();
  }
}

function inside({ site, answer, failed }) {
  if (answer && !failed) return [...answer.inside];
  return [...site.people.values()].filter((person) => person.status !== "out" && person.at_site_id === site.site_id);
}

/** For which moment a list holds: the answer's own, else when the hub last vouched for the board. */
function asOf({ site, answer, failed }, scene) {
  if (answer && !failed) return Date.parse(answer.as_of);
  return scene.freshnessOf(site.site_id).since;
}
