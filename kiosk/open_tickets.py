"""Punches whose answer somebody waits for."""

from __future__ import annotations

import asyncio
from uuid import UUID

from kiosk.terminal import Answer, PunchSetAside
from protocol.replies import PunchOutcome
from protocol.values import parse_time


class OpenTickets:
    def __init__(self) -> None:
        self._waiting: dict[UUID, asyncio.Future[Answer]] = {}

    def open(self, punch_id: UUID) -> asyncio.Future[Answer]:
        """Opened before the punch is kept: its answer may come before its keeper gets word from the disk."""
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting.add_done_callback(_seen)
        self._waiting[punch_id] = waiting
        return waiting

    def drop(self, punch_id: UUID) -> None:
        self._waiting.pop(punch_id, None)

    def answer(self, outcome: PunchOutcome) -> None:
        if (waiting := self._take(outcome.punch_id)) is not None:
            waiting.set_result(_answer(outcome))

    def refuse(self, punch_id: UUID, code: str, message: str) -> None:
        if (waiting := self._take(punch_id)) is not None:
            waiting.set_exception(PunchSetAside(code, message))

    def cancel_all(self) -> None:
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    def _take(self, punch_id: UUID) -> asyncio.Future[Answer] | None:
        waiting = self._waiting.pop(punch_id, None)
        return None if waiting is None or waiting.done() else waiting


def _answer(outcome: PunchOutcome) -> Answer:
    employee = outcome.employee
    return Answer(
        outcome=outcome.outcome,
        reason=outcome.reason,
        kind=outcome.kind,
        occurred_at=None if outcome.occurred_at is None else parse_time(outcome.occurred_at),
        recorded_at=parse_time(outcome.recorded_at),
        same_as=outcome.same_as,
        employee_name=None if employee is None else employee.display_name,
        worked_today_minutes=None if employee is None else employee.worked_today_minutes,
    )


def _seen(waiting: asyncio.Future[Answer]) -> None:
    if not waiting.cancelled():
        waiting.exception()  # whoever holds the ticket may have stopped waiting
