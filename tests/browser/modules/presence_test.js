import { Board } from "/static/board.js";
import { CommandFailed } from "/static/link.js";
import { Presence } from "/static/presence.js";
import { EPOCH, HandTime, aChange, aHead, aPerson, aSite, aState, settle } from "./builders.js";
import { equal, ok } from "./expect.js";

function aPresence() {
  const time = new HandTime();
  const world = { time, board: new Board(), watches: [], moves: [], denied: [], settled: 0 };
  const link = {
    settled: () => (world.settled += 1),
    request: (command, { onPart }) =>
      new Promise((resolve, reject) => {
        world.watches.push({ command, onPart, reject });
      }),
  };
  world.presence = new Presence({
    link,
    board: world.board,
    now: time.now,
    timers: time.timers,
    onMoves: (moves) => world.moves.push(...moves),
    onState: () => {},
    onDenied: (code) => world.denied.push(code),
  });
  world.answer = (...sites) => world.watches.at(-1).onPart(aState(sites));
  world.state = () => world.presence.freshness("s1").state;
  return world;
}

function aLivePresence() {
  const world = aPresence();
  world.presence.linkUp();
  world.answer(aSite({ people: [aPerson("a")] }));
  return world;
}

export function testAFreshStateIsLiveAtOnce() {
  const world = aPresence();
  equal(world.state(), "loading");
  world.presence.linkUp();
  equal(world.watches[0].command, { type: "presence.watch", site_ids: null, after: null });
  equal(world.state(), "loading");
  world.answer(aSite());
  equal(world.state(), "live");
}

export async function testWithoutAHeadForTenSecondsItIsStaleSinceTheLastOne() {
  const world = aLivePresence();
  await world.time.pass(5_000);
  world.presence.push(aHead(10));
  const vouched = world.time.at;
  await world.time.pass(10_000);
  equal(world.state(), "live");
  await world.time.pass(1);
  equal(world.presence.freshness("s1"), { state: "stale", since: vouched });
  world.presence.push(aChange(10, 11, [aPerson("b")]));
  equal(world.state(), "stale", "a push moves somebody; it vouches for nothing");
  world.presence.push(aHead(11));
  equal(world.state(), "live");
  equal(world.settled, 2);
}

export async function testALostLinkIsSoonStaleAndResumesBehindTheHead() {
  const world = aLivePresence();
  const vouched = world.time.at;
  await world.time.pass(2_000);
  world.presence.linkDown();
  equal(world.state(), "catching_up", "a hub that hands over is back at once");
  await world.time.pass(1_501);
  world.presence.linkDown();
  equal(world.presence.freshness("s1"), { state: "stale", since: vouched }, "a failed attempt isn't a new beginning");
  await world.time.pass(60_000);
  world.presence.linkUp();
  equal(world.watches[1].command.after, { s1: { epoch: EPOCH, offset: 10 } });
  equal(world.presence.freshness("s1"), { state: "catching_up", since: vouched });
  world.answer(aSite({ resumed: true }));
  equal(world.state(), "catching_up", "what was missed is still to come");
  world.presence.push(aChange(10, 14, [aPerson("b")]));
  equal(world.state(), "catching_up");
  world.presence.push(aHead(14));
  equal(world.state(), "live");
  world.presence.linkDown();
  await world.time.pass(60_000);
  world.presence.linkUp();
  world.answer(aSite({ resumed: true, offset: 14 }));
  await world.time.pass(10_001);
  equal(world.state(), "stale", "catching up doesn't last for ever");
}

export async function testAHoleAHeadBeyondAndAForeignEpochWatchAgainOnceWithAfter() {
  const table = [aChange(12, 13, []), aHead(11), aChange(10, 11, [], { epoch: "other" }), aHead(10, { epoch: "other" }), aHead(1, { site_id: "s7" })];
  for (const push of table) {
    const world = aLivePresence();
    await world.time.pass(1_000);
    world.presence.push(push);
    world.presence.push(push);
    equal(world.watches.length, 2, `${push.type} ${push.offset}`);
    equal(world.watches[1].command.after, { s1: { epoch: EPOCH, offset: 10 } });
    equal(world.board.site("s1").offset, 10);
    world.answer(aSite({ offset: 13, people: [aPerson("c")] }));
    equal(world.state(), "live");
  }
}

export async function testAStreamThatKeepsBreakingIsNotAskedInABusyLoop() {
  const world = aLivePresence();
  for (let round = 0; round < 100; round += 1) {
    world.presence.push(aHead(99));
    if (world.watches.length > 1) world.answer(aSite());
    await world.time.pass(10);
  }
  ok(world.watches.length <= 4, `one watch each 500 ms at most, had ${world.watches.length}`);
}

export async function testAHeadDuringAnAnswerUnderWayVouchesForNothing() {
  const world = aLivePresence();
  await world.time.pass(3_000);
  const vouched = world.presence.freshness("s1").since;
  world.presence.push(aChange(12, 13, []));
  world.presence.push(aHead(10));
  equal(world.presence.freshness("s1"), { state: "catching_up", since: vouched });
}

export async function testARefusedWatchIsTriedAgainIfItMayAndToldIfNot() {
  const world = aPresence();
  world.presence.linkUp();
  world.watches[0].reject(new CommandFailed("overloaded", { retry: true, retry_after_ms: 700 }));
  await settle();
  await world.time.pass(699);
  equal(world.watches.length, 1);
  await world.time.pass(1);
  equal(world.watches.length, 2);
  world.watches[1].reject(new CommandFailed("forbidden"));
  await settle();
  equal(world.denied, ["forbidden"]);
  await world.time.pass(60_000);
  equal(world.watches.length, 2);
}

export async function testNoTimerOfADeadLinkWatchesOnTheNext() {
  const world = aPresence();
  world.presence.linkUp();
  world.watches[0].reject(new CommandFailed("unavailable", { retry: true }));
  await settle();
  world.presence.linkDown();
  await world.time.pass(10_000);
  equal(world.watches.length, 1);
}

export async function testSeveralSitesAreAsFreshAsTheWorst() {
  const world = aPresence();
  world.presence.linkUp();
  world.answer(aSite(), aSite({ site_id: "s2" }));
  equal(world.presence.freshnessOf(["s1", "s2"]).state, "live");
  equal(world.presence.freshnessOf(["s1", "s3"]).state, "loading");
  world.presence.linkDown();
  await world.time.pass(2_000);
  equal(world.presence.freshnessOf(["s1", "s2"]).state, "stale");
}

export function testAnotherPersonStartsFromNothing() {
  const world = aLivePresence();
  world.presence.linkDown();
  world.presence.reset();
  world.presence.linkUp();
  equal(world.watches.at(-1).command.after, null);
  equal(world.state(), "loading");
}

export function testAnotherScopeIsSeenFromTheStart() {
  const world = aPresence();
  const scope = { site_ids: ["s1"], department_ids: null };
  world.presence.linkUp(scope);
  world.answer(aSite({ people: [aPerson("a")] }));
  world.presence.linkDown();
  world.presence.linkUp({ ...scope });
  ok(world.watches.at(-1).command.after !== null, "the same scope is resumed");
  world.answer(aSite({ resumed: true }));
  world.presence.linkDown();
  world.presence.linkUp({ ...scope, department_ids: ["d1"] });
  equal(world.watches.at(-1).command.after, null);
  equal(world.board.sites.length, 0);
}
