"""What `attendance-admin` understands."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from kiosk.admin import lists
from kiosk.link.client import websocket_url
from protocol.values import Outcome

_EPILOG: Final = """exit codes:
  0 done                      4 the hub can't be reached
  1 the hub refused           5 the hub can't do it now, try later
  2 not understood            6 the session can't be kept or read here
  3 sign in (again)         130 interrupted

The session is kept with mode 0600 below --state, else $XDG_STATE_HOME, else ~/.local/state.
"""


def parser() -> argparse.ArgumentParser:
    """The options of one command: `command`, or `ask`, which is what runs it over a link."""
    whole = argparse.ArgumentParser(
        prog="attendance-admin",
        description="Look into a hub and follow who is where.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument(
        "--hub",
        type=_hub,
        metavar="URL",
        default=os.environ.get("ATTENDANCE_HUB_URL"),
        required="ATTENDANCE_HUB_URL" not in os.environ,
        help="the hub (ATTENDANCE_HUB_URL)",
    )
    whole.add_argument("--state", type=Path, metavar="DIR", help="where the session is kept")
    whole.add_argument("--lang", choices=("es", "en"), default="en", help="of the hub's messages (en)")
    whole.add_argument("--json", action="store_true", help="one JSON object a line")
    # The same behind the command, where one types it; without a default, so as not to undo the one before it.
    tail = argparse.ArgumentParser(add_help=False)
    tail.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a line")

    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    login = commands.add_parser("login", help="begin a session")
    login.add_argument("user", metavar="USER")
    login.add_argument("--password-stdin", action="store_true", help="the first line of standard input")
    login.add_argument("--totp-stdin", action="store_true", help="the next line is the one-time code")
    login.set_defaults(command="login")
    commands.add_parser("logout", help="end the session").set_defaults(command="logout")

    employee = _group(commands, "employee", "people")
    listing = employee.add_parser("list", parents=[tail], help="who works here")
    listing.add_argument("--site", type=UUID, metavar="ID")
    listing.add_argument("--department", type=UUID, metavar="ID")
    listing.add_argument("--query", metavar="TEXT", help="in the name or the number")
    listing.add_argument("--all", action="store_true", help="inactive ones as well")
    _limit(listing, None)
    listing.set_defaults(command="", ask=lists.employee_list)
    one = employee.add_parser("get", parents=[tail], help="one person")
    one.add_argument("employee", metavar="ID|NUMBER")
    one.set_defaults(command="", ask=lists.employee_get)

    listing = _group(commands, "department", "departments").add_parser("list", parents=[tail], help="all in scope")
    _limit(listing, None)
    listing.set_defaults(command="", ask=lists.department_list)

    listing = _group(commands, "punch", "punches").add_parser("list", parents=[tail], help="newest first")
    listing.add_argument("--site", type=UUID, metavar="ID")
    listing.add_argument("--employee", metavar="ID|NUMBER")
    listing.add_argument("--device", type=UUID, metavar="ID")
    listing.add_argument("--from", dest="since", type=_moment, metavar="TIME", help="inclusive, e.g. 2026-11-24T08:00")
    listing.add_argument("--until", type=_moment, metavar="TIME", help="exclusive; local time unless it says otherwise")
    listing.add_argument("--outcome", type=Outcome, choices=tuple(Outcome))
    _limit(listing, 50)
    listing.set_defaults(command="", ask=lists.punch_list)

    watch = _group(commands, "presence", "who is where").add_parser("watch", parents=[tail], help="live, until Ctrl-C")
    watch.add_argument("--site", action="append", default=[], metavar="ID|NAME", help="only this one; may be repeated")
    watch.add_argument("--once", action="store_true", help="the state alone")
    watch.set_defaults(command="watch")

    rollcall = commands.add_parser("rollcall", parents=[tail], help="who is inside a site now")
    rollcall.add_argument("site", metavar="ID|NAME")
    rollcall.set_defaults(command="", ask=lists.rollcall)

    status = _group(commands, "hub", "the hub itself").add_parser("status", parents=[tail], help="how it is")
    status.set_defaults(command="", ask=lists.hub_status)
    return whole


def _group(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return commands.add_parser(name, help=about).add_subparsers(required=True, metavar="COMMAND")


def _limit(listing: argparse.ArgumentParser, default: int | None) -> None:
    told = "all" if default is None else str(default)
    listing.add_argument("--limit", type=_count, default=default, metavar="N", help=f"at most so many ({told})")


def _hub(text: str) -> str:
    try:
        websocket_url(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return text


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return count


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
