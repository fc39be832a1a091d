import { Feed } from "/static/feed.js";
import { byNeed, concern, count, gather, lateMs, matcher, standing } from "/static/roster.js";
import { aPerson } from "./builders.js";
import { equal } from "./expect.js";

const now = Date.parse("2026-11-24T12:00:00Z");
const at = (time) => `2026-11-24T${time}:00.000000Z`;
const here = new Set(["s1"]);

export function testWherePeopleStand() {
  const table = [
    [aPerson("a"), "in"],
    [aPerson("a", { status: "break" }), "break"],
    [aPerson("a", { status: "out" }), "out"],
    [aPerson("a", { at_site_id: "s2" }), "elsewhere"],
    [aPerson("a", { status: "out", since: null, expected_from: at("11:00"), expected_until: at("19:00") }), "late"],
    [aPerson("a", { status: "out", since: null, expected_from: at("13:00"), expected_until: at("19:00") }), "out"],
    [aPerson("a", { status: "out", since: null, expected_from: at("03:00"), expected_until: at("11:00") }), "out"],
    [aPerson("a", { status: "out", since: at("11:30"), expected_from: at("11:00"), expected_until: at("19:00") }), "out"],
    [aPerson("a", { expected_from: at("11:00"), expected_until: at("19:00") }), "in"],
  ];
  for (const [person, where] of table) equal(standing(person, here, now), where, JSON.stringify(person));
  equal(lateMs(table[4][0], now), 3_600_000);
}

export function testWhoNeedsALook() {
  equal(concern(aPerson("a", { status: "break", since: at("11:01") }), here, now), null);
  equal(concern(aPerson("a", { status: "break", since: at("11:00") }), here, now), "long_break");
  equal(concern(aPerson("a", { since: at("00:00") }), here, now), "long_presence");
  equal(concern(aPerson("a", { since: at("00:00"), at_site_id: "s2" }), here, now), null, "another site's matter");
  equal(concern(aPerson("a", { status: "out", since: null, expected_from: at("11:00") }), here, now), "late");
}

export function testThoseWhoNeedALookComeFirstThenByNameInTheLanguagesOrder() {
  const people = [
    aPerson("1", { status: "out", display_name: "Ana" }),
    aPerson("2", { display_name: "Zoë" }),
    aPerson("3", { display_name: "Óscar" }),
    aPerson("4", { display_name: "Pau" }),
    aPerson("5", { status: "break", since: at("11:50"), display_name: "Bruno" }),
    aPerson("6", { status: "break", since: at("10:50"), display_name: "Rosa" }),
    aPerson("7", { status: "out", since: null, expected_from: at("11:00"), display_name: "Vera" }),
    aPerson("8", { status: "out", since: null, expected_from: at("10:00"), display_name: "Xavi" }),
    aPerson("9", { at_site_id: "s2", display_name: "Aitor" }),
  ];
  const sorted = people.sort(byNeed(here, now, new Intl.Collator("es")));
  equal(sorted.map((one) => one.display_name), ["Xavi", "Vera", "Rosa", "Bruno", "Óscar", "Pau", "Zoë", "Aitor", "Ana"]);
}

export function testCountsAndPeopleOfSeveralBoards() {
  const visitor = aPerson("v", { at_site_id: "s2", since: at("09:00") });
  const old = aPerson("v", { status: "out", since: at("08:00") });
  const one = { people: new Map([["v", old], ["a", aPerson("a")]]) };
  const two = { people: new Map([["v", visitor]]) };
  equal(gather([one, two]).get("v"), visitor, "each person once, the later state");
  equal(count(gather([one, two]), new Set(["s1", "s2"]), now), { in: 2, break: 0, out: 0, late: 0, elsewhere: 0, expects: false });
  equal(count(new Map([["v", visitor]]), here, now).elsewhere, 1);
}

