"""What is wrong, found from histories and record alone: pure functions, one for each way of being wrong.

The record holds what a kiosk kept exactly once, in the order in which it was kept, as every answer said; streams hold
the same order; boards are told what the streams hold and show what the punches add up to.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tests.faults.campaign.checker.histories import (
    Answer,
    BoardHistory,
    Change,
    Kept,
    KioskHistory,
    Person,
    State,
    View,
)
from tests.faults.campaign.checker.record import NOWHERE, Entry, Record, Row

FINAL = "final"
"""The label of the view that is judged."""
ROUNDING_SECONDS = 0.02
"""Clocks are read one after another, in whole milliseconds; the machine's own clock may be slewed meanwhile."""
DATED_BY_HUB_SECONDS = 5.0
"""A punch without a clock is dated by what a hub measured of that boot, at most a slow answer off."""


class Wrong(StrEnum):
    LOST = "lost"
    """A kiosk kept it, or was answered, and it isn't in the record."""
    DUPLICATED = "duplicated"
    """It is in the record more than once, or was twice answered as new."""
    UNEXPECTED = "unexpected"
    """It is in the record and no kiosk ever kept it, or it isn't what the kiosk kept."""
    REORDERED = "reordered"
    """The record or a stream has it in another place than its kiosk."""
    CHANGED = "answer changed"
    """Two answers, or an answer and the record, differ in what must not differ."""
    MISDATED = "misdated"
    """It stands in the record at another time than it happened, whatever the kiosk's clock said."""
    UNEQUAL = "board unequal"
    """A board was told, or shows, something else than the streams and the punches say."""


@dataclass(frozen=True)
class Finding:
    wrong: Wrong
    subject: str
    detail: str


def judge(
    kiosks: Sequence[KioskHistory], boards: Sequence[BoardHistory], record: Record, *, wall_minus_boot: float
) -> list[Finding]:
    """Everything that is wrong, in no particular order; empty where nothing is.

    `wall_minus_boot`: seconds to add to a moment of the histories for its time of day.
    """
    kept = {punch.punch_id: punch for kiosk in kiosks for punch in kiosk.kept}
    answers: dict[str, list[Answer]] = defaultdict(list)
    for kiosk in kiosks:
        for answer in kiosk.answers:
            answers[answer.punch_id].append(answer)
    streams = Streams(record)
    return [
        *lost(kept, answers, record.punches),
        *lost_receipts(record),
        *duplicated(record.punches, answers),
        *unexpected(kept, record.punches),
        *unfinished(kiosks),
        *reordered_journals(record.punches),
        *reordered_streams(record),
        *changed_answers(answers, record.punches),
        *misdated(kept, record.punches, wall_minus_boot),
        *streams_with_holes(record),
        *(finding for board in boards for finding in told_wrongly(board, record, streams)),
        *told_differently(boards),
        *(finding for board in boards for finding in went_backwards(board)),
        *(finding for board in boards for finding in shows_wrongly(board, record)),
    ]


def lost(kept: dict[str, Kept], answers: dict[str, list[Answer]], rows: Iterable[Row]) -> Iterator[Finding]:
    recorded = {row.punch_id for row in rows}
    for punch_id in (kept.keys() | answers.keys()) - recorded:
        how = "answered" if punch_id in answers else "kept, never answered"
        punch = kept.get(punch_id)
        yield Finding(Wrong.LOST, punch_id, f"{how}; {punch}")


def lost_receipts(record: Record) -> Iterator[Finding]:
    """A punch without its receipt would be recorded again, a receipt without its punch is a lost one."""
    rows = Counter((*row.place, row.recorded_at) for row in record.punches)
    receipts = Counter((one.device_id, one.log_id, one.seq, one.recorded_at) for one in record.receipts)
    for place in rows - receipts:
        yield Finding(Wrong.DUPLICATED, str(place), "a punch stands in the record without a receipt")
    for place in receipts - rows:
        yield Finding(Wrong.LOST, str(place), "a receipt stands without its punch")


