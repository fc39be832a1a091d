/**
 * What is looked at, kept in the address behind `#`: it survives a reload, can be sent to a colleague, and never
 * reaches a server's log, since names are typed into it.
 */

const STATUSES = new Set(["in", "break", "out", "late"]);
const BOARD_VIEWS = new Set(["board", "rollcall"]);
const FILTER_LENGTH = 100;

/** What may be filtered in each part of the office; `person`, `terminal` and `account` show one alone. */
const FILTERS = {
  people: ["q", "site", "department", "active", "person"],
  places: ["q"],
  import: [],
  terminals: ["q", "site", "status", "terminal"],
  accounts: ["q", "role", "account"],
  audit: ["actor", "person", "action", "from", "until"],
  security: [],
};
export const OFFICE_VIEWS = new Set(Object.keys(FILTERS));

/**
 * @typedef {object} Look
 * @property {string} view the board, the roll call, or a part of the office.
 * @property {string} site of the board: an id, "" or "all".
 * @property {string|null} status of the board.
 * @property {string} query of the board.
 * @property {Object<string, string>} filters of a part of the office.
 */

/** @returns {Look} what a hash says; what it doesn't know is left out. */
export function readLook(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const view = said.get("view");
  if (OFFICE_VIEWS.has(view)) {
    const told = FILTERS[view].map((name) => [name, (said.get(name) ?? "").slice(0, FILTER_LENGTH)]).filter(([, value]) => value);
    return { site: "", status: null, query: "", view, filters: Object.fromEntries(told) };
  }
  const status = said.get("status");
  return {
    site: said.get("site") ?? "",
    status: STATUSES.has(status) ? status : null,
    query: (said.get("q") ?? "").slice(0, FILTER_LENGTH),
    view: BOARD_VIEWS.has(view) ? view : "board",
    filters: {},
  };
}

/** @returns {string} the hash for a look, without what is the default anyway. */
export function writeLook(look) {
  const said = new URLSearchParams();
  if (OFFICE_VIEWS.has(look.view)) {
    said.set("view", look.view);
    for (const name of FILTERS[look.view]) if (look.filters[name]) said.set(name, look.filters[name]);
    return `#${said}`;
  }
  if (look.site) said.set("site", look.site);
  if (look.status) said.set("status", look.status);
  if (look.query) said.set("q", look.query);
  if (look.view !== "board") said.set("view", look.view);
  const text = said.toString();
  return text ? `#${text}` : "";
}

export class Address {
  #window;
  #look;

  /** @param {(look: Look) => void} onChange the person went back or forward. */
  constructor(window, onChange) {
    this.#window = window;
    this.#look = readLook(window.location.hash);
    window.addEventListener("popstate", () => {
      this.#look = readLook(window.location.hash);
      onChange(this.#look);
    });
  }

  get look() {
    return this.#look;
  }

  /** Typing and filtering replace the entry; `step` makes one to come back from. */
  go(change, { step = false } = {}) {
    this.#look = { ...this.#look, ...change };
    const { pathname, search } = this.#window.location;
    const url = pathname + search + writeLook(this.#look);
    if (step) this.#window.history.pushState(null, "", url);
    else this.#window.history.replaceState(null, "", url);
  }
}
