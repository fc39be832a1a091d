"""Kind, time and hours of a punch: tables of cases, and laws that hold for any history."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.commands import Clock
from protocol.values import Kind, Reason, Status, format_time
from server.rules.punches import (
    STATUS_AFTER,
    KindVerdict,
    PunchRules,
    insert,
    judge_kind,
    local_day,
    nearest,
    occurred_at,
    status_at,
    worked_minutes,
)
from storage.models import BootClock, Counted
from tests.protocol import samples

RULES: Final = PunchRules()
EIGHT: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
MADRID: Final = ZoneInfo("Europe/Madrid")
IN, OUT, BREAK, BACK, AUTO = Kind.IN, Kind.OUT, Kind.BREAK_START, Kind.BREAK_END, Kind.AUTO
KINDS: Final = (IN, OUT, BREAK, BACK)
Said = tuple[Kind, float]
"""(kind, minutes after eight)"""


def at(minutes: float) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


def history_of(*punches: Said) -> list[Counted]:
    return sorted(
        (Counted(at(minutes), kind, UUID(int=number)) for number, (kind, minutes) in enumerate(punches, start=1)),
        key=lambda punch: punch.occurred_at,
    )


def record(history: list[Counted], said: Kind, minutes: float) -> KindVerdict:
    """As a punch arrives: judge it, and let it in unless it is debounced."""
    verdict = judge_kind(said, at(minutes), history, RULES)
    if verdict.reason is not Reason.DEBOUNCED:
        insert(history, Counted(verdict.occurred_at, verdict.kind, UUID(int=1_000 + len(history))))
    return verdict


@pytest.mark.parametrize(
    ("history", "said", "minutes", "kind", "reason"),
    [
        ([], AUTO, 0, IN, None),
        ([], OUT, 0, OUT, Reason.UNEXPECTED_KIND),
        ([], BREAK, 0, BREAK, Reason.UNEXPECTED_KIND),
        ([], BACK, 0, BACK, Reason.UNEXPECTED_KIND),
        ([(IN, 0)], AUTO, 240, OUT, None),
        ([(IN, 0)], IN, 240, IN, Reason.UNEXPECTED_KIND),
        ([(IN, 0)], BREAK, 240, BREAK, None),
        ([(IN, 0)], BACK, 240, BACK, Reason.UNEXPECTED_KIND),
        ([(IN, 0), (BREAK, 60)], AUTO, 90, BACK, None),
        ([(IN, 0), (BREAK, 60)], OUT, 90, OUT, None),
        ([(IN, 0), (BREAK, 60)], IN, 90, IN, Reason.UNEXPECTED_KIND),
        ([(IN, 0), (BREAK, 60), (BACK, 90)], AUTO, 120, OUT, None),
        ([(IN, 0), (OUT, 60)], AUTO, 120, IN, None),
        # A forgotten OUT: after sixteen hours nobody is taken to be in any more.
        ([(IN, 0)], AUTO, 16 * 60, OUT, None),
        ([(IN, 0)], AUTO, 16 * 60 + 1, IN, None),
        ([(IN, 0)], OUT, 16 * 60 + 1, OUT, Reason.UNEXPECTED_KIND),
        ([(IN, 0), (BREAK, 60)], AUTO, 60 + 16 * 60 + 1, IN, None),
        # A late arrival is judged by what was before it, not by what came since.
        ([(IN, 0), (OUT, 480)], AUTO, 240, OUT, None),
        ([(OUT, 480)], AUTO, 0, IN, None),
        ([(OUT, 480), (IN, 960)], AUTO, 700, IN, None),
    ],
)
def test_kinds(history: list[Said], said: Kind, minutes: float, kind: Kind, reason: Reason | None) -> None:
    assert judge_kind(said, at(minutes), history_of(*history), RULES) == KindVerdict(kind, at(minutes), reason, None)


@pytest.mark.parametrize(
    ("history", "said", "minutes", "same_as"),
    [
        ([(IN, 0)], AUTO, 1, 1),
        ([(IN, 0)], IN, 1, 1),
        ([(IN, 0)], IN, 0, 1),
        ([(IN, 0)], OUT, 1, None),
        ([(IN, 0)], AUTO, 1 + 1e-6, None),
        ([(IN, 1)], AUTO, 0, 1),
        ([(IN, 1)], IN, 0, 1),
        ([(IN, 1.001)], IN, 0, None),
        ([(IN, 0), (OUT, 1)], AUTO, 0.4, 1),
        ([(IN, 0), (OUT, 1)], AUTO, 0.5, 1),
        ([(IN, 0), (OUT, 1)], AUTO, 0.6, 2),
        ([(IN, 0), (OUT, 1)], OUT, 0.6, 2),
        ([(IN, 0), (OUT, 1)], IN, 0.6, None),
    ],
)
def test_debounce(history: list[Said], said: Kind, minutes: float, same_as: int | None) -> None:
    punches = history_of(*history)
    verdict = judge_kind(said, at(minutes), punches, RULES)
    if same_as is None:
        assert verdict.reason is not Reason.DEBOUNCED
        return
    same = next(punch for punch in punches if punch.punch_id == UUID(int=same_as))
    assert verdict == KindVerdict(same.kind, same.occurred_at, Reason.DEBOUNCED, same.punch_id)


_SECONDS: Final = st.integers(-120, 120)
_SAID: Final = st.sampled_from((*KINDS, AUTO))
_STORY: Final = st.lists(st.tuples(_SAID, st.integers(0, 240).map(lambda quarter: quarter / 4)), max_size=14)


@given(first=_SAID, second=_SAID, apart=_SECONDS)
def test_of_two_punches_one_counts_whichever_arrives_first(first: Kind, second: Kind, apart: int) -> None:
    """By |Δ occurred_at|, never by arrival: one order debounces exactly when the other does."""
    reasons = []
    for one, other in [((first, 0.0), (second, apart / 60)), ((second, apart / 60), (first, 0.0))]:
        history: list[Counted] = []
        record(history, *one)
        reasons.append(record(history, *other).reason is Reason.DEBOUNCED)
        assert len(history) == 2 - reasons[-1]
    if AUTO not in (first, second) or first is second:
        assert reasons[0] == reasons[1] == (first is second and abs(apart) <= 60)


@given(story=_STORY)
def test_debounced_punches_change_nothing(story: list[Said]) -> None:
    history: list[Counted] = []
    for said, minutes in story:
        before = list(history)
        verdict = record(history, said, minutes)
        assert history == sorted(history, key=lambda punch: punch.occurred_at)
        if verdict.reason is Reason.DEBOUNCED:
            assert history == before
            near = min(before, key=lambda punch: (abs(punch.occurred_at - at(minutes)), punch.occurred_at))
            assert (verdict.occurred_at, abs(near.occurred_at - at(minutes))) == (
                near.occurred_at,
                abs(verdict.occurred_at - at(minutes)),
            )
            assert verdict.same_as in {punch.punch_id for punch in before}
            assert abs(verdict.occurred_at - at(minutes)) <= RULES.debounce
            assert said in (AUTO, verdict.kind)
        else:
            assert len(history) == len(before) + 1
            assert verdict.same_as is None
            assert verdict.occurred_at == at(minutes)
            assert verdict.kind is not AUTO
            assert said in (AUTO, verdict.kind)


@given(story=_STORY, later=st.integers(0, 300))
def test_the_state_is_where_the_latest_punch_put_the_person(story: list[Said], later: int) -> None:
    history: list[Counted] = []
    for said, minutes in story:
        record(history, said, minutes)
    before = [punch for punch in history if punch.occurred_at <= at(later)]
    expected = STATUS_AFTER[before[-1].kind] if before else Status.OUT
    assert status_at(history, at(later), RULES) is expected


def test_what_arrives_later_of_one_moment_stands_behind() -> None:
    history = history_of((IN, 0))
    insert(history, Counted(at(0), OUT, UUID(int=9)))
    assert [punch.kind for punch in history] == [IN, OUT]
    assert status_at(history, at(0), RULES) is Status.OUT
    assert nearest(history, at(0)) == history[1]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Madrid", (2026, 3, 29), 23),
        ("Europe/Madrid", (2026, 10, 25), 25),
        ("Europe/Madrid", (2026, 11, 24), 24),
        ("Atlantic/Canary", (2026, 3, 29), 23),
        ("Atlantic/Canary", (2026, 10, 25), 25),
        ("America/Argentina/Buenos_Aires", (2026, 10, 25), 24),
        ("America/Santiago", (2026, 9, 6), 23),  # midnight itself is skipped
        ("Atlantic/Azores", (2026, 10, 25), 25),  # midnight comes twice
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("Pacific/Apia", (2011, 12, 29), 24),  # the day after it never was
    ],
)
def test_local_days(zone: str, day: tuple[int, int, int], hours: float) -> None:
    noon = datetime(*day, 12, tzinfo=ZoneInfo(zone))
    begin, end = local_day(noon, ZoneInfo(zone))
    assert end - begin == timedelta(hours=hours)
    assert begin.tzinfo is end.tzinfo is UTC


@given(
    moment=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 2), max_value=datetime(2060, 1, 1)),  # noqa: DTZ001 - the strategy wants it so
    zone=st.sampled_from(["Europe/Madrid", "America/Santiago", "Atlantic/Azores", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_local_days_follow_each_other_without_a_gap(moment: datetime, zone: str) -> None:
    begin, end = local_day(moment, ZoneInfo(zone))
    assert begin <= moment < end
    assert local_day(end, ZoneInfo(zone))[0] == end
    assert local_day(begin, ZoneInfo(zone)) == (begin, end)


def minutes_worked(history: Sequence[Counted], moment: datetime, until: datetime, zone: ZoneInfo = MADRID) -> int:
    return worked_minutes(history, local_day(moment, zone), until, RULES)


@pytest.mark.parametrize(
    ("history", "until", "minutes"),
    [
        ([], 60, 0),
        ([(IN, 0)], 0, 0),
        ([(IN, 0)], 59.99, 59),
        ([(IN, 0), (OUT, 240)], 240, 240),
        ([(IN, 0), (BREAK, 60), (BACK, 90), (OUT, 240)], 240, 210),
        ([(IN, 0), (BREAK, 60)], 300, 60),
        ([(IN, 0), (BREAK, 60), (OUT, 90)], 90, 60),
        ([(IN, 0), (IN, 60), (OUT, 120)], 120, 120),
        ([(OUT, 0), (IN, 60)], 120, 60),
        ([(IN, 0), (OUT, 120)], 60, 60),
        # Open for longer than a shift can be: nobody knows when they left.
        ([(IN, -30 * 60), (IN, 0), (OUT, 60)], 60, 60),
        ([(IN, -8 * 60), (IN, 8 * 60 + 1)], 8 * 60 + 1, 0),
        ([(IN, -8 * 60), (IN, 8 * 60)], 8 * 60, 16 * 60),
    ],
)
def test_hours(history: list[Said], until: float, minutes: int) -> None:
    assert minutes_worked(history_of(*history), EIGHT, at(until)) == minutes


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 7), ((2026, 10, 25), 9), ((2026, 11, 24), 8)])
def test_a_night_shift_has_the_hours_that_passed(day: tuple[int, int, int], hours: int) -> None:
    """22:00 to 06:00 by the wall clock; each part belongs to its own day."""
    morning = datetime(*day, 6, tzinfo=MADRID).astimezone(UTC)
    evening = (datetime(*day, 22, tzinfo=MADRID) - timedelta(days=1)).astimezone(UTC)
    history = [Counted(evening, IN, UUID(int=1)), Counted(morning, OUT, UUID(int=2))]
    assert minutes_worked(history, evening, morning) == 120
    assert minutes_worked(history, morning, morning) == (hours - 2) * 60


_DAYS: Final = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(-36 * 60, 36 * 60)), max_size=16, unique_by=lambda punch: punch[1]
).map(lambda punches: history_of(*punches))


@given(history=_DAYS, until=st.integers(-24 * 60, 36 * 60), cut=st.integers(0, 24 * 60))
@settings(max_examples=200)
def test_laws_of_hours(history: list[Counted], until: int, cut: int) -> None:
    begin, end = local_day(EIGHT, MADRID)
    total = worked_minutes(history, (begin, end), at(until), RULES)
    assert 0 <= total <= (end - begin) / timedelta(minutes=1)
    assert total <= max(0, (at(until) - begin) / timedelta(minutes=1))
    middle = begin + timedelta(minutes=cut)
    parts = [worked_minutes(history, part, at(until), RULES) for part in ((begin, middle), (middle, end))]
    assert sum(parts) == total
    known_by_then = [punch for punch in history if punch.occurred_at <= at(until)]
    assert worked_minutes(known_by_then, (begin, end), at(until), RULES) == total


def test_a_punch_is_dated_by_its_own_clock_and_else_by_its_boot() -> None:
    boot = BootClock(EIGHT, 5_000)
    bare = msgspec.structs.replace(samples.A_PUNCH, clock=None, monotonic_ms=6_500)
    assert occurred_at(bare, boot) == EIGHT + timedelta(milliseconds=1_500)
    assert occurred_at(msgspec.structs.replace(bare, monotonic_ms=0), boot) == EIGHT - timedelta(seconds=5)
    assert occurred_at(bare, None) is None
    own = Clock(hub_time=format_time(at(60)), monotonic_ms=7_000, uncertainty_ms=3)
    assert occurred_at(msgspec.structs.replace(bare, clock=own), boot) == at(60) - timedelta(milliseconds=500)


@given(
    hub_time=st.sampled_from(["0001-01-01", "1999-12-31", "2026-11-24", "8999-12-31", "9999-12-31"]),
    synced_ms=st.integers(0, 2**53 - 1),
    monotonic_ms=st.integers(0, 2**53 - 1),
)
def test_a_date_out_of_this_world_is_unknown(hub_time: str, synced_ms: int, monotonic_ms: int) -> None:
    """Whatever was signed: where a time comes out, its day and its windows do too."""
    clock = Clock(hub_time=f"{hub_time}T23:59:59.999999Z", monotonic_ms=synced_ms, uncertainty_ms=0)
    moment = occurred_at(msgspec.structs.replace(samples.A_PUNCH, clock=clock, monotonic_ms=monotonic_ms), None)
    if moment is not None:
        assert datetime(2000, 1, 1, tzinfo=UTC) <= moment
        for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12")):
            begin, end = local_day(moment, zone)
            assert begin - RULES.open_shift_limit < moment < end + RULES.debounce
