"""The hand-written matrix, cell by cell over real sockets: what the hub answers is what the file says."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from protocol.codec import COMMANDS
from protocol.values import Role
from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.primitives import Message
from tests.permissions.commands import NAMED, QUESTIONS, Cell
from tests.permissions.conftest import Stage
from tests.permissions.world import Side, World, known_refusal

MATRIX: Final = Path(__file__).with_name("matrix.txt")
ROLES: Final = (Role.KIOSK, Role.EMPLOYEE, Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR)
WORDS: Final = {"yes", "no", "hidden", "absent", "-"}
ANSWERS: Final = {"punch.record": "punch.outcome", "presence.watch": "presence.state"}


class Expected(NamedTuple):
    command: str
    role: Role
    side: Side
    word: str

    def __str__(self) -> str:
        return f"{self.role} {self.command} {self.side}: {self.word}"


def cells() -> Iterator[Expected]:
    for line in MATRIX.read_text().splitlines():
        if not line.startswith("#") and line:
            command, *words = line.split()
            assert len(words) == 2 * len(ROLES), line
            assert set(words) <= WORDS, line
            for index, role in enumerate(ROLES):
                yield Expected(command, role, "in", words[2 * index])
                yield Expected(command, role, "out", words[2 * index + 1])


def test_the_file_has_every_command_once_and_every_one_is_asked() -> None:
    commands = [line.split()[0] for line in MATRIX.read_text().splitlines() if line and not line.startswith("#")]
    assert len(commands) == len(set(commands))
    assert set(commands) == set(COMMANDS) - {"auth"}
    assert set(QUESTIONS) == set(commands)


async def judged(stage: Stage, expected: Expected) -> str | None:
    """What is wrong with a cell; None where the hub does as the file says."""
    world = stage.world
    async with AsyncExitStack() as stack:
        device = await world.device("in") if expected.role is Role.KIOSK else None
        connection: Connection = await stack.enter_async_context(
            connect_person(stage.hub.ws_url, await world.token(expected.role))
            if device is None
            else connect_device(stage.hub.ws_url, device)
        )
        cell = Cell(world, expected.role, expected.side, connection, device)
        answer = await QUESTIONS[expected.command](cell)
        if (fault := fault_of(expected, answer, world)) is not None:
            return f"{expected}, but {fault}"
        if expected.word == "hidden":
            unknown = await QUESTIONS[expected.command](Cell(world, expected.role, "unknown", connection, device))
            if known_refusal(answer) != known_refusal(unknown):
                return f"{expected}, but an unknown one is told apart: {answer} {unknown}"
    return None


def fault_of(expected: Expected, answer: Message, world: World) -> str | None:
    code = answer.get("code")
    is_answer = answer["type"] == ANSWERS.get(expected.command, f"{expected.command}.result")
    match expected.word:
        case "no":
            fine = code == "forbidden"
        case "hidden":
            fine = code == "not_found"
        case "yes":
            named = NAMED.get(expected.command)
            fine = is_answer and (named is None or named(world, "in", expected.role) in str(answer))
        case _:
            fine = is_answer and NAMED[expected.command](world, "out", expected.role) not in str(answer)
    return None if fine else str(answer)[:300]


@pytest.mark.e2e
@pytest.mark.parametrize("role", ROLES)
def test_each_cell_is_as_the_file_says(role: Role, stage: Stage, runner: asyncio.Runner) -> None:
    asked = [cell for cell in cells() if cell.role is role and cell.word != "-"]

    async def all_of_them() -> list[str]:
        return [fault for cell in asked if (fault := await judged(stage, cell)) is not None]

    faults = runner.run(all_of_them())
    assert not faults, "\n".join(faults)
