/** The people of the record: a list that is searched and filtered by the hub, and a form to add one. */
import { element } from "../elements.js";
import { ask } from "./dialogs.js";
import { choiceField, textField } from "./fields.js";
import { Listing } from "./listing.js";
import { ListFrame, Table, button, chip, filterBox, partHead, searchBox } from "./pieces.js";

export class PeoplePart {
  #office;
  #listing;
  #frame;
  #boxes = {};

  constructor(office) {
    this.#office = office;
    this.#listing = new Listing({ read: office.read, command, onChange: office.redraw });
  }

  build() {
    const { language, may, look } = this.#office;
    const { filters } = look;
    const say = (key) => language.say(key);
    const search = searchBox({ language, label: say("search_people"), value: filters.q, onSearch: (q) => this.#filter({ q: q || null }) });
    const site = filterBox({
      label: say("site"),
      value: filters.site,
      options: this.#siteOptions(),
      onChange: (chosen) => this.#filter({ site: chosen, department: null }),
    });
    const department = filterBox({
      label: say("department"),
      value: filters.department,
      options: this.#departmentOptions(filters.site),
      onChange: (chosen) => this.#filter({ department: chosen }),
    });
    department.node.hidden = !may("department.list");
    const active = filterBox({
      label: say("state"),
      value: filters.active,
      options: [["", "active_people"], ["no", "former_people"], ["all", "all_people"]].map(([value, key]) => ({ value, label: say(key) })),
      onChange: (chosen) => this.#filter({ active: chosen }),
    });
    this.#boxes = { site, department };
    const table = new Table({
      label: say("part_people"),
      key: (person) => person.employee_id,
      columns: [
        { label: say("name"), cell: (person) => element("a", { href: this.#office.href({ view: "people", filters: { person: person.employee_id } }), text: person.display_name }) },
        { label: say("employee_number"), cell: (person) => person.employee_number, class: "code" },
        { label: say("site"), cell: (person) => this.#office.places.siteName(person.site_id) },
        { label: say("department"), cell: (person) => this.#office.places.departmentName(person.department_id) },
        { label: say("badges"), cell: (person) => language.number(person.badges), class: "figure" },
        { label: say("state"), cell: (person) => activity(language, person.active) },
      ],
    });
    this.#frame = new ListFrame({
      language,
      table,
      empty: () => say(isNarrowed(this.#office.look.filters) ? "none_match" : may("employee.create") ? "people_empty_admin" : "people_empty"),
      onMore: () => this.#listing.more(),
      onAgain: () => this.#listing.refresh(),
    });
    const actions = [];
    if (may("site.list")) actions.push(element("a", { class: "button quiet", href: this.#office.href({ view: "places" }), text: say("places") }));
    if (may("employee.import")) actions.push(element("a", { class: "button", href: this.#office.href({ view: "import" }), text: say("import_people") }));
    if (may("employee.create")) actions.push(button(say("new_person"), () => this.#create(), "primary"));
    return [
      partHead({ title: say("part_people"), actions }),
      element("div", { class: "tools" }, search.node, site.node, department.node, active.node),
      this.#frame.node,
    ];
  }

  look({ filters }) {
    this.#boxes.department.offer(this.#departmentOptions(filters.site), filters.department);
    this.#boxes.site.offer(this.#siteOptions(), filters.site);
    this.#listing.load(filters);
  }

  placesChanged({ filters }) {
    this.#boxes.department.offer(this.#departmentOptions(filters.site), filters.department);
    this.#boxes.site.offer(this.#siteOptions(), filters.site);
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

  #siteOptions() {
    const { language, places } = this.#office;
    return [{ value: "", label: language.say("all_sites") }, ...siteOptions(places, language)];
  }

  #departmentOptions(siteId) {
    const { language, places } = this.#office;
    return [{ value: "", label: language.say("all_departments") }, ...departmentOptions(places, language, siteId, !siteId)];
  }

  #create() {
    const { language, go } = this.#office;
    ask(this.#office, {
      title: language.say("new_person"),
      fields: personFields(this.#office, {}),
      action: language.say("create"),
      command: (values) => ({ type: "employee.create", ...values }),
      done: (answer) => go({ view: "people", filters: { person: answer.employee_id } }, { step: true }),
    });
  }
}

function command({ q, site, department, active }) {
  return {
    type: "employee.list",
    query: q ?? null,
    site_id: site ?? null,
    department_id: department ?? null,
    active: active === "all" ? null : active !== "no",
  };
}

const isNarrowed = ({ q, site, department, active }) => Boolean(q || site || department || active);

/** `● in service` or `○ left`. */
export function activity(language, active) {
  return active ? chip("good", language.say("person_active"), "in") : chip("quiet", language.say("person_inactive"), "out");
}

export function siteOptions(places, language) {
  return places.sitesBy(language).map((site) => ({ value: site.site_id, label: site.name }));
}

/** Two sites may each have a "Production": where several are offered the site stands beside it. */
export function departmentOptions(places, language, siteId, withSite) {
  return places.departmentsBy(language, siteId).map(({ department_id, site_id, name }) => ({
    value: department_id,
    label: withSite ? language.say("department_at", { department: name, site: places.siteName(site_id) }) : name,
  }));
}

/** The fields of a person; a department is one of the chosen site's. */
export function personFields({ language, places }, person) {
  const say = (key) => language.say(key);
  const sites = siteOptions(places, language);
  const siteId = person.site_id ?? sites[0]?.value ?? "";
  const department = choiceField({
    name: "department_id",
    label: say("department"),
    value: person.department_id,
    options: departmentOptions(places, language, siteId, false),
    required: true,
  });
  const note = (chosen) => department.hint(places.departmentsBy(language, chosen).length ? "" : say("no_departments_here"));
  note(siteId);
  return [
    textField({ name: "display_name", label: say("name"), value: person.display_name ?? "", required: true }),
    textField({ name: "employee_number", label: say("employee_number"), value: person.employee_number ?? "", hint: say("employee_number_hint"), maxlength: 32, required: true }),
    choiceField({
      name: "site_id",
      label: say("site"),
      value: siteId,
      options: sites,
      required: true,
      onChange: (chosen) => {
        department.offer(departmentOptions(places, language, chosen, false));
        note(chosen);
      },
    }),
    department,
  ];
}
