"""What a site's terminals last said: up to when its board is complete, and which of them are silent."""

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
from storage.repositories import devices

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Completeness:
    """`complete_to` is null while some terminal never said how far it is, or there is none."""

    complete_to: datetime | None
    silent: list[SilentDevice]


_NOTHING_KNOWN: Final = Completeness(None, [])


class Terminals:
    """All hubs' terminals as PostgreSQL knows them, read again every `poll_interval_seconds`."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        silent_after_seconds: float,
        poll_interval_seconds: float,
    ) -> None:
        self._database = database
        self._clock = clock
        self._silent_after = timedelta(seconds=silent_after_seconds)
        self._poll_interval_seconds = poll_interval_seconds
        self._by_site: dict[UUID, list[DeviceReport]] = {}
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
        by_site: dict[UUID, list[DeviceReport]] = {}
        for report in reports:
            by_site.setdefault(report.site_id, []).append(report)
        self._by_site = by_site

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_interval_seconds)
            try:
                await self._read()
            except StorageError as error:
                _log.warning("terminals could not be read", fault=type(error).__name__)
