/** Departments by id, read once a connection; who may not list them still gets a board, grouped without names. */

const PAGE = 500;

export class Departments {
  #byId = new Map();

  get size() {
    return this.#byId.size;
  }

  get(departmentId) {
    return this.#byId.get(departmentId) ?? null;
  }

  /** Replaces what was known. Rejects with CommandFailed, and then keeps what was known. */
  async load(link) {
    const found = new Map();
    let cursor = null;
    do {
      const page = await link.request({ type: "department.list", limit: PAGE, cursor });
      for (const department of page.items) found.set(department.department_id, department);
      cursor = page.next_cursor;
    } while (cursor);
    this.#byId = found;
  }
}
