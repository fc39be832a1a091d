/**
 * Reading and writing over a link that breaks. A write is done once: its `request_key` stays the same until the hub
 * has answered, however often it has to be asked.
 */
import { CommandFailed } from "../link.js";

export const RequestSettings = Object.freeze({
  // What the hub calls transient is asked again so often before a person is told.
  retries: 4,
  retry_ms: 1_000,
  // A timed-out write is asked again at once, since the hub keeps the first answer: so often.
  timeouts: 2,
});

/** A random UUID, also where the page isn't a secure context (plain HTTP in a company's network). */
export function newKey() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** One filled form. What was sent and not answered keeps its key; other content is another request. */
export class Submission {
  #content = null;
  #key = null;

  keyFor(command) {
    const content = JSON.stringify(command);
    if (content !== this.#content) {
      this.#content = content;
      this.#key = newKey();
    }
    return this.#key;
  }

  /** The hub has spoken: the same content again is meant again. */
  answered() {
    this.#content = null;
  }
}

const browserTimers = { set: (run, ms) => setTimeout(run, ms) };

export class Requests {
  #link;
  #timers;
  #waiting = new Set();

  constructor({ link, timers = browserTimers }) {
    this.#link = link;
    this.#timers = timers;
  }

  linkUp() {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves with the answer. Rejects with CommandFailed; `disconnected` is not asked again by itself. */
  async read(command) {
    return this.#patiently(() => this.#link.request(command), null);
  }

  /** Every item of a listing, page by page. */
  async readAll(command, limit = 500) {
    const items = [];
    let cursor = null;
    do {
      const page = await this.read({ ...command, limit, cursor });
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }

  /**
   * Does something once. Outlives the link: when it is back, the same request is asked again with the same key.
   * @param {object} command without `request_key`.
   * @param {object} [how]
   * @param {Submission} [how.submission] of the form that is sent.
   * @param {AbortSignal} [how.signal] nobody waits any more.
   * @param {(waits: boolean) => void} [how.onWait] the link is down, or back.
   * @param {(command: object) => Promise<object>} [how.send] how it is sent, where one frame isn't enough.
   */
  async write(command, { submission = new Submission(), signal = null, onWait = () => {}, send = null } = {}) {
    const keyed = { ...command, request_key: submission.keyFor(command) };
    let timeouts = 0;
    for (;;) {
      try {
        const answer = await this.#patiently(() => (send ? send(keyed) : this.#link.request(keyed)), signal);
        submission.answered();
        return answer;
      } catch (problem) {
        if (signal?.aborted) throw problem;
        if (problem.code === "timed_out" && ++timeouts < RequestSettings.timeouts) continue;
        if (problem.code !== "disconnected") {
          if (problem.code && !problem.retry) submission.answered();
          throw problem;
        }
        onWait(true);
        await this.#linked(signal);
        onWait(false);
      }
    }
  }

  async #patiently(ask, signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask();
      } catch (problem) {
        const transient = problem.retry && problem.code !== "disconnected" && problem.code !== "timed_out";
        if (!transient || attempt > RequestSettings.retries || signal?.aborted) throw problem;
        await new Promise((resolve) => this.#timers.set(resolve, problem.retryAfterMs ?? RequestSettings.retry_ms));
      }
    }
  }

  #linked(signal) {
    if (this.#link.state === "up") return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal?.addEventListener("abort", () => {
        this.#waiting.delete(resolve);
        reject(new CommandFailed("disconnected", { retry: true }));
      });
    });
  }
}
