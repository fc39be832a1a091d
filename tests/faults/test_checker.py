"""The checker on histories made by hand: right ones pass, each way of being wrong is found and called by its name."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.campaign.checker.histories import (
    Answer,
    BoardHistory,
    Change,
    Kept,
    KioskHistory,
    Person,
    State,
    View,
    board_history,
    kiosk_history,
)
from tests.faults.campaign.checker.judge import FINAL, Wrong, equal_from, judge
from tests.faults.campaign.checker.record import Entry, Receipt, Record, Row

SITE, ELSEWHERE, DEVICE, LOG, EPOCH = "site", "elsewhere", "device", "log", "epoch"
ANNA, BRUNO = "anna", "bruno"
KINDS = ("in", "break_start", "break_end", "out", "in", "out")
WALL_MINUS_BOOT = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
AFTER = {"in": "in", "break_end": "in", "break_start": "break", "out": "out"}


def moment(second: int) -> str:
    return f"2026-11-24T08:00:{second:02}.000000Z"


def a_row(seq: int) -> Row:
    """Anna's punches and Bruno's by turns, each recorded five seconds after it happened."""
    return Row(
        punch_id=f"punch-{seq}",
        device_id=DEVICE,
        log_id=LOG,
        seq=seq,
        site_id=SITE,
        employee_id=ANNA if seq % 2 else BRUNO,
        outcome="recorded",
        reason=None,
        kind=KINDS[seq - 1],
        occurred_at=moment(seq),
        recorded_at=moment(seq + 5),
        text_sha256=f"text-{seq}",
        digest=f"digest-{seq}",
        previous=f"digest-{seq - 1}" if seq > 1 else None,
        signed_punch_id=f"punch-{seq}",
        signed_device_id=DEVICE,
        signed_log_id=LOG,
        signed_seq=seq,
        uncertainty_ms=100,
    )


def person_after(row: Row) -> Person:
    status = AFTER[row.kind or ""]
    return status, row.occurred_at, None if status == "out" else SITE


def kept_as(row: Row) -> Kept:
    """Bruno's with the moment at which they were made by a kiosk that knows the time to 0.1 s, Anna's as pretended."""
    made = (row.seq - 0.05, row.seq + 0.05)
    known = (row.occurred_at, None) if row.employee_id == ANNA else (None, made)
    return Kept(row.punch_id, DEVICE, LOG, row.seq, row.text_sha256, *known)


def answer_of(row: Row) -> Answer:
    return Answer(row.punch_id, row.outcome, row.reason, row.kind, row.occurred_at, row.recorded_at, duplicate=False)


class Story:
    """A kiosk, a board and the record of six punches that all went well."""

    def __init__(self) -> None:
        rows = [a_row(seq) for seq in range(1, 7)]
        people = {row.employee_id or "": person_after(row) for row in rows}
        self.record = Record(
            punches=rows,
            receipts=[Receipt(row.device_id, row.log_id, row.seq, row.recorded_at) for row in rows],
            entries=[
                Entry(
                    site_id=SITE,
                    offset=row.seq,
                    employee_id=row.employee_id or "",
                    on_board=True,
                    status=person_after(row)[0],
                    since=row.occurred_at,
                    at_site_id=person_after(row)[2],
                    changed_at=row.recorded_at,
                )
                for row in rows
            ],
            heads={SITE: 6},
            epochs=frozenset({EPOCH}),
            who_is_where=people,
            homes={ANNA: SITE, BRUNO: SITE},
        )
        self.kiosk = KioskHistory(
            "kiosk",
            [kept_as(row) for row in rows],
            [answer_of(row) for row in rows],
            ended=True,
        )
        nobody: dict[str, Person] = {ANNA: ("out", None, None), BRUNO: ("out", None, None)}
        self.board = BoardHistory("board", frozenset({SITE}))
        self.board.told.append(State(1, SITE, EPOCH, 0, resumed=False, people=nobody))
        self.board.told += [
            Change(1, SITE, EPOCH, row.seq - 1, row.seq, {row.employee_id or "": person_after(row)}, frozenset())
            for row in rows
        ]
        self.board.views.append(View(FINAL, 100.0, {SITE: ((EPOCH, 6), dict(people))}))

    def found(self) -> set[Wrong]:
        return {
            finding.wrong for finding in judge([self.kiosk], [self.board], self.record, wall_minus_boot=WALL_MINUS_BOOT)
        }


@pytest.fixture
def story() -> Story:
    return Story()


def test_nothing_is_found_where_nothing_is_wrong(story: Story) -> None:
    assert judge([story.kiosk], [story.board], story.record, wall_minus_boot=WALL_MINUS_BOOT) == []
    assert equal_from([story.board], story.record) == 100.0


def lose_a_row(story: Story) -> None:
    del story.record.punches[3]


def lose_a_row_with_its_receipt(story: Story) -> None:
    del story.record.punches[3], story.record.receipts[3]


def lose_the_last_punch_everywhere(story: Story) -> None:
    """As if its transaction had never been: even streams and boards are of one mind."""
    story.record.punches.pop()
    story.record.receipts.pop()
    story.record.entries.pop()
    story.record.heads[SITE] = 5
    story.board.told.pop()
    before = person_after(story.record.punches[3])
    story.record.who_is_where[BRUNO] = before
    story.board.views[0].sites[SITE][1][BRUNO] = before


def lose_the_whole_journal(story: Story) -> None:
    story.record.punches.clear()


def keep_one_that_was_never_sent(story: Story) -> None:
    story.kiosk.kept.append(Kept("punch-7", DEVICE, LOG, 7, "text-7"))


def lose_a_change(story: Story) -> None:
    del story.record.entries[2]


def stop_before_the_end(story: Story) -> None:
    story.kiosk.ended = False


def record_twice(story: Story) -> None:
    again = replace(story.record.punches[2], recorded_at=moment(30))
    story.record.punches.append(again)
    story.record.receipts.append(Receipt(DEVICE, LOG, 3, again.recorded_at))


def record_twice_in_another_place(story: Story) -> None:
    again = replace(story.record.punches[5], seq=7, previous="digest-6", signed_seq=7)
    story.record.punches.append(again)
    story.record.receipts.append(Receipt(DEVICE, LOG, 7, again.recorded_at))


def answer_twice_as_new(story: Story) -> None:
    story.kiosk.answers.append(story.kiosk.answers[0])


def record_what_nobody_sent(story: Story) -> None:
    story.record.punches.append(replace(a_row(6), seq=7, punch_id="punch-7", text_sha256="text-7", previous="digest-6"))


def record_other_bytes(story: Story) -> None:
    story.record.punches[1] = replace(story.record.punches[1], text_sha256="other")


def change_a_board_without_a_punch(story: Story) -> None:
    story.record.entries[4] = replace(story.record.entries[4], since=moment(59))


def swap_two_places(story: Story) -> None:
    first, second = story.record.punches[1:3]
    story.record.punches[1:3] = [replace(second, seq=2), replace(first, seq=3)]


def swap_two_moments(story: Story) -> None:
    first, second = story.record.punches[1:3]
    story.record.punches[1:3] = [
        replace(first, recorded_at=second.recorded_at),
        replace(second, recorded_at=first.recorded_at),
    ]


def swap_two_offsets(story: Story) -> None:
    first, second = story.record.entries[1:3]
    story.record.entries[1:3] = [replace(second, offset=2), replace(first, offset=3)]


def name_another_before(story: Story) -> None:
    story.record.punches[4] = replace(story.record.punches[4], previous="digest-2")


def answer_otherwise(story: Story) -> None:
    story.kiosk.answers[0] = replace(story.kiosk.answers[0], kind="out")


def answer_otherwise_the_second_time(story: Story) -> None:
    again = replace(story.kiosk.answers[0], recorded_at=moment(59), duplicate=True)
    story.kiosk.answers.append(again)


def record_another_outcome(story: Story) -> None:
    row = story.record.punches[5]
    story.record.punches[5] = replace(row, outcome="held", reason="clock_unknown")


def happen_at_another_time(story: Story) -> None:
    story.kiosk.kept[0] = replace(story.kiosk.kept[0], happened_at=moment(2))


def be_made_at_another_time(story: Story) -> None:
    story.kiosk.kept[1] = replace(story.kiosk.kept[1], made_between=(2.2, 2.3))


def be_made_at_another_time_by_a_kiosk_without_a_clock(story: Story) -> None:
    story.record.punches[1] = replace(story.record.punches[1], uncertainty_ms=None)
    story.kiosk.kept[1] = replace(story.kiosk.kept[1], made_between=(12.2, 12.3))


def show_another_person(story: Story) -> None:
    story.board.views[0].sites[SITE][1][ANNA] = ("break", moment(3), SITE)


def show_one_person_less(story: Story) -> None:
    del story.board.views[0].sites[SITE][1][BRUNO]


def show_a_stranger(story: Story) -> None:
    story.board.views[0].sites[SITE][1]["nobody"] = ("out", None, None)


def show_nothing(story: Story) -> None:
    story.board.views.clear()


def show_another_site(story: Story) -> None:
    story.board.views[0].sites[ELSEWHERE] = ((EPOCH, 0), {})


def push_another_change(story: Story) -> None:
    change = story.board.told[4]
    assert isinstance(change, Change)
    story.board.told[4] = replace(change, people={BRUNO: ("in", change.people[BRUNO][1], SITE)})


def push_into_an_unknown_epoch(story: Story) -> None:
    change = story.board.told[4]
    assert isinstance(change, Change)
    story.board.told[4] = replace(change, epoch="other")


def push_beyond_the_stream(story: Story) -> None:
    story.board.told.append(Change(1, SITE, EPOCH, 6, 7, {ANNA: ("out", moment(7), None)}, frozenset()))


def push_backwards(story: Story) -> None:
    story.board.told.append(story.board.told[2])


def begin_again_with_a_wrong_state(story: Story) -> None:
    people: dict[str, Person] = {ANNA: ("in", moment(5), SITE), BRUNO: ("in", moment(6), SITE)}
    story.board.told.append(State(2, SITE, EPOCH, 6, resumed=False, people=people))


def begin_again_behind(story: Story) -> None:
    people = {ANNA: person_after(a_row(1)), BRUNO: person_after(a_row(2))}
    story.board.told.append(State(2, SITE, EPOCH, 2, resumed=False, people=people))


SEEDED: list[tuple[Callable[[Story], None], Wrong]] = [
    (lose_a_row, Wrong.LOST),
    (lose_a_row_with_its_receipt, Wrong.LOST),
    (lose_the_last_punch_everywhere, Wrong.LOST),
    (lose_the_whole_journal, Wrong.LOST),
    (keep_one_that_was_never_sent, Wrong.LOST),
    (lose_a_change, Wrong.LOST),
    (stop_before_the_end, Wrong.LOST),
    (record_twice, Wrong.DUPLICATED),
    (record_twice_in_another_place, Wrong.DUPLICATED),
    (answer_twice_as_new, Wrong.DUPLICATED),
    (record_what_nobody_sent, Wrong.UNEXPECTED),
    (record_other_bytes, Wrong.UNEXPECTED),
    (change_a_board_without_a_punch, Wrong.UNEXPECTED),
    (swap_two_places, Wrong.REORDERED),
    (swap_two_moments, Wrong.REORDERED),
    (swap_two_offsets, Wrong.REORDERED),
    (name_another_before, Wrong.REORDERED),
    (answer_otherwise, Wrong.CHANGED),
    (answer_otherwise_the_second_time, Wrong.CHANGED),
    (record_another_outcome, Wrong.CHANGED),
    (happen_at_another_time, Wrong.MISDATED),
    (be_made_at_another_time, Wrong.MISDATED),
    (be_made_at_another_time_by_a_kiosk_without_a_clock, Wrong.MISDATED),
    (show_another_person, Wrong.UNEQUAL),
    (show_one_person_less, Wrong.UNEQUAL),
    (show_a_stranger, Wrong.UNEQUAL),
    (show_nothing, Wrong.UNEQUAL),
    (show_another_site, Wrong.UNEQUAL),
    (push_another_change, Wrong.UNEQUAL),
    (push_into_an_unknown_epoch, Wrong.UNEQUAL),
    (push_beyond_the_stream, Wrong.UNEQUAL),
    (push_backwards, Wrong.UNEQUAL),
    (begin_again_with_a_wrong_state, Wrong.UNEQUAL),
    (begin_again_behind, Wrong.UNEQUAL),
]


@pytest.mark.parametrize(("seed", "wrong"), SEEDED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_what_is_wrong_is_found(story: Story, seed: Callable[[Story], None], wrong: Wrong) -> None:
    seed(story)
    assert wrong in story.found()


def test_every_way_of_being_wrong_is_tried() -> None:
    assert {wrong for _, wrong in SEEDED} == set(Wrong)


def test_two_boards_that_were_told_differently_of_one_place_are_found(story: Story) -> None:
    told: dict[str, Person] = {ANNA: ("out", moment(5), None), BRUNO: ("out", moment(6), None)}
    first = BoardHistory("first", None, [State(1, SITE, EPOCH, 6, resumed=False, people=told)], story.board.views)
    other = State(1, SITE, EPOCH, 6, resumed=False, people=told | {ANNA: ("in", moment(5), SITE)})
    second = BoardHistory("second", None, [other], story.board.views)
    found = Counter(finding.wrong for finding in judge([story.kiosk], [first, second], story.record, wall_minus_boot=0))
    assert found[Wrong.UNEQUAL] == 2  # the state itself, and that it contradicts the first board's


def test_a_repeated_answer_is_as_it_should_be(story: Story) -> None:
    story.kiosk.answers += [replace(answer, duplicate=True) for answer in story.kiosk.answers]
    assert story.found() == set()


def test_a_fresh_state_in_the_midst_of_the_stream_is_as_it_should_be(story: Story) -> None:
    people = {ANNA: person_after(a_row(3)), BRUNO: person_after(a_row(2))}
    story.board.told[:4] = [State(1, SITE, EPOCH, 3, resumed=False, people=people)]
    assert story.found() == set()


def test_a_board_that_resumes_where_it_was_is_as_it_should_be(story: Story) -> None:
    story.board.told.append(State(2, SITE, EPOCH, 6, resumed=True, people={}))
    assert story.found() == set()


def test_boards_are_equal_from_the_last_moment_on_at_which_all_came_right(story: Story) -> None:
    right = story.board.views[0]
    wrong = View("look-2", 97.0, {SITE: ((EPOCH, 5), {ANNA: ("in", None, SITE)})})
    story.board.views[:0] = [View("look-1", 96.0, right.sites), wrong, View("look-3", 98.5, right.sites)]
    other = BoardHistory("other", story.board.site_ids, [], [View("look-1", 96.0, right.sites), right])
    assert equal_from([story.board, other], story.record) == 98.5
    other.views.append(View("later", 101.0, wrong.sites))
    assert equal_from([story.board, other], story.record) is None


def test_how_well_a_kiosk_knew_the_time_is_allowed_for(story: Story) -> None:
    story.kiosk.kept[1] = replace(story.kiosk.kept[1], made_between=(2.09, 2.1))
    assert story.found() == set()


def test_histories_are_read_as_they_are_written() -> None:
    answer = {"punch_id": "p", "outcome": "held", "reason": "pin_wrong", "kind": None, "occurred_at": None}
    kiosk = kiosk_history(
        "kiosk",
        [
            {"did": "ask", "number": 1, "at": 1.0},
            {"did": "keep", "punch_id": "p", "device_id": "d", "log_id": "l", "seq": 1, "text_sha256": "t", "at": 1.1},
            {"did": "send", "punch_id": "p", "at": 1.2},
            {"did": "answer", **answer, "recorded_at": moment(1), "duplicate": True, "at": 1.3},
            {"did": "end", "device_id": "d", "at": 1.4},
        ],
    )
    assert kiosk.kept == [Kept("p", "d", "l", 1, "t")]
    assert kiosk.answers == [Answer("p", "held", "pin_wrong", None, None, moment(1), duplicate=True)]
    assert kiosk.ended
    place = {"site_id": SITE, "epoch": EPOCH, "connection": 1}
    people = [[ANNA, "in", moment(1), SITE]]
    board = board_history(
        "board",
        [
            {"did": "begin", "site_ids": [SITE], "at": 1.0},
            {"did": "state", **place, "offset": 3, "resumed": False, "people": people, "at": 1.1},
            {"did": "change", **place, "from": 3, "offset": 5, "people": people, "removed": [BRUNO], "at": 1.2},
            {"did": "head", **place, "offset": 5, "at": 1.3},
            {
                "did": "view",
                "label": FINAL,
                "at": 2.0,
                "sites": {SITE: {"epoch": EPOCH, "offset": 5, "people": people}},
            },
        ],
    )
    anna: dict[str, Person] = {ANNA: ("in", moment(1), SITE)}
    assert board.site_ids == frozenset({SITE})
    assert board.told == [
        State(1, SITE, EPOCH, 3, resumed=False, people=anna),
        Change(1, SITE, EPOCH, 3, 5, anna, frozenset({BRUNO})),
    ]
    assert board.views == [View(FINAL, 2.0, {SITE: ((EPOCH, 5), anna)})]


PRODUCT = {"protocol", "storage", "server", "kiosk"}


def loaded_by(module: str) -> set[str]:
    """What a fresh interpreter has loaded once it has imported a module."""
    program = f"import importlib, sys\nimportlib.import_module({module!r})\nprint(*sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_checker_shares_no_code_with_the_hub_or_with_any_client() -> None:
    loaded = loaded_by("tests.faults.campaign.checker.__main__")
    assert not {name.partition(".")[0] for name in loaded} & PRODUCT
    ours = {name for name in loaded if name.startswith("tests.")}
    allowed = ("tests.faults", "tests.faults.campaign", "tests.faults.campaign.checker")
    assert {name for name in ours if not name.startswith("tests.faults.campaign.checker.")} <= set(allowed)


@pytest.mark.parametrize("driver", ["outsider_driver", "board_driver"])
def test_outsiders_know_the_page_alone(driver: str) -> None:
    loaded = loaded_by(f"tests.faults.campaign.{driver}")
    assert not {name.partition(".")[0] for name in loaded} & PRODUCT
