"""Pings to all connections, spread evenly over the interval, from one timer for all of them."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Final, Protocol

_TURNS: Final = 100
"""Groups that a round of pings is cut into; each connection is in one of them."""


class Pinged(Protocol):
    """Whoever can be silent."""

    def ping(self) -> None: ...

    def judge(self) -> None:
        """The time for an answer to the last ping, if there was one, is over."""


class Heartbeat:
    """Pings each of its members once an interval, the first time within one, and judges it `timeout_seconds` later."""

    def __init__(self, *, interval_seconds: float, timeout_seconds: float) -> None:
        self._tick_seconds = max(interval_seconds, timeout_seconds) / _TURNS
        self._patience = math.ceil(timeout_seconds / self._tick_seconds)
        self._groups: list[dict[Pinged, None]] = [{} for _ in range(_TURNS)]
        self._places: dict[Pinged, int] = {}
        self._turn = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = asyncio.get_running_loop().time()
        self._schedule()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def add(self, member: Pinged) -> None:
        place = self._places[member] = random.randrange(_TURNS)  # noqa: S311 - jitter
        self._groups[place][member] = None

    def remove(self, member: Pinged) -> None:
        place = self._places.pop(member)
        del self._groups[place][member]

    def _schedule(self) -> None:
        # From now, not from when it was due: what came late must not make the next come early.
        self._due = asyncio.get_running_loop().time() + self._tick_seconds
        self._timer = asyncio.get_running_loop().call_at(self._due, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._due > self._tick_seconds:
            # The hub itself stood still: pongs may lie in sockets that weren't looked at since. Look first.
            self._timer = loop.call_later(self._tick_seconds, self._take_turn)
        else:
            self._take_turn()

    def _take_turn(self) -> None:
        for member in self._groups[(self._turn - self._patience) % _TURNS]:
            member.judge()
        for member in self._groups[self._turn % _TURNS]:
            member.ping()
        self._turn += 1
        self._schedule()
