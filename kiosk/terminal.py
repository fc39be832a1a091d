"""What a screen knows of the terminal: its state, the act of punching, and the hub's answer.

Screens depend on these types alone; `kiosk.linked_terminal.LinkedTerminal` is the real one, and a test may hand a
screen any object of the same shape. Everything here runs on the event loop of the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from kiosk.link.enrolment import PairingFailed, PairingTrouble
from protocol.sealing import BadgeCredential, Credential, NumberCredential
from protocol.values import Captured, Kind, Outcome, Reason

__all__ = [
    "Answer",
    "BadgeCredential",
    "Captured",
    "Credential",
    "Enrolment",
    "Fault",
    "Kind",
    "Link",
    "NumberCredential",
    "OutboxFault",
    "Outcome",
    "PairingFailed",
    "PairingTrouble",
    "PunchSetAside",
    "Reason",
    "Terminal",
    "TerminalState",
    "Ticket",
]


class Link(StrEnum):
    CONNECTING = "connecting"
    """The first attempt since the start; neither online nor known to be offline yet."""
    ONLINE = "online"
    """The hub has welcomed this terminal."""
    OFFLINE = "offline"
    """Punches are kept here; the link tries again by itself."""


class Enrolment(StrEnum):
    NONE = "none"
    """No device identity in the data folder."""
    PENDING = "pending"
    """An admin has not confirmed this terminal yet; the hub takes no punches from it."""
    ACTIVE = "active"
    REVOKED = "revoked"


class Fault(StrEnum):
    """What a person has to look at, gravest first. A fault never stops the terminal where it can go on."""

    OUTBOX_UNWRITABLE = "outbox_unwritable"
    """The disk takes no punches: nobody can punch here until it does."""
    HUB_REFUSES = "hub_refuses"
    """The hub doesn't accept this device or speaks another contract; tried again every 5 minutes."""
    OUTBOX_DAMAGED = "outbox_damaged"
    """The outbox was unreadable, was put aside as a file, and a new journal began."""
    PUNCH_SET_ASIDE = "punch_set_aside"
    """The hub refused to take a stored punch at all; it is kept here with the reason."""


@dataclass(frozen=True)
class TerminalState:
    """A snapshot; a new one is made for every change."""

    link: Link = Link.CONNECTING
    enrolment: Enrolment = Enrolment.NONE
    site_name: str | None = None
    terminal_name: str | None = None
    backlog: int = 0
    """Punches kept here that the hub has not answered yet."""
    backlog_since: datetime | None = None
    """When the oldest of them was made (aware, UTC)."""
    syncing: bool = False
    """Online, and sending punches that were made earlier."""
    clock_known: bool = False
    """Whether `now()` is the hub's time; otherwise it is the device's own clock, right or wrong."""
    time_zone: str | None = None
    """IANA name of the site's time zone; None where it isn't known (use the device's)."""
    fault: Fault | None = None
    fingerprint: str | None = None
    """Of this terminal's key, which an admin compares; None where it has none yet."""
    detail: str | None = None
    """One plain English line for a technician about the link or the fault, e.g. "connection refused"."""


@dataclass(frozen=True)
class Answer:
    """The hub's answer to a punch. `kind` is never AUTO."""

    outcome: Outcome
    reason: Reason | None
    kind: Kind | None
    occurred_at: datetime | None
    recorded_at: datetime
    same_as: UUID | None
    """The punch that this one repeats, where `reason` is DEBOUNCED; `kind` and `occurred_at` are that one's."""
    employee_name: str | None
    """As the hub sent it: strip control and bidi characters before it is shown (`kiosk.plain_text.plain`)."""
    worked_today_minutes: int | None


class OutboxFault(Exception):
    """Nothing was recorded: the punch could not be kept. `code` is a word for the screens' messages."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """`unwritable` (disk), `not_enrolled` (no identity, or pending), `no_sealing_key` (never welcomed yet),
        `too_long` (more input than a sealed credential holds)."""


class PunchSetAside(Exception):
    """The hub will not take this punch (`conflict`, `invalid` …); it stays on the disk for a person to look at."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Ticket:
    """A punch that is on the disk."""

    punch_id: UUID
    made_at: datetime
    """Aware, UTC; the hub's time where known."""
    kind: Kind
    captured: Captured
    outcome: asyncio.Future[Answer]

    async def answer(self) -> Answer:
        """Wait for the hub's answer, across reconnects, as long as it takes; may be awaited often and cancelled.

        Raises PunchSetAside.
        """
        return await asyncio.shield(self.outcome)


class Terminal(Protocol):
    """A terminal as its screens use it."""

    @property
    def state(self) -> TerminalState: ...

    def subscribe(self, callback: Callable[[TerminalState], None]) -> Callable[[], None]:
        """Call `callback` on the loop after each change of `state`; the answer ends the subscription."""
        ...

    def now(self) -> datetime:
        """The hub's time where known, else the device's (aware, UTC)."""
        ...

    async def start(self) -> None:
        """Open the outbox and begin to connect; returns without waiting for the hub. Never raises for a dead hub
        or a bad disk (see `state.fault`). Raises `kiosk.outbox.FolderInUse` when another process has the folder."""
        ...

    async def stop(self) -> None:
        """End the link and close the outbox. Open tickets are cancelled; their punches stay on the disk."""
        ...

    async def pair(self, typed: str) -> None:
        """Enrol by a pairing code as it was typed, pasted or scanned; then this terminal waits to be confirmed.

        Raises `PairingFailed`; it may be tried again.
        """
        ...

    async def punch(self, credential: Credential, kind: Kind) -> Ticket:
        """Keep a punch; returns only after it is on the disk. Raises OutboxFault: nothing was recorded."""
        ...
