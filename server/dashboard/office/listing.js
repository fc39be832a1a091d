/** One listing of the hub's, page by page by its cursor: what is there, and whether more is. Touches no document. */

const PAGE = 100;
/** The hub's largest page. */
const MOST = 500;

export class Listing {
  #read;
  #command;
  #onChange;
  #asked = 0;
  #cursor = null;
  #filters = null;

  /**
   * @param {object} parts
   * @param {(command: object) => Promise<object>} parts.read
   * @param {(filters: object) => object} parts.command the listing's command for some filters.
   * @param {() => void} parts.onChange
   */
  constructor({ read, command, onChange }) {
    this.#read = read;
    this.#command = command;
    this.#onChange = onChange;
    this.clear();
  }

  /** loading | ready | failed. A listing that was ready and is read again keeps its items meanwhile. */
  get state() {
    return this.busy && this.items === null ? "loading" : this.problem ? "failed" : "ready";
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  clear() {
    this.#asked += 1;
    this.items = null;
    this.problem = null;
    this.busy = false;
    this.#cursor = null;
    this.#filters = null;
  }

  /** Other filters: what was shown is of no use any more. */
  load(filters) {
    this.clear();
    this.#filters = filters;
    return this.#ask({ limit: PAGE, cursor: null }, (page) => page.items);
  }

  /** The same again, as much of it as is shown; quietly. */
  refresh() {
    if (this.#filters === null || this.busy) return Promise.resolve();
    const shown = Math.min(MOST, Math.max(PAGE, this.items?.length ?? 0));
    return this.#ask({ limit: shown, cursor: null }, (page) => page.items);
  }

  more() {
    if (!this.#cursor || this.busy) return Promise.resolve();
    return this.#ask({ limit: PAGE, cursor: this.#cursor }, (page) => [...this.items, ...page.items]);
  }

  async #ask(page, merge) {
    const asked = ++this.#asked;
    this.busy = true;
    this.#onChange();
    try {
      const answer = await this.#read({ ...this.#command(this.#filters), ...page });
      if (asked !== this.#asked) return;
      this.items = merge(answer);
      this.#cursor = answer.next_cursor;
      this.problem = null;
    } catch (problem) {
      if (asked !== this.#asked) return;
      this.problem = problem;
    }
    this.busy = false;
    this.#onChange();
  }
}
