/** Sample messages, and the outside world (time, sockets, chance) under a test's hand. */

export const EPOCH = "0190a000-0000-7000-8000-0000000000e1";

export function aPerson(id, parts = {}) {
  const status = parts.status ?? "in";
  return {
    employee_id: id,
    display_name: `Person ${id}`,
    department_id: "d1",
    status,
    since: "2026-11-24T08:00:00.000000Z",
    at_site_id: status === "out" ? null : "s1",
    expected_from: null,
    expected_until: null,
    ...parts,
  };
}

export function aSite(parts = {}) {
  return {
    site_id: "s1",
    name: "Planta Norte",
    time_zone: "Europe/Madrid",
    epoch: EPOCH,
    offset: 10,
    resumed: false,
    complete_to: "2026-11-24T09:00:00.000000Z",
    silent_devices: [],
    people: [],
    ...parts,
  };
}

export function aState(sites, parts = {}) {
  return { type: "presence.state", re: 2, last: true, sites, ...parts };
}

export function aChange(from, offset, people, parts = {}) {
  return { type: "presence.changed", site_id: "s1", epoch: EPOCH, from, offset, people, removed: [], ...parts };
}

export function aHead(offset, parts = {}) {
  return { type: "presence.head", site_id: "s1", epoch: EPOCH, offset, complete_to: "2026-11-24T09:05:00.000000Z", silent_devices: [], ...parts };
}

/** Lets every promise that can go on do so. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** Time that moves only when told to. */
export class HandTime {
  #timers = new Map();
  #next = 1;

  constructor(at = 1_000_000) {
    this.at = at;
    this.now = () => this.at;
    this.timers = {
      set: (run, ms) => {
        this.#timers.set(this.#next, { due: this.at + ms, run });
        return this.#next++;
      },
      clear: (timer) => this.#timers.delete(timer),
    };
  }

  get pending() {
    return this.#timers.size;
  }

  async pass(ms) {
    const end = this.at + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.due <= end).sort((one, other) => one[1].due - other[1].due)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.at = Math.max(this.at, due[1].due);
      due[1].run();
      await settle();
    }
    this.at = end;
  }
}

/** What a Link sees of a WebSocket; the test is the hub. */
export class HandSocket {
  sent = [];
  closedWith = null;

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  hub(...messages) {
    this.onmessage({ data: JSON.stringify(messages) });
  }

  hubCloses(code) {
    this.onclose({ code });
  }
}

/** Numbers from a seed, the same on every run (mulberry32). */
export function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}
