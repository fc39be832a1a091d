/**
 * The WebSocket to the hub: handshake, numbered commands matched to their answers, renewal, reconnection.
 *
 * It knows the envelope (protocol sections 1 to 3) and nothing of what travels in it. The socket, the timers,
 * the clock and chance come through the constructor.
 */
import { SessionEnded } from "./session.js";

export const SUBPROTOCOL = "attendance.v1";

/** Settings, with their unit in the name. */
export const LinkSettings = Object.freeze({
  backoff_first_ms: 500,
  backoff_cap_ms: 30_000,
  handshake_timeout_ms: 10_000,
  answer_timeout_ms: 20_000,
  // The hub sends a head every 5 s: four missing mean a dead line that the browser hasn't noticed.
  silence_timeout_ms: 20_000,
  renew_before_expiry_ms: 60_000,
  renew_retry_ms: 5_000,
});

/** `code` is the protocol's, or `disconnected` / `timed_out` of our own. */
export class CommandFailed extends Error {
  constructor(code, { retry = false, retry_after_ms = null, message = code, details = null } = {}) {
    super(message);
    this.code = code;
    this.retry = retry;
    this.retryAfterMs = retry_after_ms;
    this.details = details;
  }
}

/** Full jitter: anywhere between now and the doubled, capped wait, so that a restarted hub isn't stormed. */
export function backoffMs(attempt, random, settings = LinkSettings) {
  return random() * Math.min(settings.backoff_cap_ms, settings.backoff_first_ms * 2 ** attempt);
}

/** 3500 to 3999 say "don't come back as you are"; everything else is a line that broke. */
export function mayReconnect(closeCode) {
  return closeCode < 3500 || closeCode > 3999;
}

const browserTimers = { set: (run, ms) => setTimeout(run, ms), clear: (timer) => clearTimeout(timer) };

export class Link {
  #open;
  #token;
  #lang;
  #handlers;
  #timers;
  #now;
  #random;
  #socket = null;
  #state = "idle";
  #attempt = 0;
  #hubAheadMs = 0;
  #lastId = 0;
  #waiting = new Map();
  #alarms = new Map();

  /**
   * @param {object} parts
   * @param {() => object} parts.open makes a WebSocket (or what behaves like one).
   * @param {(options: {renew: boolean}) => Promise<string>} parts.token a valid access token; rejects with SessionEnded.
   * @param {() => string} parts.lang "es" or "en".
   * @param {object} parts.handlers state(name, detail), welcome(message), push(message); all synchronous.
   */
  constructor({ open, token, lang, handlers, timers = browserTimers, now = Date.now, random = Math.random }) {
    this.#open = open;
    this.#token = token;
    this.#lang = lang;
    this.#handlers = handlers;
    this.#timers = timers;
    this.#now = now;
    this.#random = random;
  }

  /** idle | connecting | up | waiting | refused | ended */
  get state() {
    return this.#state;
  }

