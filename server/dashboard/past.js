/** What this page must ask for because pushes don't tell it: the day's headcount, earlier punches, roll calls. */
import { localDay, wireTime } from "./clock.js";
import { FEED_LINES, Feed } from "./feed.js";
import { Headcount } from "./headcount.js";

export const PastSettings = Object.freeze({
  history_step_minutes: 5,
  // Punches that arrive late change what was: the curve is read again this often.
  history_refresh_ms: 10 * 60_000,
  feed_refresh_at_most_ms: 15_000,
  rollcall_refresh_ms: 15_000,
  rollcall_after_change_ms: 1_000,
});

export class Past {
  #link;
  #now;
  #onChange;
  #headcounts = new Map();
  #historyAsked = new Map();
  #feedAskedAt = new Map();
  #rollcallAsked = new Map();
  feed = new Feed();
  feedStates = new Map();
  rollcalls = new Map();

  constructor({ link, now, onChange }) {
    this.#link = link;
    this.#now = now;
    this.#onChange = onChange;
  }

  headcount(siteId) {
    if (!this.#headcounts.has(siteId)) this.#headcounts.set(siteId, new Headcount());
    return this.#headcounts.get(siteId);
  }

  /** The link is new, or a stream was told anew: what was read may have holes. */
  doubt() {
    this.#historyAsked.clear();
    this.#feedAskedAt.clear();
    this.#rollcallAsked.clear();
  }

  forget() {
    this.doubt();
    this.#headcounts.clear();
    this.feed.forget();
    this.feedStates.clear();
    this.rollcalls.clear();
  }

  /** Reads a site's local day, unless that was done lately. */
  keepHistory(site) {
    const { start } = localDay(this.#now(), site.time_zone);
    const asked = this.#historyAsked.get(site.site_id);
    const lately = asked && asked.start === start && this.#now() - asked.at < PastSettings.history_refresh_ms;
    if (lately || this.#link.state !== "up") return;
    this.#historyAsked.set(site.site_id, { start, at: this.#now() });
    const command = {
      type: "presence.history",
      site_id: site.site_id,
      from: wireTime(start),
      until: wireTime(Math.max(start, this.#now() - 1_000)),
      step_minutes: PastSettings.history_step_minutes,
    };
    this.#link.request(command).then(
      (history) => {
        this.headcount(site.site_id).remember(history);
        this.#onChange();
      },
      () => {}, // the curve says itself that it starts when the page was opened
    );
  }

  /** Reads the newest punches of a site (null: all in scope), unless that was done since the last `doubt`. */
  keepFeed(siteId) {
    if (this.#feedAskedAt.has(siteId) || this.#link.state !== "up") return;
    this.#feedAskedAt.set(siteId, this.#now());
    if (this.feedStates.get(siteId) !== "whole") this.feedStates.set(siteId, "loading");
    this.#link.request({ type: "punch.list", site_id: siteId, outcome: "recorded", limit: FEED_LINES }).then(
      (page) => {
        this.feed.remember(page.items);
        this.feedStates.set(siteId, "whole");
        this.#onChange();
      },
      (problem) => {
        if (problem.code === "disconnected") this.#feedAskedAt.delete(siteId);
        else this.feedStates.set(siteId, "failed");
        this.#onChange();
      },
    );
  }

  /** Something happened that a push can't tell in full: reads again, but not at every push. */
  readFeedAgain() {
    for (const [siteId, at] of this.#feedAskedAt) {
      if (this.#now() - at >= PastSettings.feed_refresh_at_most_ms) this.#feedAskedAt.delete(siteId);
    }
  }

  /** Asks who is inside when the last answer is old, or somebody came or went since. */
  keepRollcall(site, lastMoveAt) {
    const asked = this.#rollcallAsked.get(site.site_id);
    const age = asked === undefined ? Infinity : this.#now() - asked;
    const moved = lastMoveAt > (asked ?? 0) && age >= PastSettings.rollcall_after_change_ms;
    if (this.#link.state !== "up" || (age < PastSettings.rollcall_refresh_ms && !moved)) return;
    this.#rollcallAsked.set(site.site_id, this.#now());
    const inside = [];
    const onPart = (part) => inside.push(...part.inside);
    this.#link.request({ type: "rollcall.get", site_id: site.site_id }, { onPart }).then(
      (last) => {
        const answer = { ...last, inside };
        this.rollcalls.set(site.site_id, { answer, failed: false });
        this.#onChange();
      },
      (problem) => {
        if (problem.code === "disconnected") this.#rollcallAsked.delete(site.site_id);
        if (!this.rollcalls.get(site.site_id)?.answer) this.rollcalls.set(site.site_id, { answer: null, failed: true });
        this.#onChange();
      },
    );
  }
}
