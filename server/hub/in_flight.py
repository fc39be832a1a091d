"""The punches of one connection that wait for their answers: how many may, and who waits for them."""

from __future__ import annotations

import asyncio


class InFlight:
    """At most `most` at once, if whoever begins them waits for `room` first. One task waits at a time."""

    __slots__ = ("_count", "_ended", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._ended: asyncio.Future[None] | None = None

    def begin(self) -> None:
        self._count += 1

    def end(self) -> None:
        self._count -= 1
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def room(self) -> None:
        """Wait until there is room for one more."""
        while self._count >= self._most:
            await self._one_ended()

    async def none(self) -> None:
        """Wait until all are answered."""
        while self._count:
            await self._one_ended()

    async def _one_ended(self) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        try:
            await self._ended
        finally:
            self._ended = None
