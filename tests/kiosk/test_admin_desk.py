"""A lost connection: what was asked is asked again, and what is to be done is done once."""

from __future__ import annotations

import io
from collections import deque
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from kiosk.admin.desk import Desk
from kiosk.admin.faults import AnswerLost, Exit, HubUnreachable
from kiosk.admin.output import Output
from kiosk.admin.words import ENGLISH
from kiosk.link.client import LinkDown
from kiosk.settings import Settings
from protocol.commands import HubStatus
from protocol.errors import CloseCode
from protocol.roster import PinIsReset, PinReset
from tests.kiosk.admin_desk import KEY, LUCIA, ScriptedPrompts

RESET = partial(PinReset, employee_id=LUCIA)
DONE = PinIsReset(re=1)


class Wires:
    """Connections one after another: each takes what is asked and answers by the script, or is lost."""

    def __init__(self, *script: object) -> None:
        self.script = deque(script)
        self.asked: list[Any] = []
        self.opened = 0
        self.closed = 0

    def open(self) -> Wires:
        return self

    async def __aenter__(self) -> Any:  # noqa: ANN401 - stands for a HubLink
        if isinstance(away := self.script[0], HubUnreachable):
            self.script.popleft()
            raise away
        self.opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed += 1

    async def ask(self, make: Any, answer: Any) -> Any:  # noqa: ANN401 - as HubLink.ask
        self.asked.append(make(id=len(self.asked) + 1))
        told = self.script.popleft()
        if isinstance(told, Exception):
            raise told
        assert isinstance(told, answer)
        return told


def desk_over(wires: Wires, notes: io.StringIO | None = None) -> Desk:
    output = Output(as_json=False, out=io.StringIO(), notes=notes or io.StringIO())
    prompts = ScriptedPrompts(ENGLISH)
    return Desk(
        wires.open, output, prompts=prompts, request_key=KEY, settings=Settings(), pauses_seconds=(0.0, 0.0, 0.0)
    )


async def test_a_lost_answer_is_asked_again_on_a_new_connection_with_the_same_key() -> None:
    wires, notes = Wires(LinkDown("cut"), LinkDown("cut"), DONE), io.StringIO()
    async with desk_over(wires, notes) as desk:
        assert await desk.do(RESET, PinIsReset) is DONE
    assert [each.request_key for each in wires.asked] == [KEY] * 3
    assert (wires.opened, wires.closed) == (3, 3)
    assert notes.getvalue().count("connection lost (cut); connecting again") == 2


async def test_an_answer_that_never_comes_ends_with_the_key_by_which_it_can_be_asked_again() -> None:
    wires = Wires(*[LinkDown("cut")] * 4)
    async with desk_over(wires) as desk:
        with pytest.raises(AnswerLost, match=str(KEY)) as raised:
            await desk.do(RESET, PinIsReset)
    assert raised.value.exit_code == Exit.UNREACHABLE
    assert len(wires.asked) == 4


async def test_a_hub_that_was_never_reached_is_not_tried_again() -> None:
    wires = Wires(HubUnreachable("away"), DONE)
    async with desk_over(wires) as desk:
        with pytest.raises(HubUnreachable, match=r"^away$"):
            await desk.do(RESET, PinIsReset)
    assert wires.asked == []


async def test_a_hub_that_restarts_is_waited_for() -> None:
    wires = Wires(LinkDown("draining", CloseCode.DRAINING), HubUnreachable("away"), DONE)
    async with desk_over(wires) as desk:
        assert await desk.do(RESET, PinIsReset) is DONE


async def test_a_hub_that_refuses_the_session_is_not_asked_again() -> None:
    wires = Wires(LinkDown("not allowed", CloseCode.NOT_ALLOWED), DONE)
    async with desk_over(wires) as desk:
        with pytest.raises(LinkDown, match="not allowed"):
            await desk.ask(HubStatus, PinIsReset)
    assert len(wires.asked) == 1


async def test_one_connection_serves_a_whole_command() -> None:
    wires = Wires(DONE, DONE)
    other = UUID(int=5)
    async with desk_over(wires) as desk:
        await desk.do(RESET, PinIsReset)
        await desk.do(RESET, PinIsReset, key=other)
    assert [each.request_key for each in wires.asked] == [KEY, other]
    assert (wires.opened, wires.closed) == (1, 1)
