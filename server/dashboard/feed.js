/**
 * What happened, newest first: from `punch.list` (the past) and from the board's changes (the present), each once.
 * No DOM, no I/O.
 *
 * A line: `{key, employee_id, display_name, kind: "in"|"out"|"break_start"|"break_end", at, site_id, received_at}`;
 * `at` and `received_at` in ms, `received_at` null unless the punch came in late.
 */

export const FEED_LINES = 80;
const LATE_ARRIVAL_MS = 60_000;

export class Feed {
  #lines = new Map();

  /** @returns lines at one of these sites, newest first. */
  of(siteIds) {
    return [...this.#lines.values()]
      .filter((line) => siteIds.has(line.site_id))
      .sort((one, other) => other.at - one.at || (one.key < other.key ? 1 : -1))
      .slice(0, FEED_LINES);
  }

  /** Items of `punch.list`. Only what changed somebody's state is news: debounced ones aren't. */
  remember(items) {
    for (const item of items) {
      if (item.outcome !== "recorded" || item.reason === "debounced" || !item.employee_id || !item.kind) continue;
      const at = Date.parse(item.occurred_at ?? item.recorded_at);
      const receivedAt = Date.parse(item.recorded_at);
      this.#put({
        employee_id: item.employee_id,
        display_name: item.display_name ?? "",
        kind: item.kind,
        at,
        site_id: item.site_id,
        received_at: receivedAt - at > LATE_ARRIVAL_MS ? receivedAt : null,
      });
    }
    this.#trim();
  }

  /**
   * Moves as `Board.changed` tells them, at hub time `now`.
   * @returns {boolean} whether the past should be read again: something happened that a push can't tell.
   */
  see(moves, now) {
    let incomplete = false;
    for (const { before, person, site_id: boardId } of moves) {
      if (!person) {
        // A visitor left this site's board; only their home board says when.
        incomplete ||= before.status !== "out";
        continue;
      }
      if (!person.since || (before && before.since === person.since && before.status === person.status)) continue;
      const at = Date.parse(person.since);
      const moved = before && before.status !== "out" ? before.at_site_id : null;
      this.#put({
        employee_id: person.employee_id,
        display_name: person.display_name,
        kind: kindOf(before, person),
        at,
        site_id: person.at_site_id ?? moved ?? boardId,
        received_at: now - at > LATE_ARRIVAL_MS ? now : null,
      });
    }
    this.#trim();
    return incomplete;
  }

  forget() {
    this.#lines.clear();
  }

  #put(line) {
    // A person does one thing at one instant, whoever tells of it.
    const key = `${line.employee_id}@${line.at}`;
    const known = this.#lines.get(key);
    this.#lines.set(key, { ...line, key, received_at: known ? known.received_at : line.received_at });
  }

  #trim() {
    if (this.#lines.size <= FEED_LINES * 8) return;
    const newest = [...this.#lines.values()].sort((one, other) => other.at - one.at).slice(0, FEED_LINES * 4);
    this.#lines = new Map(newest.map((line) => [line.key, line]));
  }
}

function kindOf(before, person) {
  if (person.status === "out") return "out";
  if (person.status === "break") return "break_start";
  return before?.status === "break" && before.at_site_id === person.at_site_id ? "break_end" : "in";
}
