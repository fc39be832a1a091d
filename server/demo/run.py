"""Starts everything that a demo is made of, says where it is, and ends it in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import msgspec
import structlog

from server.app import running_hub
from server.demo.company import Company, load_or_make_company
from server.demo.files import write_demo_file
from server.demo.guide import Guide
from server.demo.kiosks import kiosk_on_this_terminal, simulated_kiosks
from server.demo.seed import seed
from server.own_servers import own_servers, write_hub_environment
from server.secrets.local import open_key_file
from server.services.hashing import SlowHashes
from server.settings import PREFIX, Settings

_FOR_ONE_MACHINE: Final = {
    "sockets_of_address": 50_000,
    "sockets_of_account": 50_000,
    "unauthenticated_sockets_of_address": 10_000,
    "unauthenticated_sockets": 10_000,
    "upgrades_per_minute": 1_000_000,
}
"""All of a demo's clients come from this machine, as a handful of people: limits by address and account would be felt
where nobody means harm."""
_READING_SECONDS: Final = 10.0  # for the logins, before the kiosk takes the screen; Enter goes on at once


class DemoError(Exception):
    """The demo can't go on; the text says why in a sentence."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How `attendance-hub demo` was called."""

    data: Path
    port: int
    headless: bool
    traffic_per_minute: int


async def run_demo(options: DemoOptions, *, log: TextIO) -> None:
    """Run until cancelled, or until the kiosk on this terminal is left.

    Raises:
        DemoError: the port is taken, or a part doesn't go on.
        ServersError, EmbeddedServerError: a server can't be started or kept up, or another demo runs in this folder.
        CompanyError, SecretsUnavailable, MigrationRefused: what the folder keeps can't be used.
        OSError: the folder can't be written.
    """
    data = options.data
    _refuse_taken_port(options.port)
    guide = Guide(structlog.get_logger().info if options.headless else _print)
    async with AsyncExitStack() as stack:
        stack.callback(guide.step, "everything has ended")
        servers = await stack.enter_async_context(own_servers(data, guide.step))
        # Its logins are there to be tried: whoever comes signs in with name and password alone.
        settings = servers.settings(
            os.environ, host="127.0.0.1", port=options.port, totp_required_roles=(), **_for_one_machine(os.environ)
        )
        guide.step("looking for the sample company; a first start makes it")
        company = await _company(data, servers.dsns.migrator, settings)
        guide.step("starting the hub")
        hub = await stack.enter_async_context(running_hub(settings))
        url = f"http://127.0.0.1:{options.port}"
        ws_url = f"ws://127.0.0.1:{options.port}/ws"
        demo_file = data / "demo.json"
        write_hub_environment(data / "hub.env", settings, metrics_token=hub.secrets.metrics_token)
        write_demo_file(
            demo_file, company, url=url, ws_url=ws_url, postgres_dsn=servers.dsns.reader, redis_url=servers.valkey.url
        )
        simulation = await stack.enter_async_context(
            simulated_kiosks(
                demo_file=demo_file,
                data=data / "kiosks",
                traffic_per_minute=options.traffic_per_minute,
                terminal=company.terminal.device_id,
                log_fd=log.fileno(),
            )
        )

        def simulation_goes_on() -> None:
            if simulation.returncode is not None:
                raise DemoError(f"the simulated kiosks ended with exit code {simulation.returncode}")

        watch = asyncio.create_task(servers.look_after(simulation_goes_on), name="look after the parts")
        stack.callback(watch.cancel)
        if options.headless:
            ready = {"ready": True, "url": url, "ws_url": ws_url, "demo_file": str(demo_file), "pid": os.getpid()}
            _print(msgspec.json.encode(ready).decode())
            await watch
            return
        guide.ready(company, port=options.port, data=data, log=Path(log.name))
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            await watch
            return
        await _reading_time()
        kiosk = await stack.enter_async_context(
            kiosk_on_this_terminal(
                url=url, demo_file=demo_file, data=data / "terminal", device_id=company.terminal.device_id
            )
        )
        left = asyncio.create_task(kiosk.wait(), name="kiosk on this terminal")
        await asyncio.wait((watch, left), return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            watch.result()
        if left.done() and left.result() != 0:
            raise DemoError(f"the kiosk ended with exit code {left.result()}")


def _for_one_machine(environment: Mapping[str, str]) -> dict[str, int]:
    """What the environment doesn't say otherwise."""
    return {name: value for name, value in _FOR_ONE_MACHINE.items() if f"{PREFIX}{name.upper()}" not in environment}


def _refuse_taken_port(port: int) -> None:
    """Before anything is made: a first start takes seconds, and would end in this error all the same."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"port {port} can't be had ({error.strerror}); choose another with --port") from error


async def _company(data: Path, migrator_dsn: str, settings: Settings) -> Company:
    company = load_or_make_company(data / "company.json")
    hashes = SlowHashes.from_settings(settings)
    try:
        await seed(migrator_dsn, company, open_key_file(settings.key_file), hashes.hash)
    finally:
        hashes.close()
    return company


async def _reading_time() -> None:
    _print(f"  The kiosk opens here in {_READING_SECONDS:.0f} s; Enter opens it now.")
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()

    def read_line() -> None:
        sys.stdin.readline()
        pressed.set()

    loop.add_reader(sys.stdin, read_line)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pressed.wait(), _READING_SECONDS)
    finally:
        loop.remove_reader(sys.stdin)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
