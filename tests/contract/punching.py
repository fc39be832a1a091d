"""Sending punches and judging the form of what comes back."""

import asyncio
from collections.abc import Sequence

from tests.contract.connection import ANSWER_SECONDS, Connection, an_error
from tests.contract.journal import Punch
from tests.contract.primitives import Message, moment

RECORDED_REASONS: set[str | None] = {None, "debounced", "unexpected_kind"}
HELD_REASONS: set[str | None] = {
    "badge_unknown",
    "pin_wrong",
    "pin_unchecked",
    "seal_unavailable",
    "seal_broken",
    "clock_unknown",
    "device_forked",
    "device_revoked",
}
REFUSED_REASONS: set[str | None] = {
    "not_recognised",
    "badge_unknown",
    "badge_revoked",
    "pin_throttled",
    "employee_inactive",
    "device_revoked",
}
REASONS = {"recorded": RECORDED_REASONS, "held": HELD_REASONS, "refused": REFUSED_REASONS}
LASTING = ("outcome", "reason", "kind", "occurred_at", "recorded_at")
"""The members of an outcome that every repetition answers alike."""


def an_outcome(answer: Message, punch: Punch) -> Message:
    """Raises AssertionError unless this is a `punch.outcome` of `punch` in the page's form."""
    assert answer["type"] == "punch.outcome", answer
    assert answer["punch_id"] == punch.punch_id
    assert answer["reason"] in REASONS[answer["outcome"]], answer
    assert isinstance(answer["duplicate"], bool)
    moment(answer["recorded_at"])
    if answer["outcome"] == "recorded":
        assert answer["kind"] in {"in", "out", "break_start", "break_end"}, answer
        moment(answer["occurred_at"])
        employee = answer["employee"]
        assert employee is None or isinstance(employee["display_name"], str)
        assert employee is None or isinstance(employee["worked_today_minutes"], int)
    assert (answer["same_as"] is not None) == (answer["reason"] == "debounced"), answer
    return answer


async def record(connection: Connection, punch: Punch, **extra: object) -> Message:
    """The outcome of one punch."""
    return an_outcome(await connection.ask("punch.record", **punch.fields(), **extra), punch)


async def recorded(connection: Connection, punch: Punch) -> Message:
    """The outcome of a punch that must be recorded without any remark."""
    outcome = await record(connection, punch)
    assert (outcome["outcome"], outcome["reason"]) == ("recorded", None), outcome
    return outcome


async def record_all(connection: Connection, punches: Sequence[Punch]) -> list[Message]:
    """Sends all without waiting in between, then the outcomes in the order of sending."""
    answers = [await connection.start("punch.record", **punch.fields()) for punch in punches]
    async with asyncio.timeout(ANSWER_SECONDS * 3):
        replies = await asyncio.gather(*answers)
    return [an_outcome(reply, punch) for reply, punch in zip(replies, punches, strict=True)]


async def turned_away(connection: Connection, punch: Punch, **extra: object) -> Message:
    """The error that a punch must get in place of an outcome."""
    return an_error(await connection.ask("punch.record", **punch.fields(), **extra))


def lasting(outcome: Message) -> Message:
    return {name: outcome[name] for name in LASTING}


def verdict(outcome: Message) -> tuple[str, str | None]:
    return outcome["outcome"], outcome["reason"]
