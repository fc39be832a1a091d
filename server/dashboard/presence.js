/**
 * Keeps a board whole over a link that breaks: watches, watches again where the stream has a hole, and says
 * honestly how fresh each site is. Protocol section 5.
 */
import { Verdict, needsWatch } from "./board.js";

export const PresenceSettings = Object.freeze({
  // Heads come every 5 s: after two missing ones nobody vouches for what is shown.
  stale_after_ms: 10_000,
  // A hub that hands its sockets on (3001) is back before anybody would look up.
  reconnect_grace_ms: 1_500,
  watch_interval_ms: 500,
  watch_retry_ms: 2_000,
});

/**
 * @typedef {{state: "loading"|"live"|"catching_up"|"stale", since: number|null}} Freshness
 *   `since`: the last moment (ms, hub's clock) for which the hub vouched.
 */

const RANK = { live: 0, catching_up: 1, stale: 2, loading: 3 };

export class Presence {
  #link;
  #board;
  #now;
  #timers;
  #onMoves;
  #onState;
  #onDenied;
  #vouched = new Map();
  #behind = new Set();
  #linkUp = false;
  #scope = null;
  #downAt = -Infinity;
  #watching = false;
  #askedAt = -Infinity;
  #timer = null;

  /**
   * @param {object} parts
   * @param {(moves: object[], push: object) => void} parts.onMoves people moved, as pushes told.
   * @param {(outcome: object) => void} parts.onState a whole `presence.state` was taken over.
   * @param {(code: string) => void} parts.onDenied this account may not watch.
   */
  constructor({ link, board, now, timers, onMoves, onState, onDenied }) {
    this.#link = link;
    this.#board = board;
    this.#now = now;
    this.#timers = timers ?? { set: (run, ms) => setTimeout(run, ms), clear: (timer) => clearTimeout(timer) };
    this.#onMoves = onMoves;
    this.#onState = onState;
    this.#onDenied = onDenied;
  }

  /** @param {object} scope the welcome's: in another scope other people are seen, so nothing is resumed. */
  linkUp(scope) {
    const told = JSON.stringify(scope);
    if (this.#scope !== told) this.reset();
    this.#scope = told;
    this.#linkUp = true;
    this.#watching = false;
    this.#askedAt = -Infinity;
    this.#watchAgain();
  }

  linkDown() {
    if (this.#linkUp) this.#downAt = this.#now();
    this.#linkUp = false;
    this.#watching = false;
    this.#timers.clear(this.#timer);
    this.#timer = null;
  }

  /** There may be other sites now: a watch, resumed where it was, says which. */
  lookAgain() {
    this.#watchAgain();
  }

  /** Another person signed in: nothing of the former one's board stays. */
  reset() {
    this.#board.clear();
    this.#vouched.clear();
    this.#behind.clear();
  }

  /** @returns {boolean} whether the push was one of ours. */
  push(message) {
    let verdict;
    if (message.type === "presence.changed") {
      const told = this.#board.changed(message);
      verdict = told.verdict;
      if (verdict === Verdict.APPLIED) this.#onMoves(told.moves, message);
    } else if (message.type === "presence.head") {
      verdict = this.#board.head(message);
      // An answer under way may still put us back, so only its own heads vouch for anything.
      if (verdict === Verdict.CURRENT && !this.#watching) {
        this.#vouched.set(message.site_id, this.#now());
        this.#behind.delete(message.site_id);
        this.#link.settled();
      }
    } else {
      return false;
    }
    if (needsWatch(verdict)) {
      this.#behind.add(message.site_id);
      this.#watchAgain();
    }
    return true;
  }

  /** @returns {Freshness} of one site. */
  freshness(siteId) {
    const vouchedAt = this.#vouched.get(siteId) ?? null;
    if (vouchedAt === null) return { state: "loading", since: null };
    const now = this.#now();
    if (!this.#linkUp && now - this.#downAt <= PresenceSettings.reconnect_grace_ms) {
      return { state: "catching_up", since: vouchedAt };
    }
    const catchingUp = this.#watching || this.#behind.has(siteId);
    if (this.#linkUp && catchingUp && now - this.#askedAt <= PresenceSettings.stale_after_ms) {
      return { state: "catching_up", since: vouchedAt };
    }
    if (!this.#linkUp || catchingUp || now - vouchedAt > PresenceSettings.stale_after_ms) {
      return { state: "stale", since: vouchedAt };
    }
    return { state: "live", since: vouchedAt };
  }

  /** Whether what is shown may differ from what is: a moment's catching up isn't worth a word yet. */
  doubtful({ state, since }) {
    return state === "stale" || (state === "catching_up" && this.#now() - since > PresenceSettings.stale_after_ms);
  }

  /** @returns {Freshness} of several sites: the worst state, the oldest moment. */
  freshnessOf(siteIds) {
    const all = siteIds.map((siteId) => this.freshness(siteId));
    if (all.length === 0) return { state: "loading", since: null };
    const state = all.reduce((worst, one) => (RANK[one.state] > RANK[worst] ? one.state : worst), "live");
    const moments = all.map((one) => one.since).filter((since) => since !== null);
    return { state, since: moments.length ? Math.min(...moments) : null };
  }

  #watchAgain() {
    if (!this.#linkUp || this.#watching || this.#timer !== null) return;
    const wait = this.#askedAt + PresenceSettings.watch_interval_ms - this.#now();
    if (wait > 0) this.#later(wait);
    else this.#watch();
  }

  #later(ms) {
    this.#timer = this.#timers.set(() => {
      this.#timer = null;
      this.#watchAgain();
    }, ms);
  }

  #watch() {
    this.#watching = true;
    this.#askedAt = this.#now();
    this.#board.begin();
    const command = { type: "presence.watch", site_ids: null, after: this.#board.after() };
    this.#link.request(command, { onPart: (part) => this.#took(part) }).catch((problem) => {
      if (problem.code === "disconnected") return;
      this.#watching = false;
      if (problem.retry) this.#later(problem.retryAfterMs ?? PresenceSettings.watch_retry_ms);
      else this.#onDenied(problem.code);
    });
  }

  #took(part) {
    const outcome = this.#board.part(part);
    if (!outcome) return;
    this.#watching = false;
    for (const siteId of outcome.gone) this.#vouched.delete(siteId);
    for (const siteId of outcome.fresh) {
      this.#vouched.set(siteId, this.#now());
      this.#behind.delete(siteId);
    }
    // What was missed comes as pushes; the head behind them says that it was all.
    for (const siteId of outcome.resumed) this.#behind.add(siteId);
    this.#onState(outcome);
    if (outcome.lost.length > 0) this.#watchAgain();
  }
}
