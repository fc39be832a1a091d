"""What `attendance-admin` understands."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from kiosk.admin.nouns import (
    accounts,
    audit,
    badges,
    completion,
    devices,
    employees,
    hub,
    own,
    pins,
    places,
    presence,
    punches,
    sessions,
)
from kiosk.admin.parsing import Commands, Parser, folder, hub_address
from kiosk.admin.words import ENGLISH, Words
from protocol.values import Language

_NOUNS = (sessions, employees, badges, pins, places, devices, accounts, own, audit, punches, presence, hub, completion)


def language_of(arguments: Sequence[str]) -> Language:
    """The language in which the rest is to be understood and answered."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--lang")
    try:
        named = first.parse_known_args(list(arguments))[0].lang
        return Language(named or "en")
    except (ValueError, argparse.ArgumentError):
        return Language.EN


def parser(say: Words = ENGLISH) -> Parser:
    """The options of one command: `command`, or `run`, which is what runs it over a link."""
    whole = Parser(
        say=say,
        prog="attendance-admin",
        description=say("Look into a hub, follow who is where, and administer people, terminals and accounts."),
        epilog=_epilog(say),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument(
        "--hub",
        type=hub_address,
        metavar="URL",
        default=os.environ.get("ATTENDANCE_HUB_URL"),
        help=say("the hub (ATTENDANCE_HUB_URL)"),
    )
    whole.add_argument("--state", type=folder, metavar=say("DIR"), help=say("where the session is kept"))
    whole.add_argument("--lang", choices=("es", "en"), default="en", help=say("of all that is said (en)"))
    whole.add_argument("--json", action="store_true", help=say("one JSON object a line"))
    verbs = whole.add_subparsers(required=True, metavar=say("COMMAND"), title=say("commands"), parser_class=Parser)
    commands = Commands(say, verbs)
    for noun in _NOUNS:
        noun.add(commands)
    return whole


def _epilog(say: Words) -> str:
    codes = (
        (0, say("done")),
        (1, say("the hub refused, or the file has faults, or the answer was no")),
        (2, say("not understood, or nobody there to be asked")),
        (3, say("sign in (again)")),
        (4, say("the hub can't be reached, or the answer was lost")),
        (5, say("the hub can't do it now, try later")),
        (6, say("a file or the session can't be kept or read here")),
        (7, say("nothing in scope is called so")),
        (8, say("taken, or not in the state for it")),
        (9, say("done, but a secret shown once was lost on the way")),
        (130, say("interrupted")),
    )
    kept = say("The session is kept with mode 0600 below --state, else $XDG_STATE_HOME, else ~/.local/state.")
    lines = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in codes)
    return f"{say('exit codes:')}\n{lines}\n\n{kept}"
