"""`attendance-kiosk`: the terminal's app on the screen that it is started on."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final
from uuid import UUID

from kiosk import pair_command
from kiosk.app import KioskApp
from kiosk.demo_file import DemoFileError, load_demo_file
from kiosk.folders import add_place
from kiosk.identity import IdentityError, keep_identity, load_identity
from kiosk.link.client import websocket_url
from kiosk.linked_terminal import LinkedTerminal
from kiosk.outbox_file import FolderInUse
from kiosk.settings import Settings, SettingsError, load_settings
from kiosk.themes import TOKENS

LOG_NAME: Final = "kiosk.log"
LOG_BYTES: Final = 1_048_576
LOG_FILES: Final = 3


class Unusable(Exception):
    """The terminal can't start as it was asked to; the message says why in plain words."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 ended by a person or a signal, 2 usage, 1 it can't start or failed.

    Why it can't start is one line on standard error; a failure stands in the log.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["pair"]:
        return pair_command.main(arguments[1:])
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.demo is None) != (options.device is None):
        parser.error("--demo and --device go together")
    os.umask(0o077)  # whatever this program makes is its user's alone
    try:
        settings = load_settings(os.environ)
        terminal = make_terminal(options, settings)
        return asyncio.run(_show(terminal, options, settings))
    except (Unusable, SettingsError, IdentityError, DemoFileError, FolderInUse) as fault:
        sys.stderr.write(f"attendance-kiosk: {fault}\n")
        return 1


def make_terminal(options: argparse.Namespace, settings: Settings) -> LinkedTerminal:
    """The terminal that the options describe, not yet started.

    Raises Unusable, IdentityError and DemoFileError.
    """
    try:
        websocket_url(options.hub)
    except ValueError as fault:
        raise Unusable(f"--hub: {fault}") from None
    try:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _log_to(options.data / LOG_NAME)
    except OSError as fault:
        raise Unusable(f"--data: {options.data} can't be used: {fault.strerror}") from None
    name, time_zone = options.name, options.time_zone
    if options.demo is not None:
        demo = load_demo_file(options.demo)
        device = demo.device(options.device)
        keep_identity(options.data, device.identity())
        name = name or demo.name_of(device)
        time_zone = time_zone or demo.site_of(device).time_zone
    return LinkedTerminal(
        hub_url=options.hub,
        folder=options.data,
        identity=load_identity(options.data),
        settings=settings,
        lang=options.lang,
        terminal_name=name,
        time_zone=time_zone,
    )


async def _show(terminal: LinkedTerminal, options: argparse.Namespace, settings: Settings) -> int:
    # A demo's terminal belongs to whoever started the demo; any other ends by a signal alone unless told otherwise.
    allow_quit = options.allow_quit or options.demo is not None
    app = KioskApp(terminal, options.lang, theme=options.theme, allow_quit=allow_quit, settings=settings)
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(ending, app.exit)
    await terminal.start()
    try:
        await app.run_async()
    finally:
        await terminal.stop()
    return app.return_code or 0


def _log_to(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attendance-kiosk",
        description="A terminal at which people clock in and out.",
        epilog="A new terminal asks for the pairing code that an administrator gives; `attendance-kiosk pair` takes it "
        "from standard input instead.",
    )
    add_place(parser)
    parser.add_argument("--lang", choices=("es", "en"), default="es", help="language at the start (es)")
    parser.add_argument("--theme", choices=tuple(TOKENS), default="dark", help="colours at the start (dark)")
    parser.add_argument("--allow-quit", action="store_true", help="Ctrl-C and Ctrl-Q end the terminal")
    parser.add_argument("--name", help="what this terminal is called on its screen")
    parser.add_argument("--time-zone", metavar="ZONE", help="the site's, e.g. Europe/Madrid (the machine's own)")
    demo = parser.add_argument_group("a demo's terminal", "its identity, name and time zone come from the demo's file")
    demo.add_argument("--demo", type=Path, metavar="DEMO.json")
    demo.add_argument("--device", type=UUID, metavar="ID")
    return parser


if __name__ == "__main__":
    sys.exit(main())
