"""Ringing for what was committed: this hub's own boards at once, the other hubs through Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from server.services.boards import Boards
from storage.live_channel import LiveChannel
from storage.models import SiteChanges

_log = structlog.get_logger()


class Bell:
    """Publishes in the order of the commits, one pipeline for whatever waits; nobody waits for Redis."""

    def __init__(self, boards: Boards, live_channel: LiveChannel) -> None:
        self._boards = boards
        self._live_channel = live_channel
        self._waiting: list[SiteChanges] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reachable = True

    def start(self) -> None:
        self._task = asyncio.create_task(self._publish(), name="bell")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def ring(self, batches: Sequence[SiteChanges]) -> None:
        """Tell of committed changes."""
        self._boards.committed(batches)
        self._waiting += batches
        self._wake.set()

    async def _publish(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batches, self._waiting = self._waiting, []
            try:
                rung = await self._live_channel.publish(batches)
            except Exception as error:  # noqa: BLE001 - this hub's bell must outlive whatever one ringing meets
                _log.error("ringing failed", exc_info=error)
                rung = False
            if rung != self._reachable:
                self._reachable = rung
                _log.info("bell rings again") if rung else _log.warning("bell can't ring: other hubs read the log")
