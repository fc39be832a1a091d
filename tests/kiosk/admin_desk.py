"""Commands of `attendance-admin` without a hub: what was typed, what was asked of the hub, what was printed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from kiosk.admin.asking import Asker
from kiosk.admin.command_line import parser
from kiosk.admin.desk import Desk
from kiosk.admin.faults import CommandRefused, UsageFault
from kiosk.admin.output import Output
from kiosk.admin.prompts import Prompts
from kiosk.admin.words import Words
from kiosk.settings import Settings
from protocol.base import Command, Reply
from protocol.errors import ErrorCode
from protocol.replies import DepartmentItem, DepartmentListResult, EmployeeItem, EmployeeListResult, Error
from protocol.roster import SiteItem, SiteListResult
from protocol.values import Language

HUB = "http://127.0.0.1:8080"
NORTE, SUR = UUID(int=0xA1), UUID(int=0xA2)
ALMACEN, OFICINA = UUID(int=0xB1), UUID(int=0xB2)
LUCIA = UUID(int=0xC1)
KEY = UUID(int=0xD1)
NOON = "2026-11-24T12:00:00.000000Z"

_R = TypeVar("_R", bound=Reply)
Answer = Reply | ErrorCode


class ScriptedPrompts(Prompts):
    """Answers in order; without any, nobody is there."""

    def __init__(self, say: Words, answers: Iterable[str] = ()) -> None:
        super().__init__(say)
        self.answers = list(answers)
        self.asked: list[str] = []

    @property
    def is_terminal(self) -> bool:
        return bool(self.answers)

    def answer(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    def secret(self, prompt: str, *, from_stdin: bool, option: str) -> str:
        if not self.answers:
            raise UsageFault("standard input is no terminal: use {option}", option=option)
        del from_stdin
        return self.answer(prompt)


class ScriptedHub(Asker):
    """Says to each command what the script has for its type; a sample company where it has nothing."""

    def __init__(self, script: Mapping[str, Answer] | None = None) -> None:
        self._script: dict[str, Answer] = {
            "site.list": SiteListResult(
                re=1,
                items=[
                    SiteItem(site_id=NORTE, name="Planta Norte", time_zone="Europe/Madrid"),
                    SiteItem(site_id=SUR, name="Planta Sur", time_zone="Europe/Madrid"),
                ],
                next_cursor=None,
            ),
            "department.list": DepartmentListResult(
                re=1,
                items=[
                    DepartmentItem(department_id=ALMACEN, site_id=NORTE, name="Almacén"),
                    DepartmentItem(department_id=OFICINA, site_id=SUR, name="Almacén"),
                ],
                next_cursor=None,
            ),
            "employee.list": EmployeeListResult(re=1, items=[lucia()], next_cursor=None),
            **(script or {}),
        }
        self.asked: list[Any] = []

    async def ask(self, make: Callable[..., Command], answer: type[_R], **_: object) -> _R:
        command = make(id=len(self.asked) + 1)
        self.asked.append(command)
        told = self._script[str(command.__struct_config__.tag)]
        if isinstance(told, ErrorCode):
            raise CommandRefused(Error(re=1, code=told, message="no", retry=told.retry))
        assert isinstance(told, answer)
        return told

    async def ask_parts(self, make: Callable[..., Command], answer: type[_R], **_: object) -> list[_R]:
        return [await self.ask(make, answer)]

    def sent(self, command: type[Command]) -> list[Any]:
        return [each for each in self.asked if isinstance(each, command)]


class ScriptedLink:
    """A connection to the scripted hub, for the length of a block."""

    def __init__(self, hub: ScriptedHub) -> None:
        self.hub = hub

    async def __aenter__(self) -> Any:  # noqa: ANN401 - stands for a HubLink
        return self.hub

    async def __aexit__(self, *_: object) -> None:
        pass


def lucia(**changes: Any) -> EmployeeItem:  # noqa: ANN401 - the fields of EmployeeItem
    members: dict[str, Any] = {
        "employee_id": LUCIA,
        "employee_number": "1042",
        "display_name": "Lucía Fernández Ortega",
        "site_id": NORTE,
        "department_id": ALMACEN,
        "active": True,
        "badges": 1,
    }
    return EmployeeItem(**(members | changes))


class Typed:
    """One command line, run against a scripted hub."""

    def __init__(
        self,
        *arguments: str,
        hub: ScriptedHub | None = None,
        answers: Iterable[str] = (),
        out: io.StringIO | None = None,
        lang: str = "en",
    ) -> None:
        self.say = Words(Language(lang))
        self.options = parser(self.say).parse_args(["--hub", HUB, "--lang", lang, *arguments])
        self.hub = hub or ScriptedHub()
        self.prompts = ScriptedPrompts(self.say, answers)
        self.out = out or io.StringIO()
        self.notes = io.StringIO()

    async def run(self) -> str:
        """What it prints. Raises what the program would end with."""
        output = Output(as_json=self.options.json, say=self.say, out=self.out, notes=self.notes)
        options = self.options
        if options.asks is not None and options.asks(options) and not options.yes:
            self.prompts.check_someone_is_there()
        if options.prepare is not None:
            options.prepare(options, self.prompts)
        async with Desk(
            lambda: ScriptedLink(self.hub),
            output,
            prompts=self.prompts,
            request_key=options.request_key or KEY,
            is_repeated=options.request_key is not None,
            settings=Settings(),
        ) as desk:
            await options.run(desk, options, output)
        return self.out.getvalue()
