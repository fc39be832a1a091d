"""How commands are declared: `noun verb`, in the reader's language, each with what runs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.output import Output
from kiosk.admin.prompts import Prompts
from kiosk.admin.words import Words
from kiosk.link.client import websocket_url
from kiosk.plain_text import plain
from protocol.values import format_time

FILE: Final = {
    "bash": "_shtab_compgen_files",
    "zsh": "_files",
    "fish": "(__fish_complete_path (commandline -ct))",
}
"""What completes the name of a file, by shell."""


class Run(Protocol):
    """Runs a command over a link and prints what came of it."""

    def __call__(self, desk: Desk, options: argparse.Namespace, output: Output, /) -> Awaitable[None]: ...


Prepare = Callable[[argparse.Namespace, Prompts], None]
"""What is read or asked for before there is any connection: secrets, files."""


class Parser(argparse.ArgumentParser):
    """An argparse parser that speaks the reader's language."""

    def __init__(self, *, say: Words, **members: Any) -> None:  # noqa: ANN401 - as argparse has them
        super().__init__(**members, add_help=False)
        self._say = say
        self._positionals.title = say("arguments")
        self._optionals.title = say("options")
        self.add_argument("-h", "--help", action="help", help=say("say this and end"))

    def format_usage(self) -> str:
        return super().format_usage().replace("usage: ", self._say("usage: "), 1)

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", self._say("usage: "), 1)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {plain(self._say.recognised(message))}\n")


@dataclass(frozen=True)
class Commands:
    """Where nouns are added."""

    say: Words
    whole: argparse._SubParsersAction[Parser]

    def noun(self, name: str, about: str) -> Noun:
        parser = self.whole.add_parser(name, help=about, description=about, say=self.say)
        verbs = parser.add_subparsers(required=True, metavar=self.say("COMMAND"), title=self.say("commands"))
        return Noun(self.say, verbs)

    def single(self, name: str, about: str, *, command: str = "", run: Run | None = None) -> Parser:
        """A command without a verb: run over a link, or known to the program as `command`."""
        parser = self.whole.add_parser(name, help=about, description=about, say=self.say)
        _complete(parser, self.say, command, run)
        return parser


@dataclass(frozen=True)
class Noun:
    say: Words
    verbs: argparse._SubParsersAction[Parser]

    def read(self, name: str, about: str, run: Run, *, limit: int | bool | None = False) -> Parser:
        """A command that changes nothing; with `limit` (a number, or None for all) it lists."""
        parser = self._verb(name, about, run)
        if limit is not False:
            told = self.say("all") if limit is None else str(limit)
            about_limit = self.say("at most so many ({default})", default=told)
            parser.add_argument("--limit", type=_count, default=limit, metavar="N", help=about_limit)
        return parser

    def write(
        self,
        name: str,
        about: str,
        run: Run,
        *,
        prepare: Prepare | None = None,
        asks: Callable[[argparse.Namespace], bool] | None = None,
    ) -> Parser:
        """A command that changes something; `asks`: whether it wants a yes before."""
        parser = self._verb(name, about, run)
        parser.set_defaults(prepare=prepare, asks=asks)
        about_key = self.say("the same key again does nothing twice (a new one)")
        parser.add_argument("--request-key", type=UUID, metavar="UUID", help=about_key)
        if asks is not None:
            parser.add_argument("--yes", action="store_true", help=self.say("don't ask, for scripts"))
        return parser

    def _verb(self, name: str, about: str, run: Run) -> Parser:
        parser = self.verbs.add_parser(name, help=about, description=about, say=self.say)
        _complete(parser, self.say, "", run)
        return parser


def _complete(parser: Parser, say: Words, command: str, run: Run | None) -> None:
    """Give a command what all have."""
    parser.set_defaults(command=command, run=run, prepare=None, asks=None, request_key=None, yes=False)
    # It may stand before the command as well: without a default, so as not to undo that one.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say("one JSON object a line"))


def always(options: argparse.Namespace) -> bool:  # noqa: ARG001 - one of several ways to tell
    return True


def complete_files(action: argparse.Action) -> None:
    """Shells complete this argument with the names of files."""
    vars(action)["complete"] = FILE


def hub_address(text: str) -> str:
    try:
        websocket_url(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return text


def folder(text: str) -> Path:
    return Path(text)


def moment(text: str) -> str:
    """A time as the wire has it; local time unless the text says otherwise."""
    try:
        return format_time(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("a time is like 2026-11-24T08:00") from None


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return count
