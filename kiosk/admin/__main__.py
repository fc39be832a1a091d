"""`attendance-admin`: the hub's commands for people, from a shell.

Results go to standard output, remarks and errors to standard error; exit codes are those of `kiosk.admin.faults.Exit`.
Secrets are read from standard input or asked for, never from the command line.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from kiosk.admin.command_line import parser
from kiosk.admin.faults import AdminFault, CodeNeeded, Exit, UsageFault
from kiosk.admin.hub_link import open_link
from kiosk.admin.output import Output
from kiosk.admin.saved_session import SessionFile, state_folder
from kiosk.admin.sign_in import SignIn
from kiosk.admin.watch import PresenceWatcher
from kiosk.admin.watch_output import WatchOutput
from kiosk.link.client import LinkDown
from kiosk.plain_text import plain
from kiosk.settings import Settings, SettingsError, load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.umask(0o077)
    try:
        settings = load_settings(os.environ)
        asyncio.run(_run(options, settings))
    except (AdminFault, LinkDown, SettingsError) as fault:
        sys.stderr.write(f"attendance-admin: {plain(str(fault))}\n")
        match fault:
            case AdminFault():
                return fault.exit_code
            case LinkDown():
                return Exit.UNREACHABLE
            case SettingsError():
                return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter's last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.OK


async def _run(options: argparse.Namespace, settings: Settings) -> None:
    output = Output(as_json=options.json)
    folder: Path = options.state or state_folder(os.environ)
    sign_in = SignIn(options.hub, SessionFile(folder, options.hub), settings, lang=options.lang)
    match options.command:
        case "login":
            await _login(sign_in, options, output)
        case "logout":
            output.note("signed out" if await sign_in.logout() else "nobody was signed in")
        case "watch":
            await PresenceWatcher(options.hub, sign_in, settings, options, WatchOutput(output)).run()
        case _:
            async with open_link(options.hub, sign_in, settings, lang=options.lang) as link:
                await options.ask(link, options, output)


async def _login(sign_in: SignIn, options: argparse.Namespace, output: Output) -> None:
    password = _secret("Password: ", from_stdin=options.password_stdin)
    totp = _secret("Code: ", from_stdin=True) if options.totp_stdin else None
    try:
        await sign_in.login(options.user, password, totp)
    except CodeNeeded:
        if totp is not None or not sys.stdin.isatty():
            raise
        await sign_in.login(options.user, password, _secret("One-time code: ", from_stdin=False))
    output.note(f"signed in as {options.user}")


def _secret(prompt: str, *, from_stdin: bool) -> str:
    """One line of standard input, or asked for on the terminal without showing it. Raises UsageFault."""
    if from_stdin:
        line = sys.stdin.readline()
    elif sys.stdin.isatty():
        line = _asked(prompt)
    else:
        raise UsageFault("standard input is no terminal: use --password-stdin")
    if not (secret := line.rstrip("\r\n")):
        raise UsageFault("standard input holds no such line")
    return secret


def _asked(prompt: str) -> str:
    # The loop's own handler of Ctrl-C would wait for a loop that waits for this line.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass.getpass(prompt)
    except EOFError:
        sys.stderr.write("\n")
        return ""
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise
    finally:
        signal.signal(signal.SIGINT, handler)


if __name__ == "__main__":
    sys.exit(main())
