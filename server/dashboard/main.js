/** The page put together: one place where every part is made and told of the others. */
import { Address, OFFICE_VIEWS } from "./address.js";
import { Board } from "./board.js";
import { HubClock } from "./clock.js";
import { Departments } from "./departments.js";
import { announceFound, dress, listen, showFound } from "./controls.js";
import { byId } from "./elements.js";
import { LANGUAGES, Language, preferredLanguage } from "./i18n.js";
import { Link, SUBPROTOCOL } from "./link.js";
import { Office } from "./office/office.js";
import { Past } from "./past.js";
import { remember, remembered } from "./preferences.js";
import { Presence, PresenceSettings } from "./presence.js";
import { count } from "./roster.js";
import { SceneMaker } from "./scene.js";
import { Session, SessionEnded } from "./session.js";
import { Theme } from "./theme.js";
import { BarView } from "./view_bar.js";
import { CurveView } from "./view_curve.js";
import { FeedView } from "./view_feed.js";
import { NoticeView } from "./view_notice.js";
import { NumbersView, SitesView } from "./view_numbers.js";
import { PeopleView } from "./view_people.js";
import { RollcallView } from "./view_rollcall.js";
import { SignInView } from "./view_signin.js";

const REDRAW_AT_MOST_EVERY_MS = 120;
const RESUME_RETRY_MS = 3_000;
const RESUMED_LATELY_MS = 60_000;

const clock = new HubClock();
const theme = new Theme(window);
const session = new Session();
const board = new Board();
const departments = new Departments();

/** starting | unreachable | signed_out | on */
let phase = "starting";
let role = "supervisor";
let denied = null;
let told = false;
let linkState = { state: "idle" };
let linkedAt = null;
let lastResumeAt = -Infinity;
let lastMoveAt = 0;
let revision = 0;
let retry = null;
let language = chosenLanguage();

const link = new Link({
  open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, SUBPROTOCOL),
  token: (options) => session.token(options),
  lang: () => language.name,
  handlers: {
    state(state, detail) {
      if (linkState.state === "up") linkedAt = clock.now();
      linkState = { state, ...detail };
      if (state !== "up") {
        presence.linkDown();
        office.linkDown();
      }
      if (state === "ended") resumeOrLeave();
      redraw();
    },
    welcome(welcome) {
      clock.set(welcome.server_time);
      role = welcome.role;
      denied = null;
      past.doubt();
      presence.linkUp(welcome.scope);
      loadDepartments();
      office.linkUp(role);
      redraw();
    },
    push: (message) => presence.push(message) && redraw(),
  },
});

const presence = new Presence({
  link,
  board,
  now: clock.now,
  onMoves(moves) {
    lastMoveAt = clock.now();
    revision += 1;
    if (past.feed.see(moves, clock.now())) past.readFeedAgain();
    countHeads();
  },
  onState() {
    told = true;
    revision += 1;
    past.doubt();
    countHeads();
    redraw();
  },
  onDenied(code) {
    denied = code;
    redraw();
  },
});
const past = new Past({ link, now: clock.now, onChange: redraw });
const scenes = new SceneMaker({ board, presence, past, departments });
const address = new Address(window, redraw);
const office = new Office({
  link,
  board,
  address,
  now: clock.now,
  redraw,
  onPlaces() {
    loadDepartments();
    presence.lookAgain();
  },
  onGo: draw,
  signOut: leave,
});

const views = {
  signIn: new SignInView(async (credentials) => {
    await session.signIn(credentials);
    enter();
  }),
  notice: new NoticeView({ onAction: (kind) => (kind === "refused" ? location.reload() : hurry()), onSignOut: leave }),
  bar: new BarView({ onSite: look, onRetry: hurry }),
  numbers: new NumbersView({
    onFilter(status) {
      address.go({ status: address.look.status === status ? null : status });
      draw();
      announceFound(language, found);
    },
  }),
  sites: new SitesView({ onSite: look }),
  curve: new CurveView(),
  people: new PeopleView(),
  feed: new FeedView(),
  rollcall: new RollcallView({ onClose: closeRollcall, onChange: redraw }),
};
let found = 0;

function named() {
  revision += 1;
  redraw();
}

function loadDepartments() {
  departments.load(link).then(named, () => {}); // without names the groups still stand
}

function countHeads() {
  const now = clock.now();
  for (const site of board.sites) {
    past.headcount(site.site_id).see(now, count(site.people, new Set([site.site_id]), now));
  }
}

// --- coming and going ---------------------------------------------------------------------------------------------

async function start() {
  try {
    await session.resume();
    enter();
  } catch (problem) {
    if (!(problem instanceof SessionEnded)) return waitForHub();
    phase = "signed_out";
    draw();
    views.signIn.focus();
  }
}

function waitForHub() {
  phase = "unreachable";
  clearTimeout(retry); // whoever is impatient starts again, not once more
  retry = setTimeout(start, RESUME_RETRY_MS);
  draw();
}

function enter() {
  clearTimeout(retry);
  phase = "on";
  link.start();
  draw();
}

/** The hub closed the session: the cookie may still open another, once; else somebody has to sign in. */
async function resumeOrLeave() {
  const lately = Date.now() - lastResumeAt < RESUMED_LATELY_MS;
  lastResumeAt = Date.now();
  try {
    if (lately) throw new SessionEnded();
    await session.resume();
    link.start();
  } catch (problem) {
    if (problem instanceof SessionEnded) forget({ key: "ended" });
    else waitForHub();
  }
}

async function leave() {
  forget(null);
  await session.signOut();
}

