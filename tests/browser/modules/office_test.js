import { CommandFailed, Link } from "/static/link.js";
import { changesOf, idOfActor, instantIn, shortSubject, subjectOf } from "/static/office/audit_entry.js";
import { clientName } from "/static/office/client_name.js";
import { decoded, delimiterOf, partsOf, proposedMapping, rowsOf, toldMapping, topOf } from "/static/office/csv.js";
import { faultOf } from "/static/office/faults.js";
import { problemOf } from "/static/office/line_problems.js";
import { Listing } from "/static/office/listing.js";
import { fromField, toField } from "/static/office/moments.js";
import { Requests, Submission, newKey } from "/static/office/requests.js";
import { byTerminalNeed, clockIsOff, inGroups, pairingText, standingOf } from "/static/office/terminal_state.js";
import { words } from "/static/words.js";
import { equal, ok, rejects } from "./expect.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A link whose answers are told: each of `script` answers one request, an Error rejects it. */
function scripted(...script) {
  const link = { state: "up", asked: [] };
  link.request = async (command) => {
    link.asked.push(command);
    const answer = script.shift();
    if (answer instanceof Error) {
      if (answer.code === "disconnected") link.state = "waiting";
      throw answer;
    }
    return answer;
  };
  return link;
}

const failed = (code, more = {}) => new CommandFailed(code, more);
const now = { set: (run) => queueMicrotask(run) };

