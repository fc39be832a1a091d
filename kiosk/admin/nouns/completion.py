"""`completion`: what shells complete, as a script of theirs."""

from __future__ import annotations

from typing import Final

import shtab

from kiosk.admin.parsing import Commands, Parser

SHELLS: Final = ("bash", "zsh", "fish")


def add(commands: Commands) -> None:
    say = commands.say
    about = say("print what makes a shell complete these commands")
    completion = commands.single("completion", about, command="completion")
    completion.add_argument("shell", choices=SHELLS, help=say("whose script"))


def script(parser: Parser, shell: str) -> str:
    return shtab.complete(parser, shell=shell)  # nosec B604 - a shell's name; none is started
