"""Thousands of boards in a process: clients of section 5 on bare sockets, so light that they aren't what is measured.

    python -m tests.faults.light_boards ws://… [ws://…] --count N --token-file FILE

It prints a line of JSON when all boards show their first state. A line `report` on standard input is answered by one
with what the boards went through since the last; the end of standard input ends it. Broken off, a board comes back
with full jitter, to each address in turn, and resumes from where it stands.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import struct
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec
import uvloop

BACKOFF_FIRST_SECONDS: Final = 0.5
BACKOFF_CAP_SECONDS: Final = 30.0
HANDSHAKE_SECONDS: Final = 10.0
SETTLED_SECONDS: Final = 10.0
AT_ONCE: Final = 50
"""Boards of a process that connect at the same time in the beginning; later their own jitter parts them."""


class _Person(msgspec.Struct):
    employee_id: str
    status: str


class _Site(msgspec.Struct):
    site_id: str
    epoch: str
    offset: int
    resumed: bool
    people: list[_Person]


class _Message(msgspec.Struct):
    type: str
    last: bool = True
    sites: list[_Site] = []
    site_id: str = ""
    epoch: str = ""
    offset: int = 0
    people: list[_Person] = []
    removed: list[str] = []
    code: str = ""
    from_: int = msgspec.field(name="from", default=0)


_DECODER: Final = msgspec.json.Decoder(list[_Message])


@dataclass
class Site:
    epoch: str
    offset: int
    people: dict[str, str]


@dataclass
class Tally:
    """What a process' boards went through since the last report."""

    attempts: int = 0
    resumed: int = 0
    snapshots: int = 0
    closes: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    back_at: list[float] = field(default_factory=list)
    """When each board that was broken off had its state again (CLOCK_MONOTONIC, seconds)."""


