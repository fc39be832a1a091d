import { Board, Verdict, needsWatch } from "/static/board.js";
import { EPOCH, aChange, aHead, aPerson, aSite, aState } from "./builders.js";
import { equal, ok } from "./expect.js";

const names = (board, siteId = "s1") => [...board.site(siteId).people.keys()].sort();

function aBoard(people = [aPerson("a"), aPerson("b", { status: "out" })]) {
  const board = new Board();
  board.part(aState([aSite({ people })]));
  return board;
}

export function testAStateIsTakenWholeOrNotAtAll() {
  const board = aBoard();
  equal(board.part(aState([aSite({ offset: 20, people: [aPerson("c")] })], { last: false })), null);
  equal(names(board), ["a", "b"], "nothing shows before the last part");
  equal(board.site("s1").offset, 10);
  const outcome = board.part(aState([aSite({ offset: 20, people: [aPerson("d")] }), aSite({ site_id: "s2", people: [aPerson("e")] })]));
  equal(outcome, { fresh: ["s1", "s2"], resumed: [], gone: [], lost: [] });
  equal(names(board), ["c", "d"], "a site spans parts");
  equal(names(board, "s2"), ["e"]);
  equal(board.after(), { s1: { epoch: EPOCH, offset: 20 }, s2: { epoch: EPOCH, offset: 10 } });
}

export function testAnUnfinishedStateIsVoidOnceAnotherWatchBegins() {
  const board = aBoard();
  board.part(aState([aSite({ people: [aPerson("ghost")] })], { last: false }));
  board.begin();
  board.part(aState([aSite({ people: [aPerson("c")] })]));
  equal(names(board), ["c"]);
}

export function testASiteThatIsNoLongerToldIsGone() {
  const board = aBoard();
  equal(board.part(aState([aSite({ site_id: "s2" })])).gone, ["s1"]);
  equal(board.site("s1"), null);
}

export function testAResumedSiteKeepsPeopleOffsetAndWhatWasSaidOfCompleteness() {
  const board = aBoard();
  board.changed(aChange(10, 12, [aPerson("a", { status: "break" })]));
  const outcome = board.part(aState([aSite({ resumed: true, offset: 10, complete_to: "2026-11-24T10:00:00.000000Z", name: "Norte" })]));
  equal(outcome.resumed, ["s1"]);
  equal(names(board), ["a", "b"]);
  const site = board.site("s1");
  equal([site.offset, site.name, site.complete_to], [12, "Norte", "2026-11-24T09:00:00.000000Z"]);
}

export function testResumedWithoutAnythingToResumeFromIsLost() {
  const board = new Board();
  equal(board.part(aState([aSite({ resumed: true })])).lost, ["s1"]);
  equal(board.after(), null, "so that the next watch asks for a fresh state");
}

export function testAPushMovesPeopleAndTellsWhom() {
  const board = aBoard();
  const a = board.site("s1").people.get("a");
  const b = board.site("s1").people.get("b");
  const came = aPerson("b", { since: "2026-11-24T09:00:00.000000Z" });
  const told = board.changed(aChange(10, 13, [came, aPerson("n")], { removed: ["a", "nobody"] }));
  equal(told.verdict, Verdict.APPLIED);
  equal(told.moves, [
    { before: a, person: null, site_id: "s1" },
    { before: b, person: came, site_id: "s1" },
    { before: null, person: aPerson("n"), site_id: "s1" },
  ]);
  equal(names(board), ["b", "n"]);
  equal(board.site("s1").offset, 13);
}

export function testWhatAPushMeansByItsPlaceInTheStream() {
  const table = [
    [aChange(10, 11, []), Verdict.APPLIED, "the next one"],
    [aChange(8, 11, []), Verdict.APPLIED, "overlapping: it tells the state at its offset"],
    [aChange(9, 10, []), Verdict.OLD, "not above our own"],
    [aChange(3, 5, []), Verdict.OLD, "long past"],
    [aChange(11, 12, []), Verdict.HOLE, "beyond our own"],
    [aChange(10, 11, [], { epoch: "other" }), Verdict.FOREIGN, "another epoch"],
    [aChange(10, 11, [], { site_id: "s9" }), Verdict.UNKNOWN, "a site that nobody told us of"],
  ];
  for (const [push, verdict, what] of table) {
    const board = aBoard();
    push.people = [aPerson("z")];
    equal(board.changed(push).verdict, verdict, what);
    equal(board.site("s1").people.has("z"), verdict === Verdict.APPLIED, `${what}: people`);
    equal(needsWatch(verdict), [Verdict.HOLE, Verdict.FOREIGN, Verdict.UNKNOWN].includes(verdict), `${what}: watch`);
  }
}

export function testAHeadVouchesOnlyForWhereWeAre() {
  const silent = [{ device_id: "k", name: "Muelle 2" }];
  const board = aBoard();
  equal(board.head(aHead(11, { silent_devices: silent })), Verdict.BEHIND);
  equal(board.site("s1").complete_to, "2026-11-24T09:00:00.000000Z", "completeness at 11 says nothing of 10");
  equal(board.head(aHead(10, { silent_devices: silent })), Verdict.CURRENT);
  equal([board.site("s1").complete_to, board.site("s1").silent_devices], ["2026-11-24T09:05:00.000000Z", silent]);
  equal(board.head(aHead(10, { epoch: "other" })), Verdict.FOREIGN);
  equal(board.head(aHead(10, { site_id: "s9" })), Verdict.UNKNOWN);
  ok(needsWatch(Verdict.BEHIND) && !needsWatch(Verdict.CURRENT) && !needsWatch(Verdict.OLD), "only behind asks again");
}
