/** What a person's line means to a supervisor: where they stand, whether they need a look, in which order. Pure. */

const MINUTE_MS = 60_000;

/** From here on a state is remarkable: nobody stays that long without a reason that someone should know. */
export const LONG_BREAK_MS = 60 * MINUTE_MS;
export const LONG_PRESENCE_MS = 12 * 60 * MINUTE_MS;

/**
 * @param {Set<string>} siteIds the sites that are looked at.
 * @returns {"in"|"break"|"out"|"late"|"elsewhere"} `elsewhere`: at work, but at a site that isn't looked at.
 */
export function standing(person, siteIds, now) {
  if (person.status !== "out") return siteIds.has(person.at_site_id) ? person.status : "elsewhere";
  return lateMs(person, now) === null ? "out" : "late";
}

/** How long someone expected hasn't come, or null. */
export function lateMs(person, now) {
  if (person.status !== "out" || !person.expected_from) return null;
  const from = Date.parse(person.expected_from);
  const until = person.expected_until ? Date.parse(person.expected_until) : Infinity;
  if (now < from || now >= until) return null;
  // Who came and left again within the expected time isn't late: they were here.
  if (person.since && Date.parse(person.since) >= from) return null;
  return now - from;
}

/** Why this person should be looked at: `late`, `long_break`, `long_presence` or null. */
export function concern(person, siteIds, now) {
  const where = standing(person, siteIds, now);
  if (where === "late") return "late";
  if (!person.since) return null;
  const lasted = now - Date.parse(person.since);
  if (where === "break" && lasted >= LONG_BREAK_MS) return "long_break";
  if (where === "in" && lasted >= LONG_PRESENCE_MS) return "long_presence";
  return null;
}

/** People of several boards, each once: who is at work stands on two boards with the same line. */
export function gather(sites) {
  if (sites.length === 1) return sites[0].people;
  const people = new Map();
  for (const site of sites) {
    for (const [employeeId, person] of site.people) {
      const known = people.get(employeeId);
      // During a change one board may be a moment ahead: the later state is the true one.
      if (!known || (person.since ?? "") > (known.since ?? "")) people.set(employeeId, person);
    }
  }
  return people;
}

/** @returns {{in: number, break: number, out: number, late: number, elsewhere: number, expects: boolean}} */
export function count(people, siteIds, now) {
  const counts = { in: 0, break: 0, out: 0, late: 0, elsewhere: 0, expects: false };
  for (const person of people.values()) {
    counts[standing(person, siteIds, now)] += 1;
    if (person.expected_from) counts.expects = true;
  }
  return counts;
}

const ORDER = { late: 0, break: 1, in: 2, elsewhere: 3, out: 4 };

/** Those who need a look come first, the longest wait first; then by what they do, then by name. */
export function byNeed(siteIds, now, collator) {
  const keys = new Map();
  const keyOf = (person) => {
    let key = keys.get(person);
    if (!key) {
      const where = standing(person, siteIds, now);
      const worried = concern(person, siteIds, now) ? 0 : 1;
      const waiting = where === "late" ? Date.parse(person.expected_from) : where === "break" ? Date.parse(person.since) : 0;
      key = { worried, order: ORDER[where], waiting: waiting || 0 };
      keys.set(person, key);
    }
    return key;
  };
  return (one, other) => {
    const a = keyOf(one);
    const b = keyOf(other);
    return (
      a.worried - b.worried ||
      a.order - b.order ||
      a.waiting - b.waiting ||
      collator.compare(one.display_name, other.display_name) ||
      (one.employee_id < other.employee_id ? -1 : 1)
    );
  };
}

/** Text without case and accents, so that `nunez` finds Núñez. */
export function folded(text) {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase();
}

/** @returns {(...texts: string[]) => boolean} whether every word of `query` begins a word of one of the texts. */
export function matcher(query) {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  return (...texts) => {
    const hay = ` ${folded(texts.join(" ")).replace(/[-'’.,]/g, " ")}`;
    return words.every((word) => hay.includes(` ${word.replace(/[-'’.,]/g, " ").trim()}`));
  };
}