def duplicated(rows: Sequence[Row], answers: dict[str, list[Answer]]) -> Iterator[Finding]:
    for name, counts in (
        ("punch", Counter(row.punch_id for row in rows)),
        ("place", Counter(row.place for row in rows)),
        ("text", Counter(row.text_sha256 for row in rows)),
    ):
        for key, count in counts.items():
            if count > 1:
                yield Finding(Wrong.DUPLICATED, str(key), f"one {name} stands {count} times in the record")
    for punch_id, told in answers.items():
        if sum(not answer.duplicate for answer in told) > 1:
            yield Finding(Wrong.DUPLICATED, punch_id, "answered twice as a new punch")


def unexpected(kept: dict[str, Kept], rows: Iterable[Row]) -> Iterator[Finding]:
    for row in rows:
        punch = kept.get(row.punch_id)
        if punch is None:
            yield Finding(Wrong.UNEXPECTED, row.punch_id, f"no kiosk kept it; {row.place}")
        elif (row.place, row.text_sha256) != ((punch.device_id, punch.log_id, punch.seq), punch.text_sha256):
            yield Finding(Wrong.UNEXPECTED, row.punch_id, f"kept as {punch}, recorded as {row.place}")


def unfinished(kiosks: Iterable[KioskHistory]) -> Iterator[Finding]:
    """A kiosk that still waits for an answer proves nothing."""
    for kiosk in kiosks:
        missing = {punch.punch_id for punch in kiosk.kept} - {answer.punch_id for answer in kiosk.answers}
        if not kiosk.ended:
            yield Finding(Wrong.LOST, kiosk.name, f"it didn't come to its end; {len(missing)} without an answer")


def reordered_journals(rows: Iterable[Row]) -> Iterator[Finding]:
    """Within a journal the record rises with `seq`, without a gap, and each text names the one before it."""
    journals: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        journals[(row.device_id, row.log_id)].append(row)
        said = (row.signed_punch_id, row.signed_device_id, row.signed_log_id, row.signed_seq)
        if said != (row.punch_id, *row.place):
            yield Finding(Wrong.REORDERED, row.punch_id, f"it stands at {row.place} and was signed for {said}")
    for journal, punches in journals.items():
        punches.sort(key=lambda row: row.seq)
        seqs = [row.seq for row in punches]
        if seqs != list(range(1, len(seqs) + 1)):
            yield Finding(Wrong.REORDERED, str(journal), "its places are not 1, 2, 3 … without a gap")
        for before, row in zip([None, *punches], punches, strict=False):
            if row.previous != (None if before is None else before.digest):
                yield Finding(Wrong.REORDERED, row.punch_id, f"the punch before {row.place} is not the one it names")
            if before is not None and row.recorded_at < before.recorded_at:
                yield Finding(Wrong.REORDERED, row.punch_id, f"{row.place} was recorded before the one before it")


def reordered_streams(record: Record) -> Iterator[Finding]:
    """Changes stand in a stream in the order of their punches: by record, by journal, and by when people moved."""
    punches = {(row.employee_id, row.occurred_at, status_after(row)): row for row in record.punches if counts(row)}
    last: dict[tuple[str, str, str], int] = {}
    since: dict[tuple[str, str], str] = {}
    at: dict[str, str] = {}
    for entry in sorted(record.entries, key=lambda one: (one.site_id, one.offset)):
        where = f"{entry.site_id} at {entry.offset}"
        if entry.changed_at < at.get(entry.site_id, ""):
            yield Finding(Wrong.REORDERED, where, "it changed before the one before it")
        at[entry.site_id] = entry.changed_at
        person = (entry.site_id, entry.employee_id)
        if (entry.since or "") < since.get(person, ""):
            yield Finding(Wrong.REORDERED, where, f"{entry.employee_id} went back in time")
        since[person] = entry.since or ""
        row = punches.get((entry.employee_id, entry.since, entry.status))
        if row is None:
            yield Finding(Wrong.UNEXPECTED, where, "no punch of the record made this change")
            continue
        if row.recorded_at != entry.changed_at:
            yield Finding(Wrong.REORDERED, where, f"its punch {row.place} was recorded at another moment")
        journal = (entry.site_id, row.device_id, row.log_id)
        if row.seq < last.get(journal, 0):
            yield Finding(Wrong.REORDERED, where, f"{row.place} stands behind a later one of its journal")
        last[journal] = row.seq


