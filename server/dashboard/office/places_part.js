/** Sites and their departments. */
import { element } from "../elements.js";
import { matcher } from "../roster.js";
import { ask } from "./dialogs.js";
import { choiceField, textField } from "./fields.js";
import { button, partHead, searchBox } from "./pieces.js";

const zones = () => Intl.supportedValuesOf("timeZone");

export class PlacesPart {
  #office;
  #list = element("div", { class: "places" });
  #state = element("p", { class: "list-state", role: "status", hidden: true });
  #shown = null;

  constructor(office) {
    this.#office = office;
  }

  build() {
    const { language, href, look, may } = this.#office;
    const say = (key) => language.say(key);
    this.#shown = null;
    const search = searchBox({ language, label: say("search_places"), value: look.filters.q, wait: 0, onSearch: (q) => this.#office.go({ filters: { ...this.#office.look.filters, q: q || null } }) });
    const create = may("site.create") ? [button(say("new_site"), () => this.#site(null), "primary")] : [];
    const back = { href: href({ view: "people", filters: this.#office.comeFrom("people") }), text: say("back_to_people") };
    return [partHead({ title: say("places"), back, actions: create }), element("div", { class: "tools" }, search.node), this.#list, this.#state];
  }

  look() {}

  refresh() {
    return this.#office.loadPlaces();
  }

  show() {
    const { language, places, placesRevision, look } = this.#office;
    const key = `${placesRevision} ${look.filters.q ?? ""}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const match = look.filters.q ? matcher(look.filters.q) : null;
    const cards = places
      .sitesBy(language)
      .map((site) => {
        const own = !match || match(site.name, "");
        const departments = places.departmentsBy(language, site.site_id).filter((department) => own || match(department.name, ""));
        return own || departments.length ? this.#card(site, departments) : null;
      })
      .filter(Boolean);
    this.#list.replaceChildren(...cards);
    const sentence = cards.length ? "" : language.say(!places.loaded ? "list_loading" : match ? "none_match" : "places_empty");
    this.#state.textContent = sentence;
    this.#state.hidden = !sentence;
  }

  #card(site, departments) {
    const { language, may } = this.#office;
    const say = (key) => language.say(key);
    const lines = departments.map((department) =>
      element(
        "li",
        { data: { key: department.department_id } },
        element("span", { text: department.name }),
        may("department.update") ? button(say("rename"), () => this.#department(site, department), "quiet") : null,
      ),
    );
    const title = element("div", { class: "site-title" }, element("h2", { text: site.name }), element("p", { class: "muted", text: site.time_zone }));
    return element(
      "section",
      { class: "card block", data: { key: site.site_id }, "aria-label": site.name },
      element("header", {}, title, may("site.update") ? button(say("edit"), () => this.#site(site), "quiet") : null),
      lines.length ? element("ul", { class: "departments" }, ...lines) : element("p", { class: "muted", text: say("departments_empty") }),
      may("department.create") ? button(say("new_department"), () => this.#department(site, null), "add") : null,
    );
  }

  #site(site) {
    const { language } = this.#office;
    const say = (key) => language.say(key);
    const known = zones();
    const zone = site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    const offered = known.includes(zone) ? known : [zone, ...known];
    ask(this.#office, {
      title: say(site ? "edit_site" : "new_site"),
      fields: [
        textField({ name: "name", label: say("name"), value: site?.name ?? "", required: true }),
        choiceField({ name: "time_zone", label: say("time_zone"), hint: say("time_zone_hint"), value: zone, options: offered.map((value) => ({ value, label: value })), required: true }),
      ],
      action: say(site ? "save" : "create"),
      command: ({ name, time_zone: timeZone }) =>
        site
          ? { type: "site.update", site_id: site.site_id, name: name === site.name ? null : name, time_zone: timeZone === site.time_zone ? null : timeZone }
          : { type: "site.create", name, time_zone: timeZone },
      done: () => this.#office.loadPlaces(),
    });
  }

  #department(site, department) {
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    ask(this.#office, {
      title: say(department ? "rename_department" : "new_department_at", { site: site.name }),
      fields: [textField({ name: "name", label: say("name"), value: department?.name ?? "", required: true })],
      action: say(department ? "save" : "create"),
      command: ({ name }) =>
        department ? { type: "department.update", department_id: department.department_id, name } : { type: "department.create", site_id: site.site_id, name },
      done: () => this.#office.loadPlaces(),
    });
  }
}