export function testSearchFindsBeginningsWithoutAccents() {
  const table = [
    ["nunez", "Ana Núñez Ibáñez", true],
    ["NÚÑ ana", "Ana Núñez Ibáñez", true],
    ["uñez", "Ana Núñez Ibáñez", false],
    ["guerra", "Luis Fernández-Guerra", true],
    ["fernandez-g", "Luis Fernández-Guerra", true],
    ["  ", "anyone", true],
    ["x", "", false],
  ];
  for (const [query, name, found] of table) equal(matcher(query)(name), found, `${query} in ${name}`);
  equal(matcher("ana alma")("Ana Gil", "Almacén"), true, "a department's name counts");
}

const anItem = (id, kind, time, parts = {}) => ({
  punch_id: `${id}${time}`, site_id: "s1", employee_id: id, display_name: `Person ${id}`, kind, outcome: "recorded", reason: null,
  occurred_at: at(time), recorded_at: at(time), captured: "online", ...parts,
});
const told = (feed, sites = here) => feed.of(sites).map((line) => `${line.employee_id} ${line.kind} ${new Date(line.at).toISOString().slice(11, 16)}`);

export function testTheFeedHoldsWhatHappenedEachOnce() {
  const feed = new Feed();
  feed.remember([
    anItem("a", "in", "09:00"),
    anItem("b", "in", "09:10", { reason: "debounced" }),
    anItem("c", null, "09:20", { outcome: "held", reason: "badge_unknown" }),
    anItem("d", "in", "09:30", { site_id: "s2" }),
    anItem("a", "break_start", "10:00", { reason: "unexpected_kind" }),
  ]);
  equal(told(feed), ["a break_start 10:00", "a in 09:00"]);
  const before = aPerson("a", { status: "break", since: at("10:00") });
  const back = aPerson("a", { since: at("10:30") });
  feed.see([{ before, person: back, site_id: "s1" }], now);
  feed.see([{ before, person: back, site_id: "s1" }], now);
  feed.remember([anItem("a", "break_end", "10:30")]);
  equal(told(feed), ["a break_end 10:30", "a break_start 10:00", "a in 09:00"]);
}

export function testEveryMoveIsASentenceOfItsKindAtItsPlace() {
  const table = [
    [null, aPerson("a"), "in", "s1"],
    [aPerson("a", { status: "out" }), aPerson("a", { since: at("10:00") }), "in", "s1"],
    [aPerson("a"), aPerson("a", { status: "break", since: at("10:00") }), "break_start", "s1"],
    [aPerson("a", { status: "break" }), aPerson("a", { since: at("10:00") }), "break_end", "s1"],
    [aPerson("a", { status: "break", at_site_id: "s2" }), aPerson("a", { since: at("10:00") }), "in", "s1"],
    [aPerson("a"), aPerson("a", { status: "out", since: at("10:00") }), "out", "s1"],
    [aPerson("a", { at_site_id: "s2" }), aPerson("a", { status: "out", since: at("10:00") }), "out", "s2"],
  ];
  for (const [before, person, kind, place] of table) {
    const feed = new Feed();
    equal(feed.see([{ before, person, site_id: "s1" }], now), false);
    const [line] = feed.of(new Set(["s1", "s2"]));
    equal([line.kind, line.site_id], [kind, place]);
  }
}

export function testWhatIsNoNewsAndWhatCannotBeTold() {
  const feed = new Feed();
  const same = aPerson("a");
  equal(feed.see([{ before: same, person: { ...same, display_name: "Renamed" }, site_id: "s1" }], now), false);
  equal(feed.see([{ before: null, person: aPerson("b", { status: "out", since: null }), site_id: "s1" }], now), false);
  equal(feed.of(here), []);
  equal(feed.see([{ before: same, person: null, site_id: "s1" }], now), true, "a visitor who left: ask the hub when");
  feed.see([{ before: null, person: aPerson("c", { since: at("11:00") }), site_id: "s1" }], now);
  equal(feed.of(here)[0].received_at, now, "a punch that came an hour late says so");
}
