"""A scripted terminal for the screens: it answers what a test tells it, and remembers what was punched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from kiosk.terminal import (
    Answer,
    Captured,
    Credential,
    Enrolment,
    Kind,
    Link,
    OutboxFault,
    Outcome,
    PairingFailed,
    Reason,
    TerminalState,
    Ticket,
)

NOW = datetime(2026, 11, 24, 6, 58, tzinfo=UTC)
"""07:58 on a Tuesday in Madrid."""
ONLINE = TerminalState(
    link=Link.ONLINE,
    enrolment=Enrolment.ACTIVE,
    site_name="Planta Norte",
    terminal_name="Terminal 2",
    clock_known=True,
    time_zone="Europe/Madrid",
)
NEW = TerminalState(link=Link.OFFLINE, enrolment=Enrolment.NONE)
"""Nobody yet."""
FINGERPRINT = "r7QzkP0_aB3xYw-9LmNoPqRsTuVwXyZ1234567890-_"
WAITING = TerminalState(link=Link.ONLINE, enrolment=Enrolment.PENDING, fingerprint=FINGERPRINT)
OFFLINE = replace(ONLINE, link=Link.OFFLINE, backlog=0, detail="connection refused")


def an_answer(
    outcome: Outcome = Outcome.RECORDED,
    reason: Reason | None = None,
    kind: Kind | None = Kind.IN,
    *,
    name: str | None = "Lucía Fernández Ortega",
    worked_today_minutes: int | None = 200,
    occurred_at: datetime | None = NOW,
    same_as: UUID | None = None,
) -> Answer:
    return Answer(
        outcome=outcome,
        reason=reason,
        kind=kind,
        occurred_at=occurred_at,
        recorded_at=NOW + timedelta(milliseconds=20),
        same_as=same_as,
        employee_name=name,
        worked_today_minutes=worked_today_minutes,
    )


class ScriptedTerminal:
    """Answers come from `script`, in order; None leaves a punch unanswered until `settle`."""

    def __init__(self, *script: Answer | Exception | None, state: TerminalState = ONLINE) -> None:
        self.script = list(script)
        self.punches: list[tuple[Credential, Kind]] = []
        self.typed_codes: list[str] = []
        self.pairing: list[PairingFailed | None] = []
        """What comes of each code, in order; nothing more: it is good."""
        self.tickets: list[Ticket] = []
        self._state = state
        self._callbacks: list[Callable[[TerminalState], None]] = []
        self.moment = NOW

    @property
    def state(self) -> TerminalState:
        return self._state

    def become(self, **changes: Any) -> None:  # noqa: ANN401 (the fields of TerminalState)
        self._state = replace(self._state, **changes)
        for callback in list(self._callbacks):
            callback(self._state)

    def subscribe(self, callback: Callable[[TerminalState], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def now(self) -> datetime:
        return self.moment

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def pair(self, typed: str) -> None:
        self.typed_codes.append(typed)
        failed = self.pairing.pop(0) if self.pairing else None
        if failed is not None:
            raise failed
        self.become(enrolment=Enrolment.PENDING, fingerprint=FINGERPRINT, link=Link.ONLINE)

    async def punch(self, credential: Credential, kind: Kind) -> Ticket:
        self.punches.append((credential, kind))
        told = self.script.pop(0) if self.script else None
        if isinstance(told, OutboxFault):
            raise told
        online = self._state.link is Link.ONLINE
        ticket = Ticket(
            punch_id=uuid4(),
            made_at=self.moment,
            kind=kind,
            captured=Captured.ONLINE if online else Captured.OFFLINE,
            outcome=asyncio.get_running_loop().create_future(),
        )
        self.tickets.append(ticket)
        self.become(backlog=self._state.backlog + 1)
        if told is not None:
            self.settle(ticket, told)
        return ticket

    def settle(self, ticket: Ticket, told: Answer | Exception) -> None:
        self.become(backlog=self._state.backlog - 1)
        if isinstance(told, Exception):
            ticket.outcome.set_exception(told)
        else:
            ticket.outcome.set_result(told)
