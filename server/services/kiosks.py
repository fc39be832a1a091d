"""Terminals as their own connections see them: what they resume from, what they report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from protocol.replies import DeviceState
from protocol.values import parse_time, to_binary
from server.secrets.provider import SecretsProvider
from server.services.directory import Directory
from storage.models import Device
from storage.postgres import Database
from storage.repositories import devices


class Kiosks:
    """Every method may raise StorageError."""

    def __init__(self, database: Database, secrets: SecretsProvider, directory: Directory) -> None:
        self._database = database
        self._secrets = secrets
        self._directory = directory

    async def find(self, device_id: UUID) -> Device | None:
        async with self._database.connection() as connection:
            return await devices.find_device(connection, device_id)

    async def find_all(self, device_ids: Sequence[UUID]) -> list[Device]:
        async with self._database.connection() as connection:
            return await devices.find_devices(connection, device_ids)

    async def state(self, device: Device) -> DeviceState:
        """What `welcome.device` says."""
        journal = None
        if device.log_id is not None:
            async with self._database.connection() as connection:
                journal = await devices.find_journal(connection, device.device_id, device.log_id)
        return DeviceState(
            status=device.status,
            site_id=device.site_id,
            site_name=await self._site_name(device.site_id),
            log_id=None if journal is None else journal.log_id,
            last_seq=0 if journal is None else journal.last_seq,
            last_digest=None if journal is None or journal.last_digest is None else to_binary(journal.last_digest),
            sealing_keys=list(self._secrets.public_sealing_keys()),
        )

    def is_news(self, device: Device, told: DeviceState) -> bool:
        """Whether a terminal must be told of what it is now; its own journal it knows."""
        site = self._directory.sites.get(device.site_id)
        site_name = told.site_name if site is None else site.name
        return (device.status, device.site_id, site_name) != (
            told.status,
            told.site_id,
            told.site_name,
        ) or told.sealing_keys != list(self._secrets.public_sealing_keys())

    async def _site_name(self, site_id: UUID) -> str:
        """Also of a site that another hub made a moment ago, which this one's directory lacks yet."""
        if (site := self._directory.sites.get(site_id)) is not None:
            return site.name
        async with self._database.connection() as connection:
            return await devices.site_name(connection, site_id)

    async def welcomed(self, device_id: UUID) -> None:
        async with self._database.connection() as connection:
            await devices.mark_welcomed(connection, device_id)

    async def report(self, device_id: UUID, *, outbox_depth: int, oldest_unsent_at: str | None, version: str) -> None:
        async with self._database.connection() as connection:
            await devices.keep_report(
                connection,
                device_id,
                outbox_depth=outbox_depth,
                oldest_unsent_at=None if oldest_unsent_at is None else parse_time(oldest_unsent_at),
                version=version,
            )

    async def synced(
        self, device_id: UUID, boot_id: UUID, *, hub_time: datetime, monotonic_ms: int, device_time: datetime | None
    ) -> None:
        """Keep what a `time.sync` measured; `device_time` is the terminal's wall clock, right or wrong."""
        offset_ms = None if device_time is None else round((device_time - hub_time) / timedelta(milliseconds=1))
        async with self._database.connection() as connection:
            await devices.keep_boot_clock(
                connection,
                device_id,
                boot_id,
                hub_time=hub_time,
                monotonic_ms=monotonic_ms,
                clock_offset_ms=offset_ms,
            )
