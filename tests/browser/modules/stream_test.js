/**
 * State + changes = a fresh state, whatever the way does to the changes: lost, repeated, out of order, collapsed by
 * person, cut by a lost link, and a database that was restored. A model hub keeps the truth at every offset.
 */
import { Board } from "/static/board.js";
import { CommandFailed } from "/static/link.js";
import { Presence } from "/static/presence.js";
import { HandTime, chance, settle } from "./builders.js";
import { equal, ok } from "./expect.js";

const SITES = ["s1", "s2"];
const STEPS = 400;
const REMEMBERED = 12;

class ModelHub {
  constructor(random) {
    this.random = random;
    this.people = new Map();
    this.streams = new Map();
    this.truth = new Map();
    this.moment = 0;
    for (let n = 0; n < 12; n += 1) {
      const home = SITES[n % 2];
      this.people.set(`p${n}`, { employee_id: `p${n}`, display_name: `P${n}`, department_id: home, status: "out", since: null, at_site_id: null });
    }
    for (const siteId of SITES) {
      this.streams.set(siteId, { epoch: `epoch-${siteId}-0`, offset: 0, log: [] });
      this.#note(siteId);
    }
  }

  on(siteId) {
    return [...this.people.values()].filter((person) => person.department_id === siteId || person.at_site_id === siteId);
  }

  #note(siteId) {
    const { epoch, offset } = this.streams.get(siteId);
    this.truth.set(`${siteId} ${epoch} ${offset}`, JSON.stringify(byId(this.on(siteId))));
  }

  /** Somebody does something; a visitor changes two boards. */
  move() {
    const before = this.random.pick([...this.people.values()]);
    const status = this.random.pick(["in", "break", "out"]);
    const place = this.random.next() < 0.7 ? before.department_id : this.random.pick(SITES);
    this.moment += 1;
    const person = { ...before, status, since: String(this.moment), at_site_id: status === "out" ? null : place };
    this.people.set(person.employee_id, person);
    const touched = new Set([person.department_id, before.at_site_id, person.at_site_id].filter(Boolean));
    for (const siteId of touched) {
      const stream = this.streams.get(siteId);
      stream.offset += 1;
      stream.log.push({ offset: stream.offset, employee_id: person.employee_id });
      this.#note(siteId);
    }
    return [...touched].map((siteId) => this.push(siteId, this.streams.get(siteId).offset - 1));
  }

  /** The changes after `from` up to now, collapsed by person. */
  push(siteId, from) {
    const { epoch, offset, log } = this.streams.get(siteId);
    const touched = new Set(log.filter((entry) => entry.offset > from).map((entry) => entry.employee_id));
    const here = new Map(this.on(siteId).map((person) => [person.employee_id, person]));
    const people = [...touched].filter((id) => here.has(id)).map((id) => here.get(id));
    return { type: "presence.changed", site_id: siteId, epoch, from, offset, people, removed: [...touched].filter((id) => !here.has(id)) };
  }

  head(siteId) {
    const { epoch, offset } = this.streams.get(siteId);
    return { type: "presence.head", site_id: siteId, epoch, offset, complete_to: null, silent_devices: [] };
  }

  /** A database came back from a backup: another epoch, and what it says now is what counts. */
  restore() {
    for (const siteId of SITES) {
      const stream = this.streams.get(siteId);
      stream.epoch = `epoch-${siteId}-${this.moment += 1}`;
      stream.offset = this.random.below(5);
      stream.log = [];
      this.#note(siteId);
    }
  }

  /** What a watch is answered: parts, then the missed changes as pushes. */
  answer(after) {
    const sites = [];
    const missed = [];
    for (const siteId of SITES) {
      const { epoch, offset } = this.streams.get(siteId);
      const base = { site_id: siteId, name: siteId, time_zone: "UTC", epoch, complete_to: null, silent_devices: [] };
      const own = after?.[siteId];
      if (own && own.epoch === epoch && own.offset <= offset && offset - own.offset <= REMEMBERED) {
        sites.push({ ...base, offset: own.offset, resumed: true, people: [] });
        if (own.offset < offset) missed.push(this.push(siteId, own.offset));
      } else {
        const people = this.on(siteId);
        const cut = this.random.below(people.length + 1);
        sites.push({ ...base, offset, resumed: false, people: people.slice(0, cut) });
        sites.push({ ...base, offset, resumed: false, people: people.slice(cut) });
      }
    }
    const parts = [];
    while (sites.length) parts.push(sites.splice(0, 1 + this.random.below(2)));
    return [...parts.map((part, index) => ({ type: "presence.state", last: index === parts.length - 1, sites: part })), ...missed];
  }
}

const byId = (people) => [...people].sort((one, other) => (one.employee_id < other.employee_id ? -1 : 1));

class Way {
  /** Messages under way to one client; `deliver` plays a few of them. */
  constructor(hub, random, presence) {
    Object.assign(this, { hub, random, presence, queue: [], watch: null, watching: false, up: false });
  }

  send(push) {
    if (!this.watching) return;
    const luck = this.random.next();
    if (luck < 0.08) return;
    this.queue.push(push);
    if (luck < 0.16) this.queue.push(push);
    if (luck > 0.88 && this.queue.length > 1) {
      const last = this.queue.length - 1;
      if (this.queue[last - 1].type === "presence.changed") [this.queue[last - 1], this.queue[last]] = [this.queue[last], this.queue[last - 1]];
    }
  }