def counts(row: Row) -> bool:
    """Whether people's whereabouts follow from it."""
    return row.outcome == "recorded" and row.reason != "debounced"


def status_after(row: Row) -> str:
    return {"out": "out", "break_start": "break"}.get(row.kind or "", "in")


def streams_with_holes(record: Record) -> Iterator[Finding]:
    offsets: dict[str, list[int]] = {site_id: [] for site_id in record.heads}
    for entry in record.entries:
        offsets.setdefault(entry.site_id, []).append(entry.offset)
    for site_id, found in offsets.items():
        if sorted(found) != list(range(1, record.heads.get(site_id, 0) + 1)):
            yield Finding(Wrong.LOST, site_id, f"its stream isn't 1 … {record.heads.get(site_id)} without a hole")


def changed_answers(answers: dict[str, list[Answer]], rows: Iterable[Row]) -> Iterator[Finding]:
    recorded = {row.punch_id: row for row in rows}
    for punch_id, told in answers.items():
        said = {answer.lasting for answer in told}
        if len(said) > 1:
            yield Finding(Wrong.CHANGED, punch_id, f"answered as {sorted(map(str, said))}")
        row = recorded.get(punch_id)
        if row is not None and row.lasting not in said:
            yield Finding(Wrong.CHANGED, punch_id, f"answered as {sorted(map(str, said))}, recorded as {row.lasting}")


def misdated(kept: dict[str, Kept], rows: Iterable[Row], wall_minus_boot: float) -> Iterator[Finding]:
    """What a kiosk's wall clock says counts for nothing; how well it knew the hub's time stands in what it signed."""
    for row in rows:
        punch = kept.get(row.punch_id)
        if punch is None or row.occurred_at is None or row.reason == "debounced":
            continue
        if punch.happened_at is not None and row.occurred_at != punch.happened_at:
            yield Finding(Wrong.MISDATED, row.punch_id, f"it happened at {punch.happened_at}, not {row.occurred_at}")
        if punch.made_between is not None:
            doubt = DATED_BY_HUB_SECONDS if row.uncertainty_ms is None else row.uncertainty_ms / 1000 + ROUNDING_SECONDS
            recorded = datetime.fromisoformat(row.occurred_at).timestamp() - wall_minus_boot
            begun, ended = punch.made_between
            if not begun - doubt <= recorded <= ended + doubt:
                off = f"{recorded - begun:+.3f} s off, with {doubt:.3f} s of doubt"
                yield Finding(Wrong.MISDATED, row.punch_id, off)


def told_wrongly(board: BoardHistory, record: Record, streams: "Streams") -> Iterator[Finding]:
    """Every fresh state is what the stream comes to up to there, every push what its stretch of it comes to."""
    for told in board.told:
        where = f"{board.name}, {told.site_id} up to {told.offset}"
        if told.epoch not in record.epochs:
            yield Finding(Wrong.UNEQUAL, where, f"epoch {told.epoch} was never minted")
        if told.offset > record.heads.get(told.site_id, 0):
            yield Finding(Wrong.UNEQUAL, where, "the stream doesn't reach that far")
        if isinstance(told, State):
            if not told.resumed and told.people != streams.board(told.site_id, told.offset):
                yield Finding(Wrong.UNEQUAL, where, "the state isn't what the stream comes to")
            continue
        people, removed = streams.stretch(told.site_id, told.after, told.offset)
        if told.people != people or told.removed != removed:
            yield Finding(Wrong.UNEQUAL, where, f"the push after {told.after} isn't what the stream holds")


