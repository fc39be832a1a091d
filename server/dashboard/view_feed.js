/** What happened, newest first, each line a sentence with a time. It stands still while somebody reads. */
import { Attention } from "./attention.js";
import { arrange, byId, element, setText, shape } from "./elements.js";

const SHAPES = { in: "in", out: "out", break_start: "break", break_end: "in" };

export class FeedView {
  #attention;
  #shown = [];
  #rows = new Map();
  #whole = false;
  #scene = null;
  #key = "";

  constructor() {
    this.#attention = new Attention(byId("feed-scroll"), () => this.#scene && this.show(this.#scene));
  }

  show(scene) {
    this.#scene = scene;
    const reading = this.#attention.held;
    const { language, feedLines, feedState, place } = scene;
    const key = `${language.name} ${place}`;
    const turned = key !== this.#key;
    this.#key = key;
    if (turned) this.#rows.clear();
    if (!reading || turned) this.#shown = feedLines;
    const waiting = reading ? feedLines.filter((line) => !this.#shown.some((one) => one.key === line.key)).length : 0;

    const paused = byId("feed-paused");
    paused.hidden = !reading;
    setText(paused, waiting ? language.say("feed_waiting", { count: waiting }) : language.say("feed_paused"));
    const note = byId("feed-note");
    const empty = feedLines.length === 0;
    note.hidden = !empty && feedState !== "failed";
    const says = { loading: "feed_loading", failed: "feed_failed", whole: "feed_empty" }[feedState];
    setText(note, language.say(says));

    // News is what comes after the past was read: until then a push may be here before what it follows.
    const fresh = this.#whole && !turned;
    this.#whole = feedState === "whole";
    arrange(byId("feed-lines"), this.#shown.map((line) => this.#row(line, scene, fresh)));
    const kept = new Set(this.#shown.map((line) => line.key));
    for (const rowKey of this.#rows.keys()) if (!kept.has(rowKey)) this.#rows.delete(rowKey);
  }

  #row(line, { language, site, siteOf, now }, fresh) {
    const known = this.#rows.get(line.key);
    if (known && known.kind === line.kind && known.name === line.display_name) return known.item;
    const place = siteOf(line.site_id);
    const zone = (site ?? place)?.time_zone ?? "UTC";
    const sentence = element("p");
    for (const { text, value } of language.parts(`feed_${line.kind}`, { name: line.display_name })) {
      sentence.append(value === "name" ? element("strong", { text }) : text);
    }
    const details = [];
    if (site === null && place) details.push(language.say("feed_site", { site: place.name }));
    if (line.received_at) details.push(language.say("feed_received", { time: language.moment(line.received_at, zone, now) }));
    if (details.length) sentence.append(" ", element("small", { text: details.join(" · ") }));
    const item = element(
      "li",
      { class: fresh ? "feed-line new" : "feed-line", data: { status: SHAPES[line.kind], who: line.employee_id, kind: line.kind } },
      shape(SHAPES[line.kind]),
      element("time", { datetime: new Date(line.at).toISOString(), text: language.moment(line.at, zone, now) }),
      sentence,
    );
    this.#rows.set(line.key, { item, kind: line.kind, name: line.display_name });
    return item;
  }
}
