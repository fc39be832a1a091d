"""Connections that are no WebSocket (yet): how long the first request may take, and how many there may be.

aiohttp gives a connection as long to say what it wants as it lets it rest between two requests. Whoever dribbles its
headers (slowloris), or says nothing, would hold a place for that long; here it has seconds for it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from server import keys


class Line(Protocol):
    """A connection as aiohttp has it."""

    @property
    def transport(self) -> asyncio.Transport | None: ...


class Doorstep:
    """`most` connections at most: for one more, the one goes that was idle longest."""

    def __init__(self, *, header_seconds: float, most: int) -> None:
        self._header_seconds = header_seconds
        self._most = most
        self._idle: dict[Line, bool] = {}
        """Whether each has asked for anything, the longest idle first. Those that went by themselves stay a while."""

    def opened(self, line: Line) -> None:
        self._idle[line] = False
        asyncio.get_running_loop().call_later(self._header_seconds, self._judge, line)
        for _ in range(2):  # one more than comes in: those that asked, and went by themselves, are forgotten soon
            longest, has_asked = next(iter(self._idle.items()))
            if len(self._idle) > self._most or (has_asked and longest.transport is None):
                del self._idle[longest]
                _abort(longest)

    def asked(self, line: Line) -> None:
        """It has sent a whole request."""
        if self._idle.pop(line, None) is not None:
            self._idle[line] = True

    def passed(self, line: Line) -> None:
        """It is a WebSocket now, or gone."""
        self._idle.pop(line, None)

    def _judge(self, line: Line) -> None:
        if line.transport is None:
            self.passed(line)
        elif self._idle.get(line) is False:
            del self._idle[line]
            _abort(line)


def has_asked(request: web.Request) -> None:
    """Its connection has said what it wants."""
    if (doorstep := request.app.get(keys.DOORSTEP)) is not None:
        doorstep.asked(request.protocol)


def _abort(line: Line) -> None:
    if line.transport is not None:
        line.transport.abort()
