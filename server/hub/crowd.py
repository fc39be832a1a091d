"""How many sockets there may be: of one address, of one account or terminal, and of clients that haven't signed in.

Whoever hasn't signed in costs memory and has said nothing for it. Where there are too many of those, the one that has
been silent longest makes room for the newcomer: a client that means it signs in at once, so that a crowd of silent
ones, however large, shuts nobody out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeVar
from uuid import UUID

from protocol.errors import ErrorCode
from server.errors import Refused
from server.settings import Settings
from server.telemetry.metrics import Metrics, SocketLimit

_RETRY_MS: Final = 5_000
_T = TypeVar("_T")


class Newcomer(Protocol):
    """A connection until somebody has signed in on it."""

    @property
    def address(self) -> str: ...

    def make_room(self) -> None:
        """It was silent for too long, with others at the door."""


@dataclass(frozen=True, slots=True)
class CrowdLimits:
    of_address: int
    of_account: int
    unauthenticated_of_address: int
    unauthenticated: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            of_address=settings.sockets_of_address,
            of_account=settings.sockets_of_account,
            unauthenticated_of_address=settings.unauthenticated_sockets_of_address,
            unauthenticated=settings.unauthenticated_sockets,
        )


class Crowd:
    """All sockets of a hub, by where and whose they are. Nothing here awaits."""

    def __init__(self, limits: CrowdLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._of_address: Counter[str] = Counter()
        self._of_subject: Counter[UUID] = Counter()
        self._strangers: Counter[str] = Counter()
        self._strangers_in_all = 0
        self._silent: dict[Newcomer, None] = {}
        self._silent_of: dict[str, dict[Newcomer, None]] = {}

    def check(self, address: str) -> None:
        """Before an upgrade: whether there is room, or will be. Raises Refused (rate_limited, overloaded)."""
        if self._of_address[address] >= self._limits.of_address:
            raise self._turned_away(SocketLimit.OF_ADDRESS, ErrorCode.RATE_LIMITED)
        if self._is_full_of(address) and not self._silent_of.get(address):
            raise self._turned_away(SocketLimit.UNAUTHENTICATED_OF_ADDRESS, ErrorCode.RATE_LIMITED)
        if self._is_full and not self._silent:
            raise self._turned_away(SocketLimit.UNAUTHENTICATED, ErrorCode.OVERLOADED)

    def enter(self, newcomer: Newcomer) -> None:
        """One more that has said nothing yet; others that have said nothing for longer may have to go."""
        address = newcomer.address
        if self._is_full_of(address) and (silent := self._silent_of.get(address)):
            self._ask_to_go(next(iter(silent)), SocketLimit.UNAUTHENTICATED_OF_ADDRESS)
        elif self._is_full and self._silent:
            self._ask_to_go(next(iter(self._silent)), SocketLimit.UNAUTHENTICATED)
        self._of_address[address] += 1
        self._strangers[address] += 1
        self._strangers_in_all += 1
        self._silent[newcomer] = None
        self._silent_of.setdefault(address, {})[newcomer] = None

    def spoke(self, newcomer: Newcomer) -> None:
        """It said who it is: until that is judged nobody takes its place."""
        self._silent.pop(newcomer, None)
        of_address = self._silent_of.get(newcomer.address, {})
        of_address.pop(newcomer, None)
        if not of_address:
            self._silent_of.pop(newcomer.address, None)

    def sign_in(self, newcomer: Newcomer, subject: UUID) -> None:
        """It is an account's or a terminal's now. Raises Refused(rate_limited) where that has too many."""
        if self._of_subject[subject] >= self._limits.of_account:
            raise self._turned_away(SocketLimit.OF_ACCOUNT, ErrorCode.RATE_LIMITED)
        self._of_subject[subject] += 1
        self.spoke(newcomer)
        self._known(newcomer)

    def leave(self, newcomer: Newcomer, subject: UUID | None) -> None:
        """It is gone; `subject` is who signed in on it."""
        self.spoke(newcomer)
        _less(self._of_address, newcomer.address)
        if subject is None:
            self._known(newcomer)
        else:
            _less(self._of_subject, subject)

    def _known(self, newcomer: Newcomer) -> None:
        _less(self._strangers, newcomer.address)
        self._strangers_in_all -= 1

    @property
    def _is_full(self) -> bool:
        return self._strangers_in_all >= self._limits.unauthenticated

    def _is_full_of(self, address: str) -> bool:
        return self._strangers[address] >= self._limits.unauthenticated_of_address

    def _ask_to_go(self, silent: Newcomer, limit: SocketLimit) -> None:
        self.spoke(silent)
        self._metrics.turned_away(limit)
        silent.make_room()

    def _turned_away(self, limit: SocketLimit, code: ErrorCode) -> Refused:
        self._metrics.turned_away(limit)
        return Refused(code, f"too many sockets: {limit}", retry_after_ms=_RETRY_MS)


def _less(counts: Counter[_T], key: _T) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
