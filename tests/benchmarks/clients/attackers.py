"""Clients that mean harm, with the barest of sockets so that they cost this machine little beside what they cost a hub.

    python -m tests.benchmarks.clients.attackers HOST PORT

Commands, each with the `address` it comes from: `half_open {count}` upgrades and never says who it is; `slow_headers
{count}` never ends its request; `flood {token, per_second}` signs in and sends so many frames a second. Whoever is cut
off comes back at once. `stop` ends all, and answers with what became of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Final, cast

import uvloop

from tests.benchmarks.clients.lines import commands, say

AT_ONCE: Final = 100
RETRY_SECONDS: Final = 0.1
BATCH_SECONDS: Final = 0.005
PING: Final = b"\x89\x80\0\0\0\0"
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: attendance.v1\r\n\r\n"
)
UNENDED: Final = b"GET / HTTP/1.1\r\nHost: hub\r\n"


def frame(message: dict[str, object]) -> bytes:
    """A masked text frame (RFC 6455); the mask of zeros leaves the payload as it is."""
    payload = json.dumps(message).encode()
    if len(payload) < 126:
        return bytes((0x81, 0x80 | len(payload))) + b"\0\0\0\0" + payload
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload


class _Line(asyncio.Protocol):
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._crowd.lines[self] = made
        made.write(self._crowd.says)

    def data_received(self, data: bytes) -> None:
        self._crowd.greeted += data.count(b'"type":"hello"')

    def connection_lost(self, _exc: Exception | None) -> None:
        self._crowd.lines.pop(self, None)
        self._crowd.lost.set()


@dataclass
class Crowd:
    """So many connections that say `says` and nothing more, from one address of this machine."""

    host: str
    port: int
    address: str
    count: int
    says: bytes
    lines: dict[_Line, asyncio.Transport] = field(default_factory=dict)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    greeted: int = 0
    opened: int = 0
    refused: int = 0

    async def hold(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            missing = min(self.count - len(self.lines), AT_ONCE)
            if missing <= 0:
                self.lost.clear()
                await self.lost.wait()
                continue
            tries = [
                loop.create_connection(lambda: _Line(self), self.host, self.port, local_addr=(self.address, 0))
                for _ in range(missing)
            ]
            results = await asyncio.gather(*tries, return_exceptions=True)
            refused = sum(isinstance(result, BaseException) for result in results)
            self.opened += missing - refused
            self.refused += refused
            await asyncio.sleep(RETRY_SECONDS if refused else 0)

    def figures(self) -> dict[str, int]:
        return {"held": len(self.lines), "opened": self.opened, "greeted": self.greeted, "refused": self.refused}

    def close(self) -> None:
        for transport in list(self.lines.values()):
            transport.abort()


@dataclass
class Flood:
    """One account's socket: commands, ids used before, and pings by turns, as fast as it is told and the hub reads."""

    host: str
    port: int
    address: str
    token: str
    per_second: float
    sent: int = 0
    ended: int = 0

    async def hold(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._once()
            self.ended += 1

    async def _once(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port, local_addr=(self.address, 0))
        try:
            writer.write(UPGRADE)
            async with asyncio.timeout(10):
                await reader.readuntil(b'"type":"hello"')
                writer.write(frame({"type": "auth", "id": 1, "token": self.token, "lang": "en"}))
                await reader.readuntil(b'"type":"welcome"')
            deaf = asyncio.create_task(self._read(reader))
            began, sent = time.monotonic(), 0
            while not deaf.done():
                due = int((time.monotonic() - began) * self.per_second) - sent
                writer.write(b"".join(self._frame(sent + number) for number in range(due)))
                sent += due
                self.sent += due
                await writer.drain()
                await asyncio.sleep(BATCH_SECONDS)
        finally:
            writer.transport.abort()

    @staticmethod
    def _frame(number: int) -> bytes:
        if number % 10 == 9:
            return PING
        return frame({"type": "hub.status", "id": 1 if number % 10 == 4 else number + 2})

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> None:
        while await reader.read(65_536):
            pass

    def figures(self) -> dict[str, int]:
        return {"sent": self.sent, "ended": self.ended}

    def close(self) -> None:
        """Its task was cancelled: nothing is left."""


async def serve(host: str, port: int) -> None:
    attacks: list[tuple[str, Crowd | Flood, asyncio.Task[None]]] = []
    async for command in commands():
        attack: Crowd | Flood
        match command["do"]:
            case "half_open":
                attack = Crowd(host, port, command["address"], command["count"], UPGRADE)
            case "slow_headers":
                attack = Crowd(host, port, command["address"], command["count"], UNENDED)
            case "flood":
                attack = Flood(host, port, command["address"], command["token"], command["per_second"])
            case "figures":
                say({name: attack.figures() for name, attack, _ in attacks})
                continue
            case "stop":
                for _, _, task in attacks:
                    task.cancel()
                await asyncio.gather(*(task for *_, task in attacks), return_exceptions=True)
                figures = {name: attack.figures() for name, attack, _ in attacks}
                for _, attack, _ in attacks:
                    attack.close()
                attacks = []
                say(figures)
                continue
            case unknown:
                raise ValueError(unknown)
        attacks.append((command["do"], attack, asyncio.create_task(attack.hold())))
        say({})


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
