/**
 * What is looked at, kept in the address behind `#`: it survives a reload, can be sent to a colleague, and never
 * reaches a server's log, since names are typed into it.
 */

const STATUSES = new Set(["in", "break", "out", "late"]);
const VIEWS = new Set(["board", "rollcall"]);

/** @typedef {{site: string, status: string|null, query: string, view: string}} Look  `site`: an id, "" or "all". */

/** @returns {Look} what a hash says; what it doesn't know is left out. */
export function readLook(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const status = said.get("status");
  const view = said.get("view");
  return {
    site: said.get("site") ?? "",
    status: STATUSES.has(status) ? status : null,
    query: (said.get("q") ?? "").slice(0, 100),
    view: VIEWS.has(view) ? view : "board",
  };
}

/** @returns {string} the hash for a look, without what is the default anyway. */
export function writeLook(look) {
  const said = new URLSearchParams();
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
