"""What a punch means: its place in the journal, its time, its kind, and the state and hours that follow.

Pure: history, the rules' numbers and `now` come in, a verdict goes out. A *history* is one person's counted
punches sorted by `occurred_at` (later arrivals behind earlier ones of the same moment).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from functools import lru_cache
from operator import attrgetter
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from protocol.commands import Punch
from protocol.values import Kind, Reason, Status, parse_time
from storage.models import BootClock, Counted

STATUS_AFTER: Final = {
    Kind.IN: Status.IN,
    Kind.BREAK_END: Status.IN,
    Kind.BREAK_START: Status.BREAK,
    Kind.OUT: Status.OUT,
}
"""A person is where their latest counted punch put them, whatever came before it."""

_EXPECTED: Final = {
    Status.OUT: frozenset({Kind.IN}),
    Status.IN: frozenset({Kind.BREAK_START, Kind.OUT}),
    # Leaving from a break ends both: people do, and the hours are clear.
    Status.BREAK: frozenset({Kind.BREAK_END, Kind.OUT}),
}
_INFERRED: Final = {Status.OUT: Kind.IN, Status.IN: Kind.OUT, Status.BREAK: Kind.BREAK_END}
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No hub's clock ever stood before this: a punch dated earlier has no known time."""
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Nor will it this late: what follows a moment, its day and its windows, must still lie in the calendar."""
_OCCURRED: Final = attrgetter("occurred_at")


@dataclass(frozen=True, slots=True)
class PunchRules:
    """The numbers that the rules go by."""

    debounce: timedelta = timedelta(seconds=60)
    open_shift_limit: timedelta = timedelta(hours=16)
    future_tolerance: timedelta = timedelta(seconds=60)


class Place(Enum):
    """Where a punch stands to its journal."""

    NEXT = auto()
    FORKED = auto()
    """Taken, held as `device_forked`, and the journal goes on from it."""
    SEEN = auto()
    """At or below the head: its receipt decides whether it is a repeat or a conflict."""
    AHEAD = auto()
    """Punches before it are missing."""


def place_in_journal(
    last_seq: int, last_digest: bytes | None, *, seq: int, previous: bytes | None, after_loss: bool
) -> Place:
    """Compare a punch with the head of its journal (protocol.md section 4)."""
    if seq <= last_seq:
        return Place.SEEN
    if seq == last_seq + 1:
        return Place.NEXT if previous == last_digest else Place.FORKED
    return Place.FORKED if after_loss else Place.AHEAD


def occurred_at(punch: Punch, boot: BootClock | None) -> datetime | None:
    """When a punch happened by the hub's clock: by its own `clock`, else by what any hub measured of that boot.

    None where neither is known or the sum lies where no hub's clock can stand. The device's wall clock is never asked.
    """
    if punch.clock is not None:
        boot = BootClock(parse_time(punch.clock.hub_time), punch.clock.monotonic_ms)
    if boot is None:
        return None
    try:
        moment = boot.hub_time + timedelta(milliseconds=punch.monotonic_ms - boot.monotonic_ms)
    except OverflowError:
        return None
    return moment if EARLIEST <= moment < LATEST else None


class KindVerdict(msgspec.Struct, frozen=True):
    """What a recorded punch is: `reason` null, debounced or unexpected_kind."""

    kind: Kind
    occurred_at: datetime
    reason: Reason | None
    same_as: UUID | None


def judge_kind(said: Kind, moment: datetime, history: Sequence[Counted], rules: PunchRules) -> KindVerdict:
    """Decide what a punch is that `said` a kind at `moment`, as of that moment, whenever it arrived."""
    near = nearest(history, moment)
    if near is not None and abs(near.occurred_at - moment) <= rules.debounce and said in (Kind.AUTO, near.kind):
        return KindVerdict(near.kind, near.occurred_at, Reason.DEBOUNCED, near.punch_id)
    status = status_at(history, moment, rules)
    if said is Kind.AUTO:
        return KindVerdict(_INFERRED[status], moment, None, None)
    reason = None if said in _EXPECTED[status] else Reason.UNEXPECTED_KIND
    return KindVerdict(said, moment, reason, None)


def nearest(history: Sequence[Counted], moment: datetime) -> Counted | None:
    """The counted punch nearest in time, earlier or later; of two equally near the earlier."""
    index = bisect_right(history, moment, key=_OCCURRED)
    neighbours = history[max(index - 1, 0) : index + 1]
    return min(neighbours, key=lambda punch: abs(punch.occurred_at - moment), default=None)


def status_at(history: Sequence[Counted], moment: datetime, rules: PunchRules) -> Status:
    """Where the person was at `moment`. A shift open longer than the limit is a forgotten OUT: they are out."""
    index = bisect_right(history, moment, key=_OCCURRED)
    if index == 0:
        return Status.OUT
    last = history[index - 1]
    if moment - last.occurred_at > rules.open_shift_limit:
        return Status.OUT
    return STATUS_AFTER[last.kind]


def insert(history: list[Counted], punch: Counted) -> None:
    """Put a punch where it belongs."""
    history.insert(bisect_right(history, punch.occurred_at, key=_OCCURRED), punch)


def local_day(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end of the local calendar day around `moment`, in UTC: 23, 24 or 25 hours."""
    return _day_in_utc(moment.astimezone(zone).date(), zone)


@lru_cache(maxsize=1_024)  # a batch asks for the same few days over and over
def _day_in_utc(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    return begin, end


def worked_minutes(
    history: Sequence[Counted], day: tuple[datetime, datetime], until: datetime, rules: PunchRules
) -> int:
    """Whole minutes at work within `day` up to `until`, breaks excluded, as of `until`: later punches change nothing.

    Time runs from a punch that puts the person in to their next punch, unless that is further off than a
    shift can be open: then nobody knows when they left, and nothing is counted.
    """
    begin, end = day[0], min(day[1], until)
    worked = timedelta()
    left = until
    for punch in reversed(history):
        if left <= begin:
            break  # all before it lies on earlier days
        came = punch.occurred_at
        if came >= left:
            continue  # later than `until`
        if STATUS_AFTER[punch.kind] is Status.IN and left - came <= rules.open_shift_limit:
            worked += max(min(left, end) - max(came, begin), timedelta())
        left = came
    return int(worked.total_seconds() // 60)
