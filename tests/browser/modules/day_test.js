import { HubClock, instantOf, localDay, sameDay, wireTime } from "/static/clock.js";
import { Headcount, expectedCurve } from "/static/headcount.js";
import { aPerson } from "./builders.js";
import { equal } from "./expect.js";

const HOUR = 3_600_000;
const utc = (text) => Date.parse(text);

export function testALocalDayIsAsLongAsItsClockChangesMakeIt() {
  const table = [
    ["2026-11-24T12:00:00Z", "Europe/Madrid", "2026-11-23T23:00:00Z", 24],
    ["2026-11-24T12:00:00Z", "America/Argentina/Buenos_Aires", "2026-11-24T03:00:00Z", 24],
    ["2026-11-24T23:30:00Z", "Europe/Madrid", "2026-11-24T23:00:00Z", 24],
    ["2026-10-25T12:00:00Z", "Europe/Madrid", "2026-10-24T22:00:00Z", 25],
    ["2026-03-29T12:00:00Z", "Europe/Madrid", "2026-03-28T23:00:00Z", 23],
    ["2026-03-29T12:00:00Z", "Atlantic/Canary", "2026-03-29T00:00:00Z", 23],
    ["2026-11-24T12:00:00Z", "Not/AZone", "2026-11-24T00:00:00Z", 24],
  ];
  for (const [at, zone, start, hours] of table) {
    const day = localDay(utc(at), zone);
    equal([new Date(day.start).toISOString(), (day.end - day.start) / HOUR], [new Date(utc(start)).toISOString(), hours], `${at} ${zone}`);
    equal(day.hours.length, 25);
  }
  equal(new Date(instantOf(2026, 3, 29, 6, "Europe/Madrid")).toISOString(), "2026-03-29T04:00:00.000Z");
  equal(sameDay(utc("2026-11-24T22:30:00Z"), utc("2026-11-24T23:30:00Z"), "Europe/Madrid"), false);
}

export function testTimesGoOutWithSixDecimalsAndTheHubsClockRules() {
  equal(wireTime(utc("2026-11-24T09:00:00.123Z")), "2026-11-24T09:00:00.123000Z");
  let at = 5_000;
  const clock = new HubClock(() => at);
  clock.set(new Date(65_000).toISOString());
  at += 1_000;
  equal(clock.now(), 66_000);
}

export function testAHeadcountIsWhatWasRememberedThenWhatWasSeen() {
  const heads = new Headcount();
  equal(heads.partial, true);
  const start = utc("2026-11-24T00:00:00Z");
  heads.see(start + 14 * 60_000, { in: 7, break: 1 });
  heads.remember({ from: "2026-11-24T00:00:00.000000Z", step_minutes: 5, points: [[0, 0], [3, 0], [5, 1]] });
  equal(heads.partial, false);
  heads.see(start + 14 * 60_000 + 20_000, { in: 8, break: 1 });
  heads.see(start + 16 * 60_000, { in: 8, break: 1 });
  heads.see(start + 17 * 60_000, { in: 8, break: 0 });
  const at = (minute, count, onBreak) => ({ at: start + minute * 60_000, in: count, break: onBreak });
  equal(heads.since(start), [at(0, 0, 0), at(5, 3, 0), at(10, 5, 1), at(14, 8, 1), at(17, 8, 0)]);
  heads.remember({ from: "2026-11-24T00:00:00.000000Z", step_minutes: 5, points: [[0, 0], [3, 0], [6, 0], [9, 1]] });
  equal(heads.since(start + 10 * 60_000), [at(10, 6, 0), at(15, 9, 1), at(17, 8, 0)], "read again: late punches are in it");
}

export function testTheExpectedCurveCountsThoseWhoShouldBeThere() {
  const day = localDay(utc("2026-11-24T12:00:00Z"), "UTC");
  equal(expectedCurve([aPerson("a")], day), null, "nobody is planned");
  const planned = (id, from, until) => aPerson(id, { expected_from: `2026-11-24T${from}:00Z`, expected_until: `2026-11-24T${until}:00Z` });
  const curve = expectedCurve([planned("a", "08:00", "16:00"), planned("b", "14:00", "22:00")], day, HOUR);
  equal(curve.map((one) => one.expected), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
}
