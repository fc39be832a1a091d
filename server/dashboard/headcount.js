/**
 * How many were inside over a site's local day: what the hub remembers (`presence.history`), then what this page
 * saw happen. No DOM, no I/O.
 */

const MINUTE_MS = 60_000;

export class Headcount {
  #points = [];
  #partial = true;

  /** Whether the day's beginning is missing: only what this page saw is known. */
  get partial() {
    return this.#partial;
  }

  /** Takes over an answer of `presence.history`; what was seen live after its last point stays. */
  remember(history) {
    const start = Date.parse(history.from);
    const told = history.points.map(([inside, onBreak], index) => ({
      at: start + index * history.step_minutes * MINUTE_MS,
      in: inside,
      break: onBreak,
    }));
    const toldUntil = told.length ? told[told.length - 1].at : -Infinity;
    this.#points = [...told, ...this.#points.filter((point) => point.at > toldUntil)];
    this.#partial = false;
  }

  /** What the board counts at this moment. A minute keeps its last count. */
  see(at, counts) {
    const last = this.#points[this.#points.length - 1];
    if (last && last.at > at) return;
    if (last && last.in === counts.in && last.break === counts.break) return;
    const point = { at, in: counts.in, break: counts.break };
    const sameMinute = last && Math.floor(last.at / MINUTE_MS) === Math.floor(at / MINUTE_MS);
    if (sameMinute) this.#points[this.#points.length - 1] = { ...point, at: last.at };
    else this.#points.push(point);
  }

  /** @returns {{at: number, in: number, break: number}[]} from `start` on, oldest first. */
  since(start) {
    this.#points = this.#points.filter((point) => point.at >= start);
    return this.#points;
  }

  /** @returns the point that held at `at`, or null before the first. */
  at(at) {
    let found = null;
    for (const point of this.#points) {
      if (point.at > at) break;
      found = point;
    }
    return found;
  }

  forget() {
    this.#points = [];
    this.#partial = true;
  }
}

/** How many are expected at each `step` of the day, from people's own expected times; null if nobody has any. */
export function expectedCurve(people, { start, end }, stepMs = 5 * MINUTE_MS) {
  const spans = [];
  for (const person of people) {
    if (person.expected_from && person.expected_until) {
      spans.push([Date.parse(person.expected_from), Date.parse(person.expected_until)]);
    }
  }
  if (spans.length === 0) return null;
  const curve = [];
  for (let at = start; at <= end; at += stepMs) {
    curve.push({ at, expected: spans.filter(([from, until]) => from <= at && at < until).length });
  }
  return curve;
}