function forget(notice) {
  link.stop();
  presence.reset();
  past.forget();
  views.rollcall.forget();
  office.forget();
  told = false;
  denied = null;
  phase = "signed_out";
  address.go({ query: "", status: null, view: "board", filters: {} });
  byId("account-menu").togglePopover(false);
  draw();
  views.signIn.show(language, notice);
  views.signIn.focus();
}

function hurry() {
  if (phase === "unreachable") start();
  else link.hurry();
}

// --- what is looked at --------------------------------------------------------------------------------------------

function look(siteId) {
  remember("site", siteId);
  address.go({ site: siteId });
  draw();
}

function show(view) {
  if (address.look.view === view) return;
  address.go({ view }, { step: true });
  draw();
  (view === "rollcall" ? byId("rollcall-close") : byId("rollcall-open")).focus();
}

function closeRollcall() {
  if (address.look.view === "rollcall") show("board");
}

function search(query) {
  address.go({ query });
  draw();
  announceFound(language, found);
}

function chosenLanguage() {
  const kept = remembered("language");
  return new Language(LANGUAGES.includes(kept) ? kept : preferredLanguage(navigator.languages), navigator.languages);
}

// --- drawing ------------------------------------------------------------------------------------------------------

let drawnAt = 0;
let asked = false;

/** Draws soon: pushes that come together are drawn together, and a hidden tab still keeps its title. */
function redraw() {
  if (asked) return;
  asked = true;
  const soon = Math.max(0, drawnAt + REDRAW_AT_MOST_EVERY_MS - performance.now());
  setTimeout(() => (document.hidden ? draw() : requestAnimationFrame(draw)), soon);
}

function notice() {
  if (phase === "starting") return "loading";
  if (phase === "unreachable") return "unreachable";
  if (denied) return denied === "forbidden" ? "denied" : "refused";
  if (linkState.state === "refused") return "refused";
  if (board.sites.length > 0) return null;
  if (told) return "no_sites";
  return linkState.state === "waiting" ? "unreachable" : "loading";
}

function draw() {
  asked = false;
  drawnAt = performance.now();
  const inOffice = phase === "on" && office.role !== null && linkState.state !== "refused" && OFFICE_VIEWS.has(address.look.view);
  const kind = phase === "signed_out" || inOffice ? null : notice();
  const view = phase === "signed_out" ? "sign-in" : inOffice ? "office" : kind ? "notice" : address.look.view;
  for (const id of ["sign-in", "notice", "board", "rollcall", "office"]) byId(id).hidden = id !== view;
  // Where somebody is known and something can be done, the way to it stays.
  const withHead = view === "board" || view === "office" || ["no_sites", "denied"].includes(kind);
  byId("top").hidden = !withHead;
  if (withHead) office.showNavigation(language, role, address.look);
  document.documentElement.dataset.view = view;
  document.documentElement.dataset.link = "";
  document.title = language.say("product");
  if (view !== "office") office.show(language);
  if (view === "sign-in") views.signIn.show(language);
  else if (kind) views.notice.show(language, kind, { code: linkState.code ?? denied, signedIn: session.signedIn });
  else if (view === "office") drawOffice();
  else drawBoard(view);
  if (kind && withHead) views.bar.showAlone(aloneScene());
}

/** The head of a part that no board vouches for: it is as fresh as the link. */
function aloneScene() {
  const now = clock.now();
  const since = linkState.state === "up" ? now : linkedAt;
  const lately = since !== null && now - since <= PresenceSettings.reconnect_grace_ms;
  const state = linkState.state === "up" ? "live" : lately ? "catching_up" : "stale";
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { language, freshness: { state, since }, doubtful: state === "stale", zone, now, role, link: { ...linkState, now: Date.now() } };
}

function drawOffice() {
  const scene = aloneScene();
  document.documentElement.dataset.link = scene.freshness.state;
  views.bar.showAlone(scene);
  office.show(language);
  const title = byId("office-title")?.textContent ?? "";
  document.title = `${scene.doubtful ? "▲ " : ""}${title} · ${language.say("product")}`;
}

function drawBoard(view) {
  const now = clock.now();
  const scene = scenes.make({
    look: address.look,
    language,
    now,
    revision,
    role,
    link: { ...linkState, now: Date.now() },
    remembered: remembered("site"),
  });
  for (const site of scene.shown) past.keepHistory(site);
  past.keepFeed(scene.site?.site_id ?? null);
  document.documentElement.dataset.link = scene.freshness.state;
  const sign = scene.doubtful ? "▲ " : "";
  const place = scene.site?.name ?? language.say("all_sites");
  document.title = `${sign}${language.number(scene.counts.in)} ${language.say("in")} · ${place}`;
  if (view === "rollcall") {
    for (const site of scene.shown) past.keepRollcall(site, lastMoveAt);
    const calls = scene.shown.map((site) => ({ site, answer: null, failed: false, ...past.rollcalls.get(site.site_id) }));
    views.rollcall.show(scene, calls);
    return;
  }
  for (const name of ["bar", "numbers", "sites", "curve", "feed"]) views[name].show(scene);
  found = views.people.show(scene);
  showFound(scene, found);
}

listen({
  search,
  clear() {
    address.go({ status: null });
    search("");
  },
  openRollcall: () => show("rollcall"),
  closeRollcall,
  leave,
  nextTheme() {
    theme.next();
    dress(language, theme);
  },
  speak(name) {
    remember("language", name);
    language = chosenLanguage();
    dress(language, theme);
    draw();
  },
  step: (by) => (byId("office").hidden ? views.people.step(by) : office.step(by)),
});
window.addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) hurry();
  redraw();
});
setInterval(redraw, 1_000); // time passes: late, stale and the countdown follow it

dress(language, theme);
draw();
start();
