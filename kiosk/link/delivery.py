"""Which punches go out when, without I/O: the in-flight window, the order, and what each answer leads to.

The outbox is the memory: this keeps only how far it has been read (`wanted`), what is in flight, and how long to
wait. After anything but an outcome the flight is awaited to its end and then reading begins anew at the oldest
unanswered punch, because the hub refuses what comes behind a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kiosk.outbox_rows import KeptPunch
from protocol.errors import ErrorCode
from protocol.replies import Error
from protocol.values import DeviceStatus

_LONGEST_DELAY_MS: Final = 30_000
_NEVER_TAKEN: Final = frozenset(
    {ErrorCode.CONFLICT, ErrorCode.INVALID, ErrorCode.TOO_LARGE, ErrorCode.FORBIDDEN, ErrorCode.OUT_OF_ORDER}
)


@dataclass(frozen=True)
class Wanted:
    """Read unanswered punches above place `after`, at most `limit`."""

    after: int
    limit: int


@dataclass(frozen=True)
class SetAside:
    """The hub will never take this punch; its journal goes on with the next one, sent `after_loss`."""

    punch: KeptPunch
    code: str
    message: str


@dataclass(frozen=True)
class HubLacks:
    """The hub expects an earlier punch of this journal, though it answered it once."""

    punch: KeptPunch
    from_seq: int


class Delivery:
    """The punches' way over one connection. Times are milliseconds that never go back."""

    def __init__(self, *, max_in_flight: int, retry_delay_ms: int, status: DeviceStatus) -> None:
        self._window = max_in_flight
        self._retry_delay_ms = retry_delay_ms
        self.status = status
        """As the hub last told it; a pending device sends nothing."""
        self.clock_is_synced = False
        """A kiosk measures the hub's clock before it sends punches."""
        self._in_flight: dict[int, KeptPunch] = {}
        self._read_to = 0
        self._may_have_more = True
        self._rewinding = False
        self._not_before_ms = 0
        self._fruitless = 0

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def narrow(self, max_in_flight: int) -> None:
        """The hub's own limit, where it is lower."""
        self._window = max(1, min(self._window, max_in_flight))

    def wanted(self, now_ms: int) -> Wanted | None:
        """What to read from the outbox now, if anything; hand it to `read`."""
        if not self.clock_is_synced or self.status is DeviceStatus.PENDING or now_ms < self._not_before_ms:
            return None
        if self._rewinding:
            if self._in_flight:
                return None
            self._rewinding = False
            self._read_to = 0
            self._may_have_more = True
        room = self._window - len(self._in_flight)
        # A quarter of the window at a time: reading one row for each answer would be a disk access each.
        if not self._may_have_more or room < max(1, self._window // 4):
            return None
        return Wanted(self._read_to, room)

    def due_ms(self, now_ms: int) -> int | None:
        """When to ask `wanted` again even if nothing happens."""
        return self._not_before_ms if self._not_before_ms > now_ms else None

    def read(self, wanted: Wanted, punches: Sequence[KeptPunch]) -> None:
        """What the outbox gave for `wanted`; all of it is to be sent, each followed by `sent`."""
        self._may_have_more = len(punches) == wanted.limit
        if punches:
            self._read_to = punches[-1].place

    def kept_another(self) -> None:
        """The outbox has a new punch."""
        self._may_have_more = True

    def sent(self, command_id: int, punch: KeptPunch) -> None:
        self._in_flight[command_id] = punch

    def answered(self, command_id: int) -> KeptPunch | None:
        """An outcome came; the punch it is about."""
        self._fruitless = 0
        return self._in_flight.pop(command_id, None)

    def failed(self, command_id: int, error: Error, now_ms: int) -> SetAside | HubLacks | None:
        """An error came instead; what else is to be done beside sending again."""
        punch = self._in_flight.pop(command_id, None)
        if punch is None:
            return None
        was_rewinding, self._rewinding = self._rewinding, True
        if error.retry:
            self._wait(error.retry_after_ms, now_ms)
            return None
        if error.code is ErrorCode.OUT_OF_ORDER and not punch.after_loss:
            if was_rewinding:
                return None  # the consequence of an earlier punch's error
            expected = (error.details or {}).get("expected_seq")
            if isinstance(expected, int) and 1 <= expected < punch.seq:
                if self._fruitless:
                    self._wait(None, now_ms)
                else:
                    self._fruitless = 1
                return HubLacks(punch, expected)
        if error.code is ErrorCode.FORBIDDEN and self.status is DeviceStatus.PENDING:
            return None
        if error.code in _NEVER_TAKEN:
            return SetAside(punch, error.code.value, error.message)
        self._wait(None, now_ms)
        return None

    def _wait(self, retry_after_ms: int | None, now_ms: int) -> None:
        if retry_after_ms is None:
            retry_after_ms = min(_LONGEST_DELAY_MS, self._retry_delay_ms << min(self._fruitless, 16))
            self._fruitless += 1
        self._not_before_ms = max(self._not_before_ms, now_ms + min(max(0, retry_after_ms), _LONGEST_DELAY_MS))
