/** Words, times and numbers in the language that was chosen: by the switch, else by the browser's preference. */
import { knownZone, sameDay } from "./clock.js";
import { words } from "./words.js";

export const LANGUAGES = Object.keys(words);

/** @returns {string} the first language of the page's own among the preferred ones; English where none is. */
export function preferredLanguage(preferences) {
  for (const preference of preferences) {
    const language = preference.toLowerCase().split("-")[0];
    if (LANGUAGES.includes(language)) return language;
  }
  return "en";
}

export class Language {
  #formats = new Map();

  /** @param {string} name "es" or "en"; @param {readonly string[]} preferences give the regional habits. */
  constructor(name, preferences = []) {
    this.name = name;
    this.locale = preferences.find((one) => one.toLowerCase().split("-")[0] === name) ?? (name === "en" ? "en-GB" : name);
    this.plural = new Intl.PluralRules(this.locale);
    this.collator = new Intl.Collator(this.locale, { sensitivity: "base" });
    this.numbers = new Intl.NumberFormat(this.locale);
    this.lists = new Intl.ListFormat(this.locale, { type: "conjunction" });
  }

  /** Whether there are words for something that the hub names: another hub's may be newer than this page. */
  has(key) {
    return Object.hasOwn(words[this.name], key);
  }

  /** The words of `key`, filled. Numbers among the values are written in the language's way. */
  say(key, values = {}) {
    return this.parts(key, values).map((part) => part.text).join("");
  }

  /** The same in pieces, so that a name can stand out: `{text, value: name of the placeholder or null}`. */
  parts(key, values = {}) {
    let template = words[this.name][key];
    if (typeof template === "object") template = template[this.plural.select(values.count)] ?? template.other;
    if (template === undefined) throw new Error(`no words for ${key}`);
    return template.split(/(\{\w+\})/).filter(Boolean).map((piece) => {
      if (!/^\{\w+\}$/.test(piece)) return { text: piece, value: null };
      const name = piece.slice(1, -1);
      const value = values[name];
      return { text: typeof value === "number" ? this.number(value) : String(value), value: name };
    });
  }

  number(value) {
    return this.numbers.format(value);
  }

  list(texts) {
    return this.lists.format(texts);
  }

  /** `07:58` of the site's day. */
  time(instant, zone) {
    return this.#format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(instant);
  }

  /** The time; with the day where it isn't today's. */
  moment(instant, zone, now) {
    const time = this.time(instant, zone);
    if (sameDay(instant, now, zone)) return time;
    const near = Math.abs(now - instant) < 6 * 86_400_000;
    const day = this.#format(zone, near ? { weekday: "short" } : { day: "numeric", month: "short" }).format(instant);
    return `${day} ${time}`;
  }

  /** Day, year and time: nothing is left to be guessed. */
  whole(instant, zone) {
    const options = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    return this.#format(zone, options).format(instant);
  }

  /** `martes, 24 de noviembre`. */
  day(instant, zone) {
    return this.#format(zone, { weekday: "long", day: "numeric", month: "long" }).format(instant);
  }

  hour(instant, zone) {
    return this.#format(zone, { hour: "2-digit", hourCycle: "h23" }).format(instant);
  }

  duration(ms) {
    if (ms < 60_000) return this.say("seconds", { seconds: Math.max(0, Math.floor(ms / 1000)) });
    const minutes = Math.floor(ms / 60_000);
    if (minutes < 60) return this.say("minutes", { minutes });
    return this.say("hours_minutes", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
  }

  #format(zone, options) {
    const key = `${zone} ${JSON.stringify(options)}`;
    if (!this.#formats.has(key)) {
      this.#formats.set(key, new Intl.DateTimeFormat(this.locale, { timeZone: knownZone(zone), ...options }));
    }
    return this.#formats.get(key);
  }
}

/** Fills what index.html marks with data-say, data-say-label and data-say-placeholder. */
export function translate(root, language) {
  root.lang = language.name;
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = language.say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-say-label]")) {
    node.setAttribute("aria-label", language.say(node.dataset.sayLabel));
  }
  for (const node of root.querySelectorAll("[data-say-placeholder]")) {
    node.setAttribute("placeholder", language.say(node.dataset.sayPlaceholder));
  }
}
