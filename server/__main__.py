"""`attendance-hub`: serve | demo | migrate | create-admin | secrets | settings."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Final

import structlog
import uvloop

from server.app import running_hub
from server.create_admin import MIGRATOR_DSN, CreateAdminOptions, NotCreated, create_admin
from server.demo.company import CompanyError
from server.demo.run import DemoError, DemoOptions, run_demo
from server.keys_commands import KeysRefused, add_keys_commands
from server.own_servers import ServersError, own_servers, write_hub_environment
from server.secrets.provider import SecretsUnavailable
from server.settings import Settings, SettingsError, read_settings
from server.settings_command import add_settings_command
from server.telemetry.logging import configure_logging, log_loop_faults
from storage.embedded import EmbeddedServerError
from storage.errors import MigrationRefused, StorageError
from storage.migrate import migrate

_EXPECTED: Final = (
    CompanyError,
    DemoError,
    EmbeddedServerError,
    KeysRefused,
    MigrationRefused,
    NotCreated,
    SecretsUnavailable,
    ServersError,
    SettingsError,
    StorageError,
    OSError,
)
"""Errors whose text tells a person what to do; all else is a bug and keeps its traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code: 0 (after SIGINT or SIGTERM too), 1 for a failure, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except _EXPECTED as error:
        sys.stderr.write(f"attendance-hub {options.command}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="attendance-hub", description="The hub of the attendance system.")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser(
        "serve", help="run a hub", description="Run a hub, set by environment variables named ATTENDANCE_…"
    )
    serve.add_argument("--port", type=_port, help="port to listen on (default: ATTENDANCE_PORT, else 8080)")
    serve.add_argument(
        "--servers",
        type=Path,
        metavar="DIR",
        help="run PostgreSQL and Valkey of its own, kept below DIR; DIR/hub.env is what other commands need to join",
    )
    serve.set_defaults(run=_serve)

    demo = commands.add_parser(
        "demo",
        help="run everything on this machine, with a sample company",
        description="Start PostgreSQL, Valkey, a hub and simulated kiosks, with a sample company; on a terminal also a "
        "kiosk. Ctrl-C or SIGTERM ends everything; the next start finds it again.",
    )
    demo.add_argument(
        "--headless",
        action="store_true",
        help="for scripts: no kiosk here, one line of JSON on standard output when ready, logs on standard error",
    )
    demo.add_argument("--port", type=_port, default=8080, help="the hub's port on 127.0.0.1 (default: 8080)")
    demo.add_argument("--data", type=Path, default=Path(".demo"), help="where everything is kept (default: .demo)")
    demo.add_argument(
        "--traffic", type=_count, default=30, metavar="N", help="simulated punches a minute, 0 for none (default: 30)"
    )

    demo.set_defaults(run=_demo)

    up_to_date = commands.add_parser(
        "migrate",
        help="bring the database up to date",
        description=f"Bring the database up to date, as the migrator whose DSN is in {MIGRATOR_DSN}.",
    )
    up_to_date.set_defaults(run=_migrate)

    first = commands.add_parser(
        "create-admin",
        help="make an administrator who sees everything",
        description="Make an administrator who sees everything: the first one, or one more where all are locked out. "
        f"The database is that of ATTENDANCE_POSTGRES_DSN, else of {MIGRATOR_DSN}. On a terminal it asks; elsewhere "
        "it makes a password unless --password-stdin is given. What it tells is told once.",
    )
    first.add_argument("--username", help="to sign in with (default: admin)")
    first.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    first.add_argument("--json", action="store_true", help="for scripts: one line of JSON on standard output")
    first.set_defaults(run=_create_admin)
    add_keys_commands(commands)
    add_settings_command(commands)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError("must be from 1 to 65535")
    return number


def _serve(arguments: argparse.Namespace) -> None:
    overrides = {} if arguments.port is None else {"port": arguments.port}
    if arguments.servers is not None:
        configure_logging(os.environ.get("ATTENDANCE_LOG_LEVEL", "info"))
        folder = arguments.servers.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _run(_serve_with_servers(folder, overrides))
        return
    settings = read_settings(os.environ, **overrides)
    configure_logging(settings.log_level)

    async def serve(settings: Settings) -> None:
        async with running_hub(settings):
            await asyncio.Event().wait()

    _run(serve(settings))


async def _serve_with_servers(folder: Path, overrides: dict[str, int]) -> None:
    async with own_servers(folder, structlog.get_logger().info) as servers:
        settings = servers.settings(os.environ, **overrides)
        async with running_hub(settings) as hub:
            write_hub_environment(folder / "hub.env", settings, metrics_token=hub.secrets.metrics_token)
            await servers.look_after()


def _demo(arguments: argparse.Namespace) -> None:
    options = DemoOptions(arguments.data.absolute(), arguments.port, arguments.headless, arguments.traffic)
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    level = os.environ.get("ATTENDANCE_LOG_LEVEL", "info")
    if options.headless:
        configure_logging(level)
        _run(run_demo(options, log=sys.stderr))
        return
    # A person's terminal shows the kiosk and the guide; the log would run through both.
    with open(options.data / "hub.log", "a", encoding="utf-8", buffering=1, opener=_private) as log:
        configure_logging(level, stream=log)
        _run(run_demo(options, log=log))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _migrate(_: argparse.Namespace) -> None:
    dsn = os.environ.get(MIGRATOR_DSN)
    if not dsn:
        raise SettingsError([f"{MIGRATOR_DSN} is missing (PostgreSQL as the role that migrates)"])
    configure_logging("info")
    for migration in asyncio.run(migrate(dsn)):
        structlog.get_logger().info("migrated", migration=f"{migration.version:04}_{migration.name}")


def _create_admin(arguments: argparse.Namespace) -> None:
    configure_logging("warning")
    create_admin(CreateAdminOptions(arguments.username, arguments.password_stdin, arguments.json))


def _run(program: Coroutine[None, None, None]) -> None:
    """Run until it ends; SIGINT, SIGTERM and a closed terminal cancel it once, so that it ends in order."""

    async def cancellable() -> None:
        loop = asyncio.get_running_loop()
        log_loop_faults(loop)
        task = asyncio.ensure_future(program)
        stopping = False

        def stop(received: signal.Signals) -> None:
            nonlocal stopping
            structlog.get_logger().info("stopping", signal=received.name)
            if not stopping:
                stopping = True
                task.cancel()
                # Its tidying up goes by timeouts, which Python 3.11 lets end in CancelledError while a request is open.
                loop.call_soon(task.uncancel)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop, number)
        try:
            await task
        except asyncio.CancelledError:
            if not stopping:
                raise

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(cancellable())


if __name__ == "__main__":
    sys.exit(main())
