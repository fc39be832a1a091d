"""What a site's terminals last said: up to when its board is complete, and which of them are silent.

A report promises that all earlier punches stand in the record, which is more than that they stand on this hub's board:
where the bell is late, reports wait until the board has come as far as the record had when they were read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from protocol.replies import SilentDevice
from storage.errors import StorageError
from storage.models import DeviceReport
from storage.postgres import Database
from storage.repositories import devices, presence

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Completeness:
    """`complete_to` is null while some terminal never said how far it is, or there is none."""

    complete_to: datetime | None
    silent: list[SilentDevice]


_NOTHING_KNOWN: Final = Completeness(None, [])


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Reports that count once the site's board is at `head` of `epoch`."""

    reports: list[DeviceReport]
    epoch: UUID
    head: int


class Terminals:
    """All hubs' terminals as PostgreSQL knows them, read again every `poll_interval_seconds`.

    Args:
        board_position: epoch and offset of a site's board as this hub has it.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        board_position: Callable[[UUID], tuple[UUID | None, int]],
        *,
        silent_after_seconds: float,
        poll_interval_seconds: float,
    ) -> None:
        self._database = database
        self._clock = clock
        self._silent_after = timedelta(seconds=silent_after_seconds)
        self._poll_interval_seconds = poll_interval_seconds
        self._board_position = board_position
        self._by_site: dict[UUID, list[DeviceReport]] = {}
        self._waiting: dict[UUID, _Waiting] = {}
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._read()
        self._polling = asyncio.create_task(self._poll(), name="terminals")

    async def stop(self) -> None:
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling

    def completeness(self, site_id: UUID) -> Completeness:
        """Judge a site's terminals as of now."""
        self._let_count(site_id)
        reports = self._by_site.get(site_id)
        if not reports:
            return _NOTHING_KNOWN
        limit = self._clock() - self._silent_after
        known = [report.complete_to for report in reports if report.complete_to is not None]
        return Completeness(
            complete_to=min(known) if len(known) == len(reports) else None,
            silent=[
                SilentDevice(device_id=report.device_id, name=report.name)
                for report in reports
                if report.heard_at is None or report.heard_at < limit
            ],
        )

    async def _read(self) -> None:
        async with self._database.connection() as connection:
            reports = await devices.reports(connection)
            # Later than the reports, so at least as far as the punches before them.
            epoch, _, heads = await presence.heads(connection)
        by_site: dict[UUID, list[DeviceReport]] = {site_id: [] for site_id in heads}
        for report in reports:
            by_site.setdefault(report.site_id, []).append(report)
        for site_id, of_site in by_site.items():
            self._let_count(site_id)
            waiting = self._waiting.get(site_id)
            # Those that wait aren't replaced: under a steady stream of changes none would ever count.
            if waiting is None or waiting.epoch != epoch:
                self._waiting[site_id] = _Waiting(of_site, epoch, heads.get(site_id, 0))
                self._let_count(site_id)

    def _let_count(self, site_id: UUID) -> None:
        waiting = self._waiting.get(site_id)
        if waiting is None:
            return
        epoch, offset = self._board_position(site_id)
        if epoch == waiting.epoch and offset >= waiting.head:
            self._by_site[site_id] = waiting.reports
            del self._waiting[site_id]

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_interval_seconds)
            try:
                await self._read()
            except StorageError as error:
                _log.warning("terminals could not be read", fault=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                _log.error("reading terminals failed", exc_info=error)
