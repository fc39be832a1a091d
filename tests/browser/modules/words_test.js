import { readLook, writeLook } from "/static/address.js";
import { Language, preferredLanguage } from "/static/i18n.js";
import { words } from "/static/words.js";
import { equal, ok, rejects } from "./expect.js";

const forms = (entry) => (typeof entry === "object" ? Object.values(entry) : [entry]);
const holes = (entry) => [...new Set(forms(entry).flatMap((text) => text.match(/\{\w+\}/g) ?? []))].sort();

export function testBothLanguagesSayTheSameThings() {
  equal(Object.keys(words.es), Object.keys(words.en));
  for (const key of Object.keys(words.en)) {
    equal(holes(words.es[key]), holes(words.en[key]), key);
    for (const language of ["es", "en"]) for (const text of forms(words[language][key])) ok(text.trim(), `${language} ${key}`);
  }
}

export async function testEveryWordThatThePageAsksForExists() {
  const office = ["account", "accounts", "audit", "badge_form", "dialogs", "import", "office", "people", "person", "person_picker", "pieces", "places_part", "security", "sessions", "terminal", "terminals"];
  const sources = [...office.map((name) => `office/${name}.js`), "index.html", "main.js", "controls.js", "view_bar.js", "view_numbers.js", "view_curve.js", "view_people.js", "view_feed.js", "view_rollcall.js", "view_signin.js", "view_notice.js"];
  const asked = new Set();
  for (const source of sources) {
    const text = await (await fetch(`/static/${source}`)).text();
    for (const [, key] of text.matchAll(/data-say(?:-label|-placeholder)?="(\w+)"/g)) asked.add(key);
    for (const [, key] of text.matchAll(/\b(?:say|parts)\(\s*"(\w+)"/g)) asked.add(key);
  }
  ok(asked.size > 250, "the sources were read");
  equal([...asked].filter((key) => !(key in words.en)), []);
}

export function testTheShapesWordsAreTheAgreedOnes() {
  const said = (language) => ["in", "break", "out", "late"].map((key) => words[language][key]);
  equal(said("es"), ["Dentro", "Pausa", "Fuera", "Tarde"]);
  equal(said("en"), ["In", "Break", "Out", "Late"]);
}

export function testTheLanguageIsTheFirstPreferredOne() {
  equal(preferredLanguage(["ca-ES", "es-ES", "en"]), "es");
  equal(preferredLanguage(["en-US", "es"]), "en");
  equal(preferredLanguage(["de"]), "en");
}

export async function testWordsAreFilledAndCounted() {
  const es = new Language("es", ["es-ES"]);
  const en = new Language("en", ["en-US"]);
  equal([1, 2, 12_345].map((count) => es.say("found", { count })), ["1 persona", "2 personas", "12.345 personas"]);
  equal(en.say("found", { count: 12_345 }), "12,345 people");
  equal(en.parts("feed_in", { name: "<b>Ana</b>" }), [{ text: "<b>Ana</b>", value: "name" }, { text: " came in", value: null }]);
  ok((await rejects((async () => en.say("nonsense"))())) instanceof Error, "a word that is missing is a fault");
}

export function testTimesAreTheSitesAndNameTheDayWhereItIsAnother() {
  const es = new Language("es", ["es-ES"]);
  const now = Date.parse("2026-11-24T12:00:00Z");
  equal(es.time(now, "Europe/Madrid"), "13:00");
  equal(es.time(now, "America/Argentina/Buenos_Aires"), "09:00");
  equal(es.time(Date.parse("2026-11-24T23:05:00Z"), "Europe/Madrid"), "00:05", "midnight is 00, in any region");
  equal(new Language("en", ["en-US"]).time(Date.parse("2026-11-24T23:05:00Z"), "Europe/Madrid"), "00:05");
  equal(es.moment(now - 26 * 3_600_000, "Europe/Madrid", now), "lun 11:00");
  equal(es.moment(now - 10 * 86_400_000, "Europe/Madrid", now), "14 nov 13:00");
  equal([es.duration(42_000), es.duration(240_000), es.duration(5_000_000)], ["42 s", "4 min", "1 h 23 min"]);
}

export function testALookSurvivesTheAddress() {
  const look = { site: "s1", status: "break", query: "núñez & co #1", view: "rollcall", filters: {} };
  equal(readLook(writeLook(look)), look);
  equal(writeLook({ site: "", status: null, query: "", view: "board", filters: {} }), "");
  equal(readLook("#status=hacked&view=../x&q="), { site: "", status: null, query: "", view: "board", filters: {} });
}

export function testALookOfTheOfficeKeepsItsOwnFiltersAndNoOthers() {
  const look = { site: "", status: null, query: "", view: "audit", filters: { actor: "a1", action: "badge", from: "2026-11-24T08:00:00.000000Z" } };
  equal(readLook(writeLook(look)), look);
  equal(readLook("#view=terminals&q=puerta&role=admin&actor=x").filters, { q: "puerta" });
  equal(writeLook({ ...look, view: "people", filters: { q: "ana & co", department: null } }), "#view=people&q=ana+%26+co");
}
