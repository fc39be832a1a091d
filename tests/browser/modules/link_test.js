import { Link, LinkSettings, backoffMs, mayReconnect } from "/static/link.js";
import { SessionEnded, Unreachable } from "/static/session.js";
import { HandSocket, HandTime, settle } from "./builders.js";
import { equal, ok, rejects } from "./expect.js";

const HELLO = { type: "hello", protocol: "attendance.v1", hub_id: "h", nonce: "n", server_time: "2026-11-24T09:00:00.000000Z", auth_timeout_seconds: 5 };
const WELCOME = { type: "welcome", re: 1, session_id: "x", role: "supervisor", subject: "u", scope: {}, expires_at: "2026-11-24T09:15:00.000000Z", limits: {}, server_time: HELLO.server_time, device: null };

/** A link in a test's hands: `sockets`, `states`, `pushes`, and tokens that are asked for. */
function aLink({ token = async () => "token-1", random = () => 0.5 } = {}) {
  const time = new HandTime();
  const world = { time, sockets: [], states: [], pushes: [], welcomes: [], asked: [] };
  world.link = new Link({
    open: () => {
      world.sockets.push(new HandSocket());
      return world.sockets.at(-1);
    },
    token: (options) => {
      world.asked.push(options);
      return token(options);
    },
    lang: () => "es",
    handlers: {
      state: (name, detail) => world.states.push([name, detail]),
      welcome: (message) => world.welcomes.push(message),
      push: (message) => world.pushes.push(message),
    },
    timers: time.timers,
    now: time.now,
    random,
  });
  return world;
}

async function anOpenLink(options) {
  const world = aLink(options);
  world.link.start();
  await settle();
  world.socket = world.sockets[0];
  world.socket.hub(HELLO);
  world.socket.hub(WELCOME);
  return world;
}

export async function testItAuthenticatesWithTheFirstIdAndIsUpOnceWelcomed() {
  const world = aLink();
  world.link.start();
  await settle();
  equal(world.sockets[0].sent, [], "nothing goes before hello");
  world.sockets[0].hub(HELLO);
  equal(world.sockets[0].sent, [{ type: "auth", id: 1, token: "token-1", lang: "es" }]);
  equal(world.link.state, "connecting");
  equal((await rejects(world.link.request({ type: "presence.watch" }))).code, "disconnected", "not before welcome");
  world.sockets[0].hub(WELCOME);
  equal(world.link.state, "up");
  equal(world.welcomes.length, 1);
}

export async function testAnswersFindTheirQuestionInAnyOrderAndIdsRise() {
  const { link, socket, pushes } = await anOpenLink();
  const first = link.request({ type: "department.list" });
  const second = link.request({ type: "rollcall.get", site_id: "s1" });
  equal(socket.sent.slice(1).map((one) => one.id), [2, 3]);
  socket.hub({ type: "rollcall.get.result", re: 3, inside: [] }, { type: "presence.head" }, { type: "department.list.result", re: 2, items: [] });
  equal((await first).re, 2);
  equal((await second).re, 3);
  equal(pushes, [{ type: "presence.head" }]);
}

export async function testAnErrorRejectsWithItsCode() {
  const { link, socket } = await anOpenLink();
  const asked = link.request({ type: "punch.list" });
  socket.hub({ type: "error", re: 2, code: "rate_limited", message: "slower", retry: true, retry_after_ms: 400, details: null });
  const problem = await rejects(asked);
  equal([problem.code, problem.retry, problem.retryAfterMs], ["rate_limited", true, 400]);
  socket.hub({ type: "error", re: null, code: "malformed", message: "?", retry: false }, { type: "later", re: 99 });
  equal(link.state, "up", "an answer nobody waits for is no fault");
}

export async function testPartsComeInOrderBeforeWhatFollowsThemInTheFrame() {
  const { link, socket, pushes } = await anOpenLink();
  const seen = [];
  const asked = link.request({ type: "presence.watch" }, { onPart: (part) => seen.push([part.last, pushes.length]) });
  socket.hub({ type: "presence.state", re: 2, last: false, sites: [] });
  socket.hub({ type: "presence.state", re: 2, last: true, sites: [] }, { type: "presence.changed" });
  equal(seen, [[false, 0], [true, 0]]);
  equal(pushes.length, 1);
  equal((await asked).last, true);
}

export async function testEveryCloseCodeSaysWhetherToComeBack() {
  const table = [
    [1000, "waiting"], [1001, "waiting"], [1006, "waiting"], [1011, "waiting"], [3001, "waiting"], [3005, "waiting"],
    [3008, "waiting"], [3010, "waiting"], [3012, "waiting"], [3013, "waiting"], [3499, "waiting"],
    [3500, "ended"], [3501, "refused"], [3502, "refused"], [3999, "refused"],
  ];
  for (const [code, state] of table) {
    const world = await anOpenLink();
    const asked = world.link.request({ type: "rollcall.get" });
    world.socket.hubCloses(code);
    equal(world.link.state, state, `close ${code}`);
    equal((await rejects(asked)).code, "disconnected");
    await world.time.pass(120_000);
    equal(world.sockets.length > 1, state === "waiting", `close ${code}: another socket`);
    ok(mayReconnect(code) === (state === "waiting"), `mayReconnect ${code}`);
  }
}