class Board(asyncio.Protocol):
    """One client: `run` keeps it connected until its task is cancelled."""

    def __init__(self, urls: list[str], token: str, tally: Tally) -> None:
        self._urls = urls
        self._token = token
        self._tally = tally
        self._next_url = 0
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded = False
        self._asked_at: float | None = None
        self._close_code: int | None = None
        self._away_since: float | None = None
        self._ended = asyncio.Event()
        self.shown = asyncio.Event()
        self.sites: dict[str, Site] = {}
        self._last_id = 1
        self._watching = False

    async def run(self) -> None:
        attempt = 0
        while True:
            self._tally.attempts += 1
            begun = time.monotonic()
            await self._once()
            now = time.monotonic()
            if self.sites and self._away_since is None:
                self._away_since = now
            attempt = 0 if self._watching and now - begun > SETTLED_SECONDS else attempt
            name = str(self._close_code)
            self._tally.closes[name] = self._tally.closes.get(name, 0) + 1
            await asyncio.sleep(random.random() * min(BACKOFF_CAP_SECONDS, BACKOFF_FIRST_SECONDS * 2**attempt))
            attempt += 1

    async def _once(self) -> None:
        parts = urlsplit(self._urls[self._next_url % len(self._urls)])
        self._next_url += 1
        self._buffer.clear()
        self._upgraded = self._watching = False
        self._close_code = None
        self._last_id = 1
        self._ended.clear()
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: self, parts.hostname or "", parts.port or 80)
        except (OSError, TimeoutError):
            return
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                while not self._watching and not self._ended.is_set():
                    await asyncio.sleep(0.25)
        except TimeoutError:
            self._hang_up()
        await self._ended.wait()

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            (
                "GET /ws HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: attendance.v1\r\n\r\n"
            ).encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._hang_up()
                return
            del self._buffer[: end + 4]
            self._upgraded = True
        while (frame := self._next_frame()) is not None:
            self._take(*frame)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next whole frame of the hub, which are never masked."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1], 2
        if length == 126:
            if len(buffer) < 4:
                return None
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            if len(buffer) < 10:
                return None
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + length:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes) -> None:
        match opcode:
            case 0x1:
                for message in _DECODER.decode(payload):
                    self._hear(message)
            case 0x8:
                self._close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                self._send_frame(0x8, payload[:2])
                if self._transport is not None:
                    self._transport.close()
            case 0x9:
                self._send_frame(0xA, payload)
            case _:
                pass

    def _hear(self, message: _Message) -> None:
        match message.type:
            case "hello":
                self._say({"type": "auth", "id": 1, "token": self._token, "lang": "en"})
            case "welcome":
                self._watch()
            case "presence.state":
                self._state(message)
            case "presence.changed":
                self._changed(message)
            case "presence.head":
                site = self.sites.get(message.site_id)
                if site is None or message.epoch != site.epoch or message.offset > site.offset:
                    self._watch()
            case "error":
                self._tally.errors.append(message.code)
                self._hang_up()
            case _:
                pass

    def _watch(self) -> None:
        self._last_id += 1
        after = {site_id: {"epoch": site.epoch, "offset": site.offset} for site_id, site in self.sites.items()}
        self._say({"type": "presence.watch", "id": self._last_id, "site_ids": None, "after": after or None})

    def _state(self, message: _Message) -> None:
        for part in message.sites:
            site = self.sites.get(part.site_id)
            if part.resumed:
                assert site is not None
                self._tally.resumed += 1
                continue
            if site is None or (site.epoch, site.offset) != (part.epoch, part.offset):
                self._tally.snapshots += 1
                site = self.sites[part.site_id] = Site(part.epoch, part.offset, {})
            site.people.update((sys.intern(one.employee_id), sys.intern(one.status)) for one in part.people)
        if message.last:
            self._watching = True
            self.shown.set()
            if self._away_since is not None:
                self._tally.back_at.append(time.monotonic())
                self._away_since = None

    def _changed(self, message: _Message) -> None:
        site = self.sites[message.site_id]
        if message.epoch != site.epoch or message.from_ > site.offset:
            self._watch()
        elif message.offset > site.offset:
            site.people.update((sys.intern(one.employee_id), sys.intern(one.status)) for one in message.people)
            for gone in message.removed:
                site.people.pop(gone, None)
            site.offset = message.offset

    def _say(self, message: dict[str, Any]) -> None:
        self._send_frame(0x1, json.dumps(message, separators=(",", ":")).encode())

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        """Masked with zeros: allowed, and nothing to compute."""
        length = len(payload)
        head = (
            bytes((0x80 | opcode, 0x80 | length)) if length < 126 else struct.pack(">BBH", 0x80 | opcode, 0xFE, length)
        )
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head + bytes(4) + payload)

    def digest(self) -> str:
        """The same for boards that show the same."""
        shown = sorted((site_id, site.offset, sorted(site.people.items())) for site_id, site in self.sites.items())
        return sha256(json.dumps(shown).encode()).hexdigest()[:16]


async def serve(options: argparse.Namespace) -> None:
    token = options.token_file.read_text()
    tally = Tally()
    boards = [Board(options.urls, token, tally) for _ in range(options.count)]
    gate = asyncio.Semaphore(AT_ONCE)
    tasks = []

    async def begin(board: Board) -> None:
        async with gate:
            tasks.append(asyncio.create_task(board.run()))
            await board.shown.wait()

    await asyncio.gather(*map(begin, boards))
    say({"shown": len(boards)})
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        digests: dict[str, int] = {}
        for board in boards:
            digests[board.digest()] = digests.get(board.digest(), 0) + 1
        offsets = [max((site.offset for site in board.sites.values()), default=0) for board in boards]
        say({**vars(tally), "digests": digests, "lowest": min(offsets), "highest": max(offsets),
             "cpu_seconds": time.process_time()})  # fmt: skip
        tally.__init__()  # type: ignore[misc]  # begins anew, for all boards that hold it
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    uvloop.run(serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
