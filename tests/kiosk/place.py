"""A whole terminal (outbox on a disk, link over a socket) beside a small server that speaks the contract."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.identity import Identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import Answer, BadgeCredential, Link, TerminalState, Ticket
from tests.kiosk.page_hub import PageHub, a_device

WAIT_SECONDS = 10.0
BADGE = BadgeCredential(badge="04A1B2C3D4")
QUICK = Settings(
    backoff_base_seconds=0.05,
    backoff_cap_seconds=0.1,
    retry_delay_seconds=0.05,
    disk_retry_seconds=0.2,
    report_interval_seconds=1.0,
    refused_retry_seconds=1.0,
)


@dataclass
class Place:
    """A terminal, its folder and its hub, each of which can be ended and begun again."""

    folder: Path
    hub: PageHub
    key: Ed25519PrivateKey
    port: int
    settings: Settings = QUICK
    runner: web.AppRunner | None = None
    terminal: LinkedTerminal | None = None
    seen: list[TerminalState] = field(default_factory=list)

    async def serve(self) -> None:
        self.runner = web.AppRunner(self.hub.app(), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def hang_up(self) -> None:
        for each in self.hub.sockets:
            await each.close()
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    def new_terminal(self, folder: Path | None = None) -> LinkedTerminal:
        return LinkedTerminal(
            hub_url=f"http://127.0.0.1:{self.port}",
            folder=folder or self.folder,
            identity=Identity(UUID(self.hub.device_id), self.key),
            settings=self.settings,
            lang="en",
        )

    async def begin(self) -> LinkedTerminal:
        self.terminal = self.new_terminal()
        self.terminal.subscribe(self.seen.append)
        await self.terminal.start()
        return self.terminal

    async def end(self) -> None:
        if self.terminal is not None:
            await self.terminal.stop()
            self.terminal = None

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds():
                await asyncio.sleep(0.005)

    async def online(self) -> LinkedTerminal:
        terminal = self.terminal or await self.begin()
        await self.until(lambda: terminal.state.link is Link.ONLINE and terminal.state.clock_known)
        return terminal

    async def drained(self) -> None:
        assert self.terminal is not None
        terminal = self.terminal
        await self.until(lambda: terminal.state.link is Link.ONLINE and terminal.state.backlog == 0)

    @property
    def badges(self) -> list[str]:
        """What the hub has taken, in order."""
        return [punch["credential"]["badge"] for punch in self.hub.punches]


def badge(number: int) -> BadgeCredential:
    return BadgeCredential(badge=f"BADGE{number:05}")


def badges(*numbers: int) -> list[str]:
    return [badge(number).badge for number in numbers]


async def answer(ticket: Ticket) -> Answer:
    async with asyncio.timeout(WAIT_SECONDS):
        return await ticket.answer()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def a_place(folder: Path) -> AsyncIterator[Place]:
    device_id, key = a_device()
    place = Place(folder / "data", PageHub(device_id, key.public_key()), key, free_port())
    try:
        yield place
    finally:
        await place.end()
        await place.hang_up()
        assert place.hub.faults == []