export async function testAWriteWhoseLinkDropsIsAskedAgainUnderItsKeyWhenTheLinkIsBack() {
  const link = scripted(failed("disconnected", { retry: true }), { done: true });
  const requests = new Requests({ link, timers: now });
  const waits = [];
  const written = requests.write({ type: "employee.create" }, { onWait: (waiting) => waits.push(waiting) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal([link.asked.length, waits], [1, [true]], "nothing is sent while the link is down");
  link.state = "up";
  requests.linkUp();
  equal(await written, { done: true });
  equal(waits, [true, false]);
  equal(link.asked[1], link.asked[0]);
  ok(UUID.test(link.asked[0].request_key), "a UUID");
}

export async function testAWriteThatTimesOutIsAskedOnceMoreAndKeepsItsKeyForTheNextTry() {
  const late = () => failed("timed_out", { retry: true });
  const link = scripted(late(), late(), { done: true });
  const requests = new Requests({ link, timers: now });
  const submission = new Submission();
  equal((await rejects(requests.write({ type: "pin.set" }, { submission }))).code, "timed_out");
  equal(await requests.write({ type: "pin.set" }, { submission }), { done: true });
  equal(new Set(link.asked.map((one) => one.request_key)).size, 1, "what wasn't answered isn't asked anew");
}

export async function testWhatWasAnsweredOrChangedIsAnotherRequest() {
  const link = scripted({ done: true }, failed("conflict"), failed("conflict"), { done: true });
  const requests = new Requests({ link, timers: now });
  const submission = new Submission();
  await requests.write({ type: "pin.set", pin: "1" }, { submission });
  await rejects(requests.write({ type: "pin.set", pin: "1" }, { submission }));
  await rejects(requests.write({ type: "pin.set", pin: "1" }, { submission }));
  await requests.write({ type: "pin.set", pin: "2" }, { submission });
  equal(new Set(link.asked.map((one) => one.request_key)).size, 4);
}

export async function testWhatTheHubCallsTransientIsAskedAgainUnderTheSameKeyAFewTimes() {
  const busy = () => failed("overloaded", { retry: true, retry_after_ms: 5 });
  const link = scripted(busy(), busy(), { done: true }, ...Array.from({ length: 9 }, busy));
  const requests = new Requests({ link, timers: now });
  equal(await requests.write({ type: "site.create" }), { done: true });
  equal(new Set(link.asked.map((one) => one.request_key)).size, 1);
  equal((await rejects(requests.read({ type: "site.list" }))).code, "overloaded");
  equal(link.asked.length, 3 + 5);
}

export async function testAClosedDialogWaitsForNoLink() {
  const link = scripted(failed("disconnected", { retry: true }), { done: true });
  const gone = new AbortController();
  const written = new Requests({ link, timers: now }).write({ type: "pin.set" }, { signal: gone.signal });
  await new Promise((resolve) => setTimeout(resolve, 5));
  gone.abort();
  equal((await rejects(written)).code, "disconnected");
  equal(link.asked.length, 1);
}

export function testAKeyIsAUuidWithoutASecureContextToo() {
  const { randomUUID } = crypto;
  try {
    Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
    ok(UUID.test(newKey()) && newKey() !== newKey(), "made by hand");
  } finally {
    Object.defineProperty(crypto, "randomUUID", { value: randomUUID, configurable: true });
  }
}

export function testAFailedCommandKeepsTheDetailsThatNameItsField() {
  equal(new CommandFailed("conflict", { details: { field: "badge" } }).details.field, "badge");
  ok(Link, "the link is there");
}

export async function testAListingGoesOnWhereItsCursorSaysAndForgetsAnAnswerThatCameTooLate() {
  const asked = [];
  const answers = [];
  const listing = new Listing({
    read: (command) => new Promise((resolve, reject) => (asked.push(command), answers.push({ resolve, reject }))),
    command: ({ q }) => ({ type: "employee.list", query: q }),
    onChange: () => {},
  });
  listing.load({ q: "old" });
  equal(listing.state, "loading");
  listing.load({ q: "new" });
  answers[0].resolve({ items: ["old"], next_cursor: null });
  answers[1].resolve({ items: ["a"], next_cursor: "c1" });
  await Promise.resolve();
  await Promise.resolve();
  equal([listing.items, listing.state, listing.hasMore], [["a"], "ready", true]);
  const more = listing.more();
  equal(asked[2], { type: "employee.list", query: "new", limit: 100, cursor: "c1" });
  answers[2].resolve({ items: ["b"], next_cursor: null });
  await more;
  equal([listing.items, listing.hasMore], [["a", "b"], false]);
  const again = listing.refresh();
  answers[3].reject(failed("unavailable"));
  await again;
  equal([listing.items, listing.state, listing.problem.code], [["a", "b"], "failed", "unavailable"], "what was there stays");
}

export function testEveryFaultHasWordsAndNamesItsField() {
  const codes = ["conflict", "disconnected", "expired", "forbidden", "internal", "invalid", "malformed", "not_found", "overloaded", "rate_limited", "timed_out", "too_large", "unavailable"];
  const fields = [null, "badge", "name", "username", "employee_number", "scope.site_ids", "fingerprint", "pin", "code", "constructor"];
  for (const code of codes) {
    for (const field of fields) {
      const fault = faultOf(failed(code, { details: field && { field } }));
      ok(fault.key in words.en && fault.key in words.es, `${code} ${field}: ${fault.key}`);
      equal(fault.field, field);
    }
  }
  equal(faultOf(failed("conflict", { details: { field: "badge" } })).key, "fault_taken_badge");
  equal(faultOf(failed("invalid", { details: { field: "scope.site_ids" } })).key, "fault_invalid_scope");
  equal(faultOf(failed("rate_limited", { retry_after_ms: 4_200 })).values, { count: 5 });
  equal(faultOf(failed("<b>")), { key: "fault_other", values: { code: "<b>" }, field: null });
}

export function testAFilesHeaderIsReadWhateverSpreadsheetWroteIt() {
  const spanish = "N.º;Nombre;Apellidos;Centro;Departamento;Núm. tarjeta\r\n1;Ana;\"Ruiz; Vega\";Norte;Ventas;AB12\r\n\r\n2;Leo;Gil;Norte;Ventas;\r\n";
  equal(delimiterOf(spanish), ";");
  const { columns, sample, fault } = topOf(`\ufeff${spanish}`);
  equal([columns.length, sample[0][2], sample.length, fault], [6, "Ruiz; Vega", 2, null]);
  equal(rowsOf('a,"b ""x""\ny"\n', ","), [["a", 'b "x"\ny']]);
  const bytes = Uint8Array.from([0x4e, 0xfa, 0xf1, 0x65, 0x7a]);
  equal(decoded(bytes), "Núñez", "Windows' letters");
  equal(decoded(new TextEncoder().encode("Núñez")), "Núñez");
  equal([topOf("").fault, topOf("a;a\n1;2").fault, topOf("number,name\n").fault], ["csv_empty", "csv_twice", "csv_no_rows"]);
}

export function testColumnsAreProposedAndTheHubIsToldOnlyWhatItWouldNotFind() {
  const columns = ["Número de empleado", "Nombre", "Apellidos", "CENTRO", "Equipo", "Observaciones", "Sede"];
  const proposed = proposedMapping(columns);
  equal(proposed, ["employee_number", "display_name", "surname", "site", "department", "ignore", "ignore"]);
  equal(toldMapping(columns, proposed), { Sede: "ignore" }, "a second site would be a fault");
  const changed = [...proposed];
  changed[5] = "badge";
  equal(toldMapping(columns, changed), { Observaciones: "badge", Sede: "ignore" });
}

export function testAFileGoesInPartsThatFramesCarryAndIsWholeAgain() {
  const nasty = `número;"nombre"\n${'1;"Núñez 👩🏽‍🏭 \\ \u0001"\r\n'.repeat(6_000)}`;
  const parts = partsOf(nasty);
  equal(parts.join("") === nasty, true);
  ok(parts.length > 4, "several");
  for (const part of parts) {
    ok(part.length <= 40_000, "the contract's characters");
    ok(new TextEncoder().encode(JSON.stringify(part)).length <= 60_000, "a frame's bytes");
    ok(part === part.toWellFormed(), "no letter is cut in two");
  }
  equal(partsOf(""), [""]);
}

export function testALinesProblemIsSaidInTheReadersLanguageOrAsTheHubSaidIt() {
  equal(problemOf("is on line 12 too"), { key: "line_twice", values: { line: "12" } });
  ok(problemOf("is empty").key in words.es, "known");
  equal(problemOf("<b>is something new</b>").key, null);
}

export function testATerminalsStandingSaysWhatNeedsALookFirst() {
  const device = { name: "A", status: "active", retired: false, forked_at: null, silent: false, clock_offset_ms: 0 };
  const standings = [
    device,
    { ...device, silent: true },
    { ...device, status: "pending" },
    { ...device, forked_at: "2026-11-24T08:00:00.000000Z", silent: true },
    { ...device, status: "revoked", forked_at: "2026-11-24T08:00:00.000000Z" },
    { ...device, retired: true, silent: true },
  ];
  equal(standings.map(standingOf), ["active", "silent", "pending", "forked", "revoked", "retired"]);
  equal([...standings].sort(byTerminalNeed(new Intl.Collator("es"))).map(standingOf), ["forked", "pending", "silent", "active", "retired", "revoked"]);
  equal([null, 0, 4_999, -5_000].map((offset) => clockIsOff({ clock_offset_ms: offset })), [false, false, false, true]);
  equal(inGroups("abcdefghij"), "abcd efgh ij");
  equal(pairingText("7K3M-Q0ZD-4VXR-9H2T"), "attendance-pair:7K3MQ0ZD4VXR9H2T");
}

export function testAMomentOfAFieldIsTheSitesWallClock() {
  const instant = fromField("2026-07-01T18:30", "Europe/Madrid");
  equal(new Date(instant).toISOString(), "2026-07-01T16:30:00.000Z");
  equal(toField(instant, "America/Argentina/Buenos_Aires"), "2026-07-01T13:30");
  equal(["", null, "tomorrow", "2026-07-01"].map((text) => fromField(text, "UTC")), [null, null, null, null]);
}

export function testAnAuditsEntryTellsWhatChangedAndNothingElse() {
  const entry = { before: { name: "Norte", zone: "UTC", old: 1 }, after: { name: "Sur", zone: "UTC", site_ids: ["a", "b"], reset: [] } };
  equal(changesOf(entry), [
    { name: "name", before: "Norte", after: "Sur" },
    { name: "old", before: "1", after: null },
    { name: "site_ids", before: null, after: "a, b" },
  ]);
  equal(changesOf({ before: null, after: null }), []);
  equal(["account:a1", "device:d1", "operator"].map(idOfActor), ["a1", "d1", null]);
  equal(shortSubject("session:2314adb2-2828-47fb-b798-5e2eca265b81"), "session …265b81");
  const bare = "2314adb2-2828-47fb-b798-5e2eca265b81";
  equal(subjectOf({ subject: `session:${bare}`, action: "session.began" }), { kind: "session", id: "265b81" });
  equal(subjectOf({ subject: bare, action: "device.confirm" }), { kind: "device", id: "265b81" });
  equal([null, "a <b>"].map((subject) => subjectOf({ subject, action: "device.confirm" })), [null, null]);
  equal(["2026-11-24T08:00:00.000000Z", "2026-11-24", "soon"].map(instantIn), [Date.UTC(2026, 10, 24, 8), null, null]);
}

export function testAClientIsSaidAsAPersonWouldSayIt() {
  equal(clientName("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"), "Chrome · Linux");
  equal(clientName("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150 Safari/537.36 Edg/150"), "Edge · Windows");
  equal(clientName("attendance-admin/0.1"), "attendance-admin/0.1");
  equal(clientName(null), "");
}