class Streams:
    """The record's streams, to be asked for what they come to."""

    def __init__(self, record: Record) -> None:
        self._homes = record.homes
        self._by_offset: dict[str, dict[int, Entry]] = defaultdict(dict)
        self._by_person: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        for entry in sorted(record.entries, key=lambda one: one.offset):
            self._by_offset[entry.site_id][entry.offset] = entry
            self._by_person[entry.site_id][entry.employee_id].append(entry)

    def stretch(self, site_id: str, after: int, offset: int) -> tuple[dict[str, Person], frozenset[str]]:
        """Who is shown as what, and who is taken off, by the changes after `after` up to `offset`."""
        found = self._by_offset[site_id]
        latest = {found[place].employee_id: found[place] for place in range(after + 1, offset + 1) if place in found}
        people = {person: entry.person for person, entry in latest.items() if entry.on_board}
        return people, frozenset(latest.keys() - people.keys())

    def board(self, site_id: str, offset: int) -> dict[str, Person]:
        """A site's board at an offset."""
        shown = {person: NOWHERE for person, home in self._homes.items() if home == site_id}
        for person, entries in self._by_person[site_id].items():
            place = bisect_right(entries, offset, key=lambda entry: entry.offset)
            if place and entries[place - 1].on_board:
                shown[person] = entries[place - 1].person
            elif place:
                shown.pop(person, None)
        return shown


def told_differently(boards: Iterable[BoardHistory]) -> Iterator[Finding]:
    """One place in a stream is one truth, whoever is told of it."""
    seen: dict[tuple[str, str, int, str], object] = {}
    for board in boards:
        for told in board.told:
            said: dict[str, object] = dict(told.people)
            if isinstance(told, Change):
                said |= dict.fromkeys(told.removed, "removed")
            for person, what in said.items():
                place = (told.epoch, told.site_id, told.offset, person)
                if seen.setdefault(place, what) != what:
                    yield Finding(Wrong.UNEQUAL, f"{board.name}, {place}", f"told {what}, another {seen[place]}")


def went_backwards(board: BoardHistory) -> Iterator[Finding]:
    """Within an epoch a board is never set back, not by a fresh state of another hub either."""
    at: dict[tuple[str, str], int] = {}
    connections: dict[str, int] = {}
    for told in board.told:
        place = (told.site_id, told.epoch)
        known = at.get(place, 0)
        if isinstance(told, State) and told.offset < known:
            how = f"a state at {told.offset} after {known}"
            yield Finding(Wrong.UNEQUAL, f"{board.name}, {told.site_id}", how)
        if isinstance(told, Change) and told.offset < known and connections.get(told.site_id) == told.connection:
            yield Finding(Wrong.UNEQUAL, f"{board.name}, {told.site_id}", f"a push to {told.offset} after {known}")
        at[place] = max(known, told.offset)
        connections[told.site_id] = told.connection


def shows_wrongly(board: BoardHistory, record: Record, label: str = FINAL) -> Iterator[Finding]:
    views = [view for view in board.views if view.label == label]
    if len(views) != 1:
        yield Finding(Wrong.UNEQUAL, board.name, f"{len(views)} views called {label!r}")
    for view in views:
        yield from (Finding(Wrong.UNEQUAL, board.name, what) for what in differences(view, board, record))


def differences(view: View, board: BoardHistory, record: Record) -> Iterator[str]:
    """Where a view isn't what the punches add up to."""
    wanted = record.heads.keys() if board.site_ids is None else board.site_ids
    if view.sites.keys() != wanted:
        yield f"it shows the sites {sorted(view.sites)} and not {sorted(wanted)}"
    for site_id, ((_, offset), people) in view.sites.items():
        expected = record.board(site_id)
        for person in people.keys() | expected.keys():
            shown, right = people.get(person), expected.get(person)
            if shown != right:
                yield f"{site_id} at {offset} of {record.heads.get(site_id)}: {person} is {right}, shown as {shown}"


def equal_from(boards: Sequence[BoardHistory], record: Record) -> float | None:
    """The moment (seconds of the histories' clock) from which every view of every board was right; None for none."""
    moment: float | None = None
    for board in boards:
        right_from: float | None = None
        for view in sorted(board.views, key=lambda one: one.at):
            if any(differences(view, board, record)):
                right_from = None
            elif right_from is None:
                right_from = view.at
        if right_from is None:
            return None
        moment = right_from if moment is None else max(moment, right_from)
    return moment