  start() {
    if (["idle", "refused", "ended", "waiting"].includes(this.#state)) this.#connect();
  }

  /** Cuts a wait short: the person asked, or the network came back. */
  hurry() {
    if (this.#state === "waiting") this.#connect();
  }

  stop() {
    this.#drop(1000);
    this.#enter("idle");
  }

  /**
   * Sends a command and resolves with its answer. Rejects with CommandFailed.
   * @param {(part: object) => void} [onPart] called in order for each part of an answer that has parts, the last included,
   *   before anything that follows it in the same frame is looked at.
   * @param {number} [timeoutMs] for what takes the hub longer than an answer usually may.
   */
  request(command, { onPart = null, timeoutMs = LinkSettings.answer_timeout_ms } = {}) {
    if (this.#state !== "up") return Promise.reject(new CommandFailed("disconnected", { retry: true }));
    return this.#send(command, onPart, timeoutMs);
  }

  #send(command, onPart, timeoutMs = LinkSettings.answer_timeout_ms) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = this.#timers.set(() => {
        this.#waiting.delete(id);
        reject(new CommandFailed("timed_out", { retry: true }));
      }, timeoutMs);
      this.#waiting.set(id, { resolve, reject, onPart, timer });
      this.#socket.send(JSON.stringify({ ...command, id }));
    });
  }

  async #connect() {
    this.#alarm("reconnect");
    this.#enter("connecting");
    let token;
    try {
      token = await this.#token({ renew: false });
    } catch (problem) {
      if (this.#state !== "connecting") return;
      if (problem instanceof SessionEnded) this.#enter("ended");
      else this.#later();
      return;
    }
    if (this.#state !== "connecting") return;
    const socket = this.#open();
    this.#socket = socket;
    this.#lastId = 0;
    this.#alarm("handshake", LinkSettings.handshake_timeout_ms, () => this.#broken(socket, 4000));
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#received(event.data, token);
    };
    socket.onclose = (event) => this.#broken(socket, event.code);
  }

  #received(text, token) {
    if (this.#state === "up") this.#listen();
    for (const message of JSON.parse(text)) {
      if (message.type === "hello") this.#authenticate(token);
      else if (message.re === undefined) this.#handlers.push(message);
      else this.#answered(message);
    }
  }

  #authenticate(token) {
    this.#send({ type: "auth", token, lang: this.#lang() }, null).then(
      () => {},
      () => {}, // the close code that follows says what to do
    );
  }

  #answered(message) {
    const waiting = this.#waiting.get(message.re);
    if (!waiting) return; // an answer that came after its timeout, or `re: null`: nobody waits for it
    if (message.type !== "error") waiting.onPart?.(message);
    if (message.last === false) return;
    this.#waiting.delete(message.re);
    this.#timers.clear(waiting.timer);
    if (message.type === "error") waiting.reject(new CommandFailed(message.code, message));
    else waiting.resolve(message);
    if (message.type === "welcome") this.#welcomed(message);
  }

  #welcomed(welcome) {
    this.#alarm("handshake");
    this.#enter("up");
    this.#listen();
    this.#hubAheadMs = Date.parse(welcome.server_time) - this.#now();
    if (welcome.expires_at) this.#renewBefore(welcome.expires_at);
    this.#handlers.welcome(welcome);
  }

  /** The line has proved itself: the next break starts from the shortest wait again. */
  settled() {
    this.#attempt = 0;
  }

  #listen() {
    const socket = this.#socket;
    this.#alarm("silence", LinkSettings.silence_timeout_ms, () => this.#broken(socket, 4001));
  }

  #renewBefore(expiresAt) {
    const left = Date.parse(expiresAt) - this.#now() - this.#hubAheadMs; // this machine's clock may be wrong
    const wait = Math.max(1_000, left - LinkSettings.renew_before_expiry_ms * (1 - this.#random() / 4));
    this.#alarm("renew", wait, () => this.#renew());
  }

  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#token({ renew: true });
      if (socket !== this.#socket || this.#state !== "up") return;
      const renewed = await this.request({ type: "auth.refresh", token });
      if (renewed.expires_at) this.#renewBefore(renewed.expires_at);
    } catch (problem) {
      if (socket !== this.#socket) return;
      if (problem instanceof SessionEnded) {
        this.#drop(1000);
        this.#enter("ended");
      } else if (this.#state === "up") {
        this.#alarm("renew", LinkSettings.renew_retry_ms, () => this.#renew());
      }
    }
  }

  #broken(socket, code) {
    if (socket !== this.#socket) return;
    this.#drop(1000);
    if (code === 3500) this.#enter("ended");
    else if (code >= 3000 && !mayReconnect(code)) this.#enter("refused", { code });
    else this.#later();
  }

  #later() {
    const wait = backoffMs(this.#attempt, this.#random);
    this.#attempt += 1;
    this.#enter("waiting", { until: this.#now() + wait });
    this.#alarm("reconnect", wait, () => this.#connect());
  }

  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    for (const name of [...this.#alarms.keys()]) this.#alarm(name);
    for (const { reject, timer } of this.#waiting.values()) {
      this.#timers.clear(timer);
      reject(new CommandFailed("disconnected", { retry: true }));
    }
    this.#waiting.clear();
    socket?.close(code);
  }

  #enter(state, detail = {}) {
    this.#state = state;
    this.#handlers.state(state, detail);
  }

  /** One named timer each: setting it again replaces it, without `ms` it is taken off. */
  #alarm(name, ms = null, run = null) {
    if (this.#alarms.has(name)) this.#timers.clear(this.#alarms.get(name));
    this.#alarms.delete(name);
    if (ms === null) return;
    this.#alarms.set(
      name,
      this.#timers.set(() => {
        this.#alarms.delete(name);
        run();
      }, ms),
    );
  }
}