  asked(watch) {
    this.watch = watch;
  }

  /** The hub gets to the watch: whatever was under way stands before its answer. */
  answer() {
    if (!this.watch || !this.up) return;
    const { command, onPart } = this.watch;
    this.watch = null;
    this.watching = true;
    for (const message of this.hub.answer(command.after)) this.queue.push(message.type === "presence.state" ? { ...message, onPart } : message);
  }

  heads() {
    if (this.watching) this.queue.push(...SITES.map((siteId) => this.hub.head(siteId)));
  }

  deliver(count) {
    for (const message of this.queue.splice(0, count)) {
      if (message.onPart) message.onPart(message);
      else this.presence.push(message);
    }
  }
}

function aClient(hub, random) {
  const time = new HandTime();
  const board = new Board();
  const world = { time, board, pendingReject: null, met: {} };
  const meet = (what, times = 1) => (world.met[what] = (world.met[what] ?? 0) + times);
  const watched = {
    part: (state) => {
      const outcome = board.part(state);
      for (const what of ["fresh", "resumed"]) meet(what, outcome?.[what].length ?? 0);
      return outcome;
    },
    changed: (push) => {
      const told = board.changed(push);
      meet(told.verdict);
      meet("removed", told.moves.filter((move) => move.person === null).length);
      return told;
    },
    head: (push) => {
      const verdict = board.head(push);
      meet(verdict);
      return verdict;
    },
    begin: () => board.begin(),
    after: () => board.after(),
    clear: () => board.clear(),
  };
  const link = {
    settled: () => {},
    request: (command, { onPart }) =>
      new Promise((resolve, reject) => {
        world.pendingReject = reject;
        world.way.asked({ command, onPart });
      }),
  };
  world.presence = new Presence({ link, board: watched, now: time.now, timers: time.timers, onMoves: () => {}, onState: () => {}, onDenied: () => {} });
  world.way = new Way(hub, random, world.presence);
  world.up = () => {
    world.way.up = true;
    world.presence.linkUp();
  };
  world.down = async () => {
    Object.assign(world.way, { up: false, watch: null, watching: false, queue: [] });
    world.presence.linkDown();
    world.pendingReject?.(new CommandFailed("disconnected"));
    await settle();
  };
  return world;
}

function holdsTheTruth(world, hub, what) {
  for (const site of world.board.sites) {
    const told = hub.truth.get(`${site.site_id} ${site.epoch} ${site.offset}`);
    ok(told !== undefined, `${what}: ${site.site_id} stands at an offset that the hub never had (${site.epoch} ${site.offset})`);
    equal(JSON.stringify(byId(site.people.values())), told, `${what}: ${site.site_id} at ${site.offset}`);
  }
}

/** @returns what happened, so that the test can tell that it tested something. */
async function play(seed) {
  const random = chance(seed);
  const hub = new ModelHub(random);
  const world = aClient(hub, random);
  world.up();
  for (let step = 0; step < STEPS; step += 1) {
    const luck = random.next();
    if (luck < 0.55) {
      for (const push of hub.move()) world.way.send(push);
    } else if (luck < 0.62) {
      world.way.heads();
    } else if (luck < 0.66) {
      const siteId = random.pick(SITES);
      world.way.send(hub.push(siteId, Math.max(0, hub.streams.get(siteId).offset - random.below(6))));
    } else if (luck < 0.82) {
      world.way.answer();
    } else if (luck < 0.85) {
      if (world.way.up) await world.down();
    } else if (luck < 0.95) {
      if (!world.way.up) world.up();
    } else if (luck < 0.96) {
      hub.restore();
    }
    world.way.deliver(random.below(4));
    await world.time.pass(random.below(400));
    holdsTheTruth(world, hub, `seed ${seed}, step ${step}`);
  }
  // The way gets well again: heads bring every board to where the hub is.
  if (!world.way.up) world.up();
  for (let round = 0; round < 6; round += 1) {
    world.way.answer();
    world.way.deliver(Infinity);
    world.way.heads();
    world.way.deliver(Infinity);
    await world.time.pass(1_000);
  }
  holdsTheTruth(world, hub, `seed ${seed}, at the end`);
  equal(world.presence.freshnessOf(SITES).state, "live", `seed ${seed}`);
  for (const siteId of SITES) {
    const { epoch, offset } = hub.streams.get(siteId);
    equal(world.board.after()[siteId], { epoch, offset }, `seed ${seed}: ${siteId}`);
    equal(byId(world.board.site(siteId).people.values()), byId(hub.on(siteId)), `seed ${seed}: ${siteId}`);
  }
  return world.met;
}

export async function testStateAndChangesAreAFreshStateWhateverTheWayDoes() {
  const met = {};
  for (let seed = 1; seed <= 100; seed += 1) {
    for (const [what, times] of Object.entries(await play(seed))) met[what] = (met[what] ?? 0) + times;
  }
  for (const what of ["applied", "old", "hole", "foreign", "current", "behind", "fresh", "resumed", "removed"]) {
    ok(met[what] >= 100, `${what} was met ${met[what]} times: too seldom to be tested`);
  }
}
