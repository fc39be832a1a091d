"""`attendance-admin`: the hub's commands for people, from a shell.

Results go to standard output, remarks and errors to standard error; exit codes are those of `kiosk.admin.faults.Exit`.
Secrets are read from standard input or asked for, never from the command line.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

from kiosk.admin.command_line import language_of, parser
from kiosk.admin.desk import Desk
from kiosk.admin.faults import AdminFault, CodeNeeded, Exit
from kiosk.admin.hub_link import open_link
from kiosk.admin.nouns.completion import script
from kiosk.admin.output import Output
from kiosk.admin.prompts import Prompts
from kiosk.admin.saved_session import SessionFile
from kiosk.admin.sign_in import SignIn
from kiosk.admin.watch import PresenceWatcher
from kiosk.admin.watch_output import WatchOutput
from kiosk.admin.words import Words
from kiosk.folders import state_folder
from kiosk.link.client import LinkDown
from kiosk.plain_text import plain
from kiosk.settings import Settings, SettingsError, load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    say = Words(language_of(arguments))
    commands = parser(say)
    options = commands.parse_args(arguments)
    if options.command == "completion":
        sys.stdout.write(script(commands, options.shell))
        return Exit.OK
    if options.hub is None:
        commands.error(say("the hub is missing: --hub URL or ATTENDANCE_HUB_URL"))
    os.umask(0o077)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal's encoding lacks is no reason to fail
        sys.stdout.reconfigure(errors="replace")
    try:
        asyncio.run(_run(options, load_settings(os.environ), say))
    except (AdminFault, LinkDown, SettingsError) as fault:
        told = fault.said(say) if isinstance(fault, AdminFault) else say.recognised(str(fault))
        sys.stderr.write(f"attendance-admin: {plain(told)}\n")
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


async def _run(options: argparse.Namespace, settings: Settings, say: Words) -> None:
    output = Output(as_json=options.json, say=say)
    prompts = Prompts(say)
    folder: Path = options.state or state_folder(os.environ, "attendance-admin")
    sign_in = SignIn(options.hub, SessionFile(folder, options.hub), settings, lang=options.lang)
    match options.command:
        case "login":
            await _login(sign_in, options, output, prompts)
        case "logout":
            output.note(say("signed out") if await sign_in.logout() else say("nobody was signed in"))
        case "watch":
            await PresenceWatcher(options.hub, sign_in, settings, options, WatchOutput(output)).run()
        case _:
            if options.asks is not None and options.asks(options) and not options.yes:
                prompts.check_someone_is_there()
            if options.prepare is not None:
                options.prepare(options, prompts)
            connect = partial(open_link, options.hub, sign_in, settings, lang=options.lang)
            key = options.request_key or uuid4()
            is_repeated = options.request_key is not None
            async with Desk(
                connect, output, prompts=prompts, request_key=key, is_repeated=is_repeated, settings=settings
            ) as desk:
                await options.run(desk, options, output)


async def _login(sign_in: SignIn, options: argparse.Namespace, output: Output, prompts: Prompts) -> None:
    say = prompts.say
    password = prompts.secret(say("Password"), from_stdin=options.password_stdin, option="--password-stdin")
    totp = None
    if options.totp_stdin:
        totp = prompts.secret(say("One-time code"), from_stdin=True, option="--totp-stdin")
    try:
        await sign_in.login(options.user, password, totp)
    except CodeNeeded:
        if totp is not None or not prompts.is_terminal:
            raise
        code = prompts.secret(say("One-time code"), from_stdin=False, option="--totp-stdin")
        await sign_in.login(options.user, password, code)
    output.note(say("signed in as {user}", user=options.user))


if __name__ == "__main__":
    sys.exit(main())
