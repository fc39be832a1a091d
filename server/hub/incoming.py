"""The text frames of one client, and what it may say beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from protocol.errors import CloseCode
from server.hub.flood import Pace

_FRAMES_A_TURN: Final = 32
"""Frames of one client that are read before others have their turn: a flood lies in the socket by the thousand."""


class Incoming:
    """`end` ends the connection. `frames` is how many came, of all kinds; none is read once it `is_over`."""

    __slots__ = ("_end", "_pace", "_socket", "frames", "is_over")

    def __init__(self, socket: web.WebSocketResponse, pace: Pace, *, end: Callable[[CloseCode], None]) -> None:
        self._socket = socket
        self._pace = pace
        self._end = end
        self.frames = 0
        self.is_over = False

    def lose_patience(self) -> None:
        """Something was refused; with too many refusals the connection ends."""
        if not self._pace.has_patience():
            self._end(CloseCode.FLOODING)

    async def text_in_time(self, seconds: float) -> str | None:
        """`text`; raises TimeoutError where it didn't come in time. A hub's own delay is no fault of theirs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.text()
        # Timers come before sockets in a turn of the loop: what lay in the socket is here two turns later.
        for _ in range(3):
            await asyncio.sleep(0)
        async with asyncio.timeout(0):
            return await self.text()

    async def text(self) -> str | None:
        """The next text frame; None when the connection is over."""
        while not self.is_over:
            if self.frames and self.frames % _FRAMES_A_TURN == 0:
                await asyncio.sleep(0)
            message = await self._socket.receive()
            self.frames += 1
            match message.type:
                case WSMsgType.TEXT:
                    return str(message.data)
                case WSMsgType.PING | WSMsgType.PONG if not self._pace.allows_control():
                    self.lose_patience()
                case WSMsgType.PING:
                    try:
                        await self._socket.pong(message.data)
                    except ConnectionError:  # went away while its pings still lay here
                        return None
                case WSMsgType.PONG:
                    pass
                case WSMsgType.BINARY:
                    self._end(CloseCode.BAD_REQUEST)
                    return None
                case _:  # closed by them, by us, or broken (1007, 1009: aiohttp has said so already)
                    return None
        return None
