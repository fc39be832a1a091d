/** The hub's time, and a site's local day. Instants are milliseconds since 1970; on the wire they are RFC 3339. */

/** This machine's clock may be wrong: `set` learns from the hub how far. */
export class HubClock {
  #now;
  #skewMs = 0;

  constructor(now = Date.now) {
    this.#now = now;
    this.now = () => this.#now() + this.#skewMs;
  }

  set(serverTime) {
    this.#skewMs = Date.parse(serverTime) - this.#now();
  }
}

/** @returns {string} RFC 3339 in UTC with six decimals, as the contract wants it. */
export function wireTime(instant) {
  return new Date(instant).toISOString().replace("Z", "000Z");
}

const fields = new Map();

function localFields(instant, zone) {
  if (!fields.has(zone)) {
    fields.set(
      zone,
      new Intl.DateTimeFormat("en-CA", {
        timeZone: knownZone(zone),
        hourCycle: "h23",
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
      }),
    );
  }
  const parts = {};
  for (const { type, value } of fields.get(zone).formatToParts(instant)) parts[type] = Number(value);
  return parts;
}

/** A zone this browser doesn't know is shown in UTC rather than not at all. */
export function knownZone(zone) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

function offsetMs(instant, zone) {
  const local = localFields(instant, zone);
  const asUtc = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second);
  return asUtc - Math.floor(instant / 1000) * 1000;
}

/** The instant at which a wall clock in `zone` reads this; across a DST gap the first one after it. */
export function instantOf(year, month, day, hour, zone) {
  const wall = Date.UTC(year, month - 1, day, hour);
  const guess = wall - offsetMs(wall, zone);
  const again = wall - offsetMs(guess, zone);
  return offsetMs(again, zone) === offsetMs(guess, zone) ? again : Math.max(guess, again);
}

/** @returns {{start: number, end: number, hours: {hour: number, at: number}[]}} the local day around `instant`. */
export function localDay(instant, zone) {
  const { year, month, day } = localFields(instant, zone);
  const start = instantOf(year, month, day, 0, zone);
  const end = instantOf(year, month, day + 1, 0, zone);
  const hours = [];
  for (let hour = 0; hour <= 24; hour += 1) hours.push({ hour, at: instantOf(year, month, day, hour, zone) });
  return { start, end, hours };
}

/** Whether two instants fall on the same local day. */
export function sameDay(one, other, zone) {
  const a = localFields(one, zone);
  const b = localFields(other, zone);
  return a.year === b.year && a.month === b.month && a.day === b.day;
}
