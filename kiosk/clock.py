"""The terminal's clocks: the boot's monotonic clock, and the hub's time measured against it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from protocol.commands import Clock
from protocol.replies import TimeSyncResult
from protocol.values import format_time, parse_time

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Boot:
    """One run of the machine, as long as its monotonic clock counts on."""

    boot_id: UUID
    survives_process: bool
    """False where the system names no boot: then each process counts as a boot of its own."""

    @classmethod
    def current(cls) -> Boot:
        # Both or neither: a system's boot id with a clock that stops in suspend, or the other way about, would
        # let the hub date punches wrongly.
        if hasattr(time, "CLOCK_BOOTTIME"):
            try:
                return cls(UUID(_BOOT_ID.read_text(encoding="ascii").strip()), survives_process=True)
            except (OSError, ValueError):
                pass
        return cls(uuid4(), survives_process=False)

    def monotonic_ms(self) -> int:
        """Milliseconds of this boot; counts through suspend where the system has such a clock."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return time.monotonic_ns() // 1_000_000


def wall_clock() -> datetime:
    """The device's own clock as it is, right or wrong (aware, UTC)."""
    return datetime.now(UTC)


def new_id(moment: datetime) -> UUID:
    """A UUIDv7 (RFC 9562) of a moment: 48 bits of Unix milliseconds, then random bits."""
    milliseconds = max(0, int(moment.timestamp() * 1000)) & (1 << 48) - 1
    bits = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


def hub_time_at(clock: Clock, monotonic_ms: int) -> datetime:
    """The hub's time at a moment of the same boot's monotonic clock."""
    return parse_time(clock.hub_time) + timedelta(milliseconds=monotonic_ms - clock.monotonic_ms)


class TimeRound:
    """A round of `time.sync`: of its samples, the one with the least uncertainty counts."""

    def __init__(self, samples: int) -> None:
        self._left = samples
        self._sent_ms: int | None = None
        self.best: Clock | None = None

    @property
    def wants_sample(self) -> bool:
        """Whether the next `time.sync` should be sent now; they go one after another."""
        return self._sent_ms is None and self._left > 0

    @property
    def is_over(self) -> bool:
        return self._sent_ms is None and self._left == 0

    def sent(self, monotonic_ms: int) -> None:
        self._sent_ms = monotonic_ms
        self._left -= 1

    def failed(self) -> None:
        """The hub refused this sample."""
        self._sent_ms = None

    def answered(self, result: TimeSyncResult, monotonic_ms: int) -> None:
        """Take the answer that arrived at `monotonic_ms` (protocol.md, section 4)."""
        if self._sent_ms is None:
            return
        round_trip_ms = monotonic_ms - self._sent_ms
        self._sent_ms = None
        t1, t2 = parse_time(result.t1), parse_time(result.t2)
        # Whole milliseconds are what the monotonic clock tells, hence one more of doubt.
        way_ms = max(0.0, (round_trip_ms - (t2 - t1) / timedelta(milliseconds=1)) / 2)
        sample = Clock(
            hub_time=format_time(t2 + timedelta(milliseconds=way_ms)),
            monotonic_ms=monotonic_ms,
            uncertainty_ms=int(way_ms) + 1,
        )
        if self.best is None or sample.uncertainty_ms < self.best.uncertainty_ms:
            self.best = sample
