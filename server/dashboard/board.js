/**
 * Who is where, kept exactly as the hub tells it: state + changes = a fresh state.
 *
 * One entry a site, each at one (epoch, offset) of that site's stream. No DOM, no clock, no I/O: a board says
 * what a message meant for it, and `presence.js` decides what to do about that.
 */

/** What a push meant: only `applied` changed people; `hole`, `behind`, `foreign` and `unknown` ask for a new watch. */
export const Verdict = Object.freeze({
  APPLIED: "applied",
  OLD: "old",
  HOLE: "hole",
  FOREIGN: "foreign",
  UNKNOWN: "unknown",
  CURRENT: "current",
  BEHIND: "behind",
});

/** A board that needs the stream told again, from where it stands. */
export function needsWatch(verdict) {
  return [Verdict.HOLE, Verdict.BEHIND, Verdict.FOREIGN, Verdict.UNKNOWN].includes(verdict);
}

export class Board {
  #sites = new Map();
  #staged = null;

  /** Sites in the order in which the hub first named them. */
  get sites() {
    return [...this.#sites.values()];
  }

  site(siteId) {
    return this.#sites.get(siteId) ?? null;
  }

  /** What `presence.watch` takes as `after`; null while nothing is known. */
  after() {
    if (this.#sites.size === 0) return null;
    return Object.fromEntries(this.sites.map((site) => [site.site_id, { epoch: site.epoch, offset: site.offset }]));
  }

  /** A new watch was sent: the parts of an older, unfinished answer are void. */
  begin() {
    this.#staged = null;
  }

  /** Everything known is forgotten: another person signed in. */
  clear() {
    this.#sites.clear();
    this.#staged = null;
  }

  /**
   * One `presence.state`. Nothing shows before the part with `last`, so that a board is never half a state.
   * @returns {null | {fresh: string[], resumed: string[], gone: string[], lost: string[]}} site ids, once whole;
   *   `lost` were called resumed although this board holds nothing to resume from.
   */
  part(state) {
    this.#staged ??= new Map();
    for (const told of state.sites) {
      const staged = this.#staged.get(told.site_id);
      const people = staged?.people ?? new Map();
      for (const person of told.people) people.set(person.employee_id, person);
      this.#staged.set(told.site_id, { ...told, people });
    }
    return state.last ? this.#commit() : null;
  }

  #commit() {
    const outcome = { fresh: [], resumed: [], gone: [], lost: [] };
    const staged = this.#staged;
    this.#staged = null;
    for (const siteId of this.#sites.keys()) {
      if (!staged.has(siteId)) {
        this.#sites.delete(siteId);
        outcome.gone.push(siteId);
      }
    }
    for (const [siteId, told] of staged) {
      const own = this.#sites.get(siteId);
      if (!told.resumed) {
        const { resumed: _, ...site } = told;
        this.#sites.set(siteId, site);
        outcome.fresh.push(siteId);
      } else if (own && own.epoch === told.epoch) {
        // The offset stays our own: pushes of the old watch may have moved it on since `after` was sent.
        // `complete_to` speaks of the hub's offset, which we don't have yet: the next head brings it.
        own.name = told.name;
        own.time_zone = told.time_zone;
        outcome.resumed.push(siteId);
      } else {
        this.#sites.delete(siteId);
        outcome.lost.push(siteId);
      }
    }
    return outcome;
  }

  /**
   * One `presence.changed`.
   * @returns {{verdict: string, moves: {before: object|null, person: object|null, site_id: string}[]}} whom it moved;
   *   `person` is null where someone left this board.
   */
  changed(push) {
    const verdict = this.#judge(push);
    if (verdict !== Verdict.APPLIED) return { verdict, moves: [] };
    const site = this.#sites.get(push.site_id);
    const moves = [];
    for (const employeeId of push.removed) {
      const before = site.people.get(employeeId);
      if (before) moves.push({ before, person: null, site_id: site.site_id });
      site.people.delete(employeeId);
    }
    for (const person of push.people) {
      moves.push({ before: site.people.get(person.employee_id) ?? null, person, site_id: site.site_id });
      site.people.set(person.employee_id, person);
    }
    site.offset = push.offset;
    return { verdict, moves };
  }

  #judge(push) {
    const site = this.#sites.get(push.site_id);
    if (!site) return Verdict.UNKNOWN;
    if (site.epoch !== push.epoch) return Verdict.FOREIGN;
    if (push.offset <= site.offset) return Verdict.OLD;
    return push.from > site.offset ? Verdict.HOLE : Verdict.APPLIED;
  }

  /** One `presence.head`. What it says of completeness holds for its offset, so it is taken only once we are there. */
  head(push) {
    const site = this.#sites.get(push.site_id);
    if (!site) return Verdict.UNKNOWN;
    if (site.epoch !== push.epoch) return Verdict.FOREIGN;
    if (push.offset > site.offset) return Verdict.BEHIND;
    site.complete_to = push.complete_to;
    site.silent_devices = push.silent_devices;
    return Verdict.CURRENT;
  }
}
