"""Boards as light as picows makes them: they count frames, and a few of them read what is inside.

    python -m tests.benchmarks.clients.boards URL hub|plain|socketio

Commands: `connect {count, token?, site_ids?}`, `unwatch`, `snapshots {count}`, `expect {frames}` (answers once every
board got so many changes more), `sample {boards}`, `report`, `seen`, `counts`. A board of the hub watches; a plain one
has nothing to say; one of Socket.IO speaks Engine.IO's text frames.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.benchmarks.clients.lines import commands, say

AT_ONCE: Final = 50
CONNECT_SECONDS: Final = 120.0
_CHANGED: Final = b'[{"type":"presence.changed"'
_LETTER: Final = _CHANGED.index(b"c", 18)
"""Where a push of changes differs from a head: pushes come first in a frame."""


class Totals:
    """What all boards together got."""

    def __init__(self) -> None:
        self.frames = 0
        self.bytes = 0
        self.changes = 0
        self.closed = 0
        self.target = 0
        self.reached: Callable[[], None] = lambda: None
        self.seen: list[tuple[str, float]] = []
        """(`since` of a change, monotonic time of its arrival), of the boards that read."""


class _Moved(msgspec.Struct):
    since: str | None


class _Message(msgspec.Struct):
    type: str
    people: list[_Moved] = []


_DECODER: Final = msgspec.json.Decoder(list[_Message])


class Board(WSListener):
    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reads = False
        self._said = ""
        self._greeting = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        self._totals.closed += 1
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("closed before it was ready"))

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if not self.ready.done():
            self.greet(frame)
            return
        totals = self._totals
        totals.frames += 1
        totals.bytes += frame.payload_size
        if self.is_change(frame):
            totals.changes += 1
            if totals.changes == totals.target:
                totals.reached()
            if self.reads:
                now = time.monotonic()
                for message in _DECODER.decode(frame.get_payload_as_bytes()):
                    totals.seen += [(person.since, now) for person in message.people if person.since is not None]

    def greet(self, frame: WSFrame) -> None:
        """Whatever comes before the first change."""

    def is_change(self, _frame: WSFrame) -> bool:
        return True

    def say(self, text: str) -> None:
        self.transport.send(WSMsgType.TEXT, text.encode())


class PlainBoard(Board):
    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        self.ready.set_result(None)


class HubBoard(Board):
    token = ""
    site_ids: tuple[str, ...] = ()
    state_seconds = 0.0
    _watched = 0.0

    def greet(self, frame: WSFrame) -> None:
        text = frame.get_payload_as_bytes()
        if text.startswith(b'[{"type":"hello"'):
            self.say(json.dumps({"type": "auth", "id": 1, "token": self.token}))
        elif text.startswith(b'[{"type":"welcome"'):
            self._watched = time.monotonic()
            self.say(json.dumps({"type": "presence.watch", "id": 2, "site_ids": self.site_ids}))
        elif b'"last":true' in text:
            self.state_seconds = time.monotonic() - self._watched
            self.ready.set_result(None)
        elif b'"type":"error"' in text:
            self.ready.set_exception(RuntimeError(text[:300].decode()))

    def is_change(self, frame: WSFrame) -> bool:
        return bool(frame.payload_size > _LETTER and frame.get_payload_as_memoryview()[_LETTER] == _CHANGED[_LETTER])


class SocketIoBoard(Board):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.payload_size == 1:  # Engine.IO's ping
            self.say("3")
            return
        super().on_ws_frame(transport, frame)

    def greet(self, frame: WSFrame) -> None:
        text = frame.get_payload_as_bytes()
        if text.startswith(b"0"):
            self.say("40")
        elif text.startswith(b"40"):
            self.ready.set_result(None)


KINDS: Final[dict[str, type[Board]]] = {"hub": HubBoard, "plain": PlainBoard, "socketio": SocketIoBoard}


async def connect(url: str, make: Callable[[], Board], count: int) -> list[Board]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> Board:
        async with room, asyncio.timeout(CONNECT_SECONDS):
            headers = [("Sec-WebSocket-Protocol", "attendance.v1")] if url.endswith("/ws") else []
            _, board = await ws_connect(
                make,
                url,
                extra_headers=headers,
                max_frame_size=1 << 21,
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
            await board.ready
            made: Board = board
            return made

    return await asyncio.gather(*(one() for _ in range(count)))


async def snapshots(url: str, make: Callable[[], Board], count: int) -> list[float]:
    """How long the hub takes from a board's watch to the last part of its state, one board after the other."""
    seconds = []
    for _ in range(count):
        [board] = await connect(url, make, 1)
        assert isinstance(board, HubBoard)
        seconds.append(board.state_seconds)
        board.transport.disconnect()
    return seconds


def latencies(totals: Totals) -> dict[str, Any]:
    """From `since` to arrival, milliseconds: the changes tell the time at which they were begun."""
    offset = time.time() - time.monotonic()
    waits = sorted(
        (arrived + offset - datetime.fromisoformat(since).astimezone(UTC).timestamp()) * 1_000
        for since, arrived in totals.seen
    )
    if not waits:
        return {"samples": 0}
    return {
        "samples": len(waits),
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[min(len(waits) - 1, int(len(waits) * 0.99))],
        "worst_ms": waits[-1],
    }


async def serve(url: str, kind: str) -> None:
    totals = Totals()
    boards: list[Board] = []
    async for command in commands():
        match command["do"]:
            case "connect":
                HubBoard.token = command.get("token", HubBoard.token)
                HubBoard.site_ids = tuple(command.get("site_ids", HubBoard.site_ids))
                boards += await connect(url, lambda: KINDS[kind](totals), command["count"] - len(boards))
                say({"connected": len(boards)})
            case "unwatch":
                for board in boards:
                    board.say(json.dumps({"type": "presence.unwatch", "id": 3}))
                say({"told": len(boards)})
            case "snapshots":
                say({"seconds": await snapshots(url, lambda: KINDS[kind](totals), command["count"])})
            case "expect":
                totals.target = totals.changes + command["frames"] * len(boards)
                totals.reached = lambda: say({"at": time.monotonic()})
                say({})
            case "sample":
                totals.seen.clear()
                for place, board in enumerate(boards):
                    board.reads = place < command["boards"]
                say({})
            case "report":
                say(latencies(totals))
            case "seen":
                say(totals.seen)
            case "counts":
                say(
                    {
                        "frames": totals.frames,
                        "changes": totals.changes,
                        "bytes": totals.bytes,
                        "closed": totals.closed,
                    }
                )
            case unknown:
                raise ValueError(unknown)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2]))
