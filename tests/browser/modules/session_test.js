import { Session, SessionEnded, SignInRefused, Unreachable } from "/static/session.js";
import { equal, ok, rejects } from "./expect.js";

function aSession(...answers) {
  const calls = [];
  let at = 0;
  const session = new Session({
    fetch: async (path, options) => {
      calls.push({ path, ...options });
      const next = answers.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    now: () => at,
  });
  return { session, calls, wait: (ms) => (at += ms) };
}

const good = (token, seconds = 900) => new Response(JSON.stringify({ access_token: token, expires_in: seconds }), { status: 200 });
const bad = (status, problem = {}, headers = {}) => new Response(JSON.stringify(problem), { status, headers });

export async function testSigningInSendsWhatWasTypedAndKeepsTheTokenInMemoryAlone() {
  const { session, calls } = aSession(good("secret-token"));
  await session.signIn({ username: "ana", password: "pw", totp: "" });
  equal([calls[0].path, calls[0].method, calls[0].body], ["/api/login", "POST", '{"username":"ana","password":"pw"}']);
  equal(await session.token(), "secret-token");
  equal(calls.length, 1, "a token that holds is used again");
  const kept = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, { ...session }]);
  ok(!kept.includes("secret-token"), "the token is nowhere else");
}

export async function testWhyASignInWasRefused() {
  const table = [
    [bad(401), "credentials", null],
    [bad(401, { code: "totp_required" }), "code_needed", null],
    [bad(403, { code: "forbidden" }), "forbidden", null],
    [bad(429, {}, { "Retry-After": "17" }), "throttled", 17],
  ];
  for (const [answer, reason, seconds] of table) {
    const { session } = aSession(answer);
    const problem = await rejects(session.signIn({ username: "a", password: "b" }));
    ok(problem instanceof SignInRefused, reason);
    equal([problem.reason, problem.retryAfterSeconds, session.signedIn], [reason, seconds, false]);
  }
  for (const answer of [bad(503), new TypeError("no network")]) {
    const { session } = aSession(answer);
    ok((await rejects(session.signIn({ username: "a", password: "b" }))) instanceof Unreachable, "not the person's fault");
  }
}

export async function testRenewalUsesTheCookieWithoutABodyAndOnceForAll() {
  const { session, calls, wait } = aSession(good("one"), good("two"));
  await session.resume();
  equal([calls[0].path, calls[0].body, calls[0].credentials], ["/api/token/refresh", undefined, "same-origin"]);
  wait(880_000);
  equal(await Promise.all([session.token(), session.token(), session.token({ renew: true })]), ["two", "two", "two"]);
  equal(calls.length, 2, "three askers, one request");
}

export async function testAnEndedSessionAndAHubThatIsAwayAreDifferentThings() {
  const ended = aSession(bad(401));
  ok((await rejects(ended.session.resume())) instanceof SessionEnded, "401 ends");
  for (const answer of [bad(429), bad(503), new TypeError("no network")]) {
    const away = aSession(good("one"), answer);
    await away.session.resume();
    ok((await rejects(away.session.token({ renew: true }))) instanceof Unreachable, "the hub is away");
    ok(away.session.signedIn, "and the session stays");
  }
}

export async function testSigningOutForgetsAtOnceEvenIfTheHubIsAway() {
  const { session, calls } = aSession(good("one"), new TypeError("no network"));
  await session.resume();
  await session.signOut();
  equal([session.signedIn, calls[1].path], [false, "/api/token/logout"]);
}