export async function testBackoffIsFullJitterDoubledAndCapped() {
  equal([0, 1, 2, 5, 6, 40].map((attempt) => backoffMs(attempt, () => 1)), [500, 1000, 2000, 16_000, 30_000, 30_000]);
  equal([0, 3, 40].map((attempt) => backoffMs(attempt, () => 0)), [0, 0, 0]);
  const world = await anOpenLink();
  const waits = [];
  for (let round = 0; round < 9; round += 1) {
    world.sockets.at(-1).hubCloses(1006);
    waits.push(world.states.at(-1)[1].until - world.time.at);
    await world.time.pass(waits.at(-1));
  }
  equal(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  world.sockets.at(-1).hub(HELLO);
  world.sockets.at(-1).hub(WELCOME);
  world.sockets.at(-1).hubCloses(3008);
  equal(world.states.at(-1)[1].until - world.time.at, 15_000, "a welcome alone proves nothing: it may close again at once");
  await world.time.pass(15_000);
  world.sockets.at(-1).hub(HELLO);
  world.sockets.at(-1).hub(WELCOME);
  world.link.settled();
  world.sockets.at(-1).hubCloses(3001);
  equal(world.states.at(-1)[1].until - world.time.at, 250);
}

export async function testHurryCutsTheWaitShort() {
  const world = await anOpenLink();
  world.socket.hubCloses(1006);
  world.link.hurry();
  await settle();
  equal(world.sockets.length, 2);
  await world.time.pass(60_000);
  ok(world.sockets.length >= 2, "the former wait was taken off");
}

export async function testItRenewsOnTheLiveSocketBeforeTheTokenExpires() {
  const world = await anOpenLink({ token: async ({ renew }) => (renew ? "token-2" : "token-1") });
  const keepAlive = async (ms) => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      await world.time.pass(5_000);
      world.socket.hub({ type: "presence.head" });
    }
  };
  await keepAlive(13 * 60_000);
  equal(world.socket.sent.length, 1, "not while there is plenty of time");
  await keepAlive(75_000);
  equal(world.socket.sent.at(-1), { type: "auth.refresh", token: "token-2", id: 2 });
  equal(world.asked.at(-1), { renew: true });
  world.socket.hub({ type: "auth.refresh.result", re: 2, expires_at: "2026-11-24T09:29:15.000000Z" });
  await settle();
  await keepAlive(13 * 60_000);
  equal(world.socket.sent.length, 2, "this machine's clock, decades behind the hub's, doesn't matter");
  await keepAlive(75_000);
  equal(world.socket.sent.filter((one) => one.type === "auth.refresh").length, 2, "and again before the next expiry");
  equal(world.sockets.length, 1, "on the same socket");
}

export async function testARenewalThatFailsIsTriedAgainAndAnEndedSessionEndsTheLink() {
  let answer = () => Promise.reject(new Unreachable());
  const world = await anOpenLink({ token: ({ renew }) => (renew ? answer() : Promise.resolve("token-1")) });
  const alive = async () => {
    await world.time.pass(5_000);
    if (world.link.state === "up") world.socket.hub({ type: "presence.head" });
  };
  for (let round = 0; round < 172; round += 1) await alive();
  const tries = world.asked.length;
  ok(tries >= 3, "it keeps asking while the hub can't answer");
  equal(world.link.state, "up");
  answer = () => Promise.reject(new SessionEnded());
  for (let round = 0; round < 3; round += 1) await alive();
  equal(world.link.state, "ended");
  equal(world.socket.closedWith, 1000);
}

export async function testWithoutASessionNoSocketIsOpened() {
  const world = aLink({ token: () => Promise.reject(new SessionEnded()) });
  world.link.start();
  await settle();
  equal([world.link.state, world.sockets.length], ["ended", 0]);
  const away = aLink({ token: () => Promise.reject(new Unreachable()) });
  away.link.start();
  await settle();
  equal([away.link.state, away.sockets.length], ["waiting", 0]);
}

export async function testADeadLineIsNoticed() {
  const world = await anOpenLink();
  await world.time.pass(LinkSettings.silence_timeout_ms - 1);
  equal(world.link.state, "up");
  world.socket.hub({ type: "presence.head" });
  await world.time.pass(LinkSettings.silence_timeout_ms - 1);
  equal(world.link.state, "up", "any frame is a sign of life");
  await world.time.pass(2);
  ok(world.states.some(([name]) => name === "waiting"), "given up");
  const stuck = aLink();
  stuck.link.start();
  await settle();
  await stuck.time.pass(LinkSettings.handshake_timeout_ms);
  ok(stuck.states.some(([name]) => name === "waiting"), "a hub that never says hello");
}

export async function testAnOldSocketSaysNothingAnyMore() {
  const world = await anOpenLink();
  world.socket.hubCloses(1006);
  await world.time.pass(250);
  world.socket.hub({ type: "presence.head" });
  world.socket.hubCloses(3501);
  equal(world.pushes, []);
  equal(world.link.state, "connecting");
}

export async function testStopLeavesNoTimerBehind() {
  const world = await anOpenLink();
  const asked = world.link.request({ type: "rollcall.get" });
  world.link.stop();
  await rejects(asked);
  equal([world.link.state, world.time.pending, world.socket.closedWith], ["idle", 0, 1000]);
}
