/** Sites and departments by name, as far as a role may list them; who may not sees the sites of the board. */
import { may } from "./permissions.js";

export class Places {
  #requests;
  #board;
  #onChange;
  sites = new Map();
  departments = new Map();
  loaded = false;

  constructor({ requests, board, onChange }) {
    this.#requests = requests;
    this.#board = board;
    this.#onChange = onChange;
  }

  forget() {
    this.sites = new Map();
    this.departments = new Map();
    this.loaded = false;
  }

  /** Rejects with CommandFailed, and then keeps what was known. */
  async load(role) {
    const all = (type) => (may(role, type) ? this.#requests.readAll({ type }) : []);
    const [sites, departments] = await Promise.all([all("site.list"), all("department.list")]);
    this.sites = new Map(sites.map((site) => [site.site_id, site]));
    this.departments = new Map(departments.map((department) => [department.department_id, department]));
    this.loaded = true;
    this.#onChange();
  }

  site(siteId) {
    return this.sites.get(siteId) ?? this.#board.site(siteId) ?? null;
  }

  siteName(siteId) {
    return this.site(siteId)?.name ?? "—";
  }

  zone(siteId) {
    return this.site(siteId)?.time_zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  }

  departmentName(departmentId) {
    return this.departments.get(departmentId)?.name ?? "—";
  }

  sitesBy(language) {
    const known = this.sites.size > 0 ? [...this.sites.values()] : this.#board.sites;
    return [...known].sort((one, other) => language.collator.compare(one.name, other.name));
  }

  departmentsBy(language, siteId = null) {
    return [...this.departments.values()]
      .filter((department) => !siteId || department.site_id === siteId)
      .sort((one, other) => language.collator.compare(one.name, other.name));
  }
}
