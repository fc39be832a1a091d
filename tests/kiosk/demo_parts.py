"""What end-to-end tests do with a running demo: a terminal, the admins' program, a live watch, a cable to cut."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kiosk.identity import Identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import (
    Link,
)
from protocol.values import to_binary
from tests.contract.demo_file import DeviceKey
from tests.running_hub import RunningDemo, free_port

WAIT_SECONDS = 20.0
QUICK = Settings(backoff_base_seconds=0.1, backoff_cap_seconds=0.3)


class Admin:
    """The command line as a script uses it."""

    def __init__(self, url: str, state: Path) -> None:
        self.url = url
        self.state = state

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "kiosk.admin", "--hub", self.url, "--state", str(self.state)]
        return [*program, *arguments]

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def login(self, demo: RunningDemo, role: str = "admin") -> None:
        account = demo.file.account(role)
        done = self.run("login", account.username, "--password-stdin", stdin=f"{account.password}\n")
        assert done.returncode == 0, done.stderr

    @property
    def session_file(self) -> Path:
        (file,) = self.state.glob("session-*.json")
        return file


class Watching:
    """`presence watch --json` and what it has said so far."""

    def __init__(self, admin: Admin, settings: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            admin.command("--json", "presence", "watch"),
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
            env={**os.environ, "ATTENDANCE_KIOSK_BACKOFF_CAP_SECONDS": "0.5", **(settings or {})},
        )
        self.said: list[dict[str, Any]] = []

    async def read_until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                line = await asyncio.to_thread(self.process.stdout.readline)
                assert line, "it ended"
                self.said.append(json.loads(line))
                if holds(self.said[-1]):
                    return self.said[-1]


def terminals_device(demo: RunningDemo) -> DeviceKey:
    """The device that is neither spare nor simulated: that of the kiosk on a person's terminal."""
    company = json.loads((demo.data / "company.json").read_text())
    (device_id,) = (device["device_id"] for device in company["devices"] if device["use"] == "terminal")
    (device,) = (device for device in demo.file.devices if device.device_id == device_id)
    assert not device.spare
    return device


@asynccontextmanager
async def a_terminal(demo: RunningDemo, folder: Path, url: str | None = None) -> AsyncIterator[LinkedTerminal]:
    device = terminals_device(demo)
    terminal = LinkedTerminal(
        hub_url=url or demo.url,
        folder=folder,
        identity=Identity.of(device.device_id, to_binary(device.private_key)),
        settings=QUICK,
        lang="es",
    )
    await terminal.start()
    try:
        await until(lambda: terminal.state.link is Link.ONLINE and terminal.state.clock_known)
        yield terminal
    finally:
        await terminal.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


class Cable:
    """A way to the hub that can be cut and mended."""

    def __init__(self, demo: RunningDemo) -> None:
        self._to = demo.port
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends |= {writer, back_writer}
        await asyncio.gather(_copy(reader, back_writer), _copy(back_reader, writer), return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
