"""Terminals as those who look after them see and change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from protocol.values import DeviceStatus
from storage.postgres import Connection


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A terminal and what it last said of itself; `public_key` is raw."""

    device_id: UUID
    site_id: UUID
    name: str
    public_key: bytes
    status: DeviceStatus
    retired: bool
    created_at: datetime
    confirmed_at: datetime | None
    welcomed_at: datetime | None
    revoked_at: datetime | None
    forked_at: datetime | None
    heard_at: datetime | None
    complete_to: datetime | None
    outbox_depth: int | None
    oldest_unsent_at: datetime | None
    clock_offset_ms: int | None
    version: str | None


DEVICE_NAMES = """
SELECT device_id, name FROM devices
WHERE ($1::uuid[] IS NULL OR site_id = ANY ($1)) AND ($2::text IS NULL OR status = $2)
"""


async def device_names(
    connection: Connection, *, site_ids: Sequence[UUID] | None, status: DeviceStatus | None
) -> list[tuple[UUID, str]]:
    """(id, name) of the terminals of these sites (None: of all), in any order."""
    rows = await connection.fetch(DEVICE_NAMES, None if site_ids is None else list(site_ids), status)
    return [(row["device_id"], row["name"]) for row in rows]


LISTED_DEVICES = """
SELECT d.device_id, d.site_id, d.name, d.public_key, d.status, d.retired, d.created_at, d.confirmed_at, d.welcomed_at,
       d.revoked_at, d.forked_at, r.heard_at, r.complete_to, r.outbox_depth, r.oldest_unsent_at, r.clock_offset_ms,
       r.version
FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (device_id, place)
JOIN devices d USING (device_id) LEFT JOIN device_reports r USING (device_id)
ORDER BY asked.place
"""


async def listed_devices(connection: Connection, device_ids: Sequence[UUID]) -> list[ListedDevice]:
    """These terminals, in this order."""
    return [
        ListedDevice(**{**row, "status": DeviceStatus(row["status"])})
        for row in await connection.fetch(LISTED_DEVICES, list(device_ids))
    ]


@dataclass(frozen=True, slots=True)
class LockedDevice:
    """A terminal that nobody else changes until this transaction ends; `now` is PostgreSQL's clock."""

    device_id: UUID
    site_id: UUID
    name: str
    public_key: bytes
    status: DeviceStatus
    retired: bool
    revoked_at: datetime | None
    now: datetime


LOCK_DEVICE = """
SELECT device_id, site_id, name, public_key, status, retired, revoked_at, clock_timestamp() AS now
FROM devices WHERE device_id = $1 FOR UPDATE
"""


async def lock_device(connection: Connection, device_id: UUID) -> LockedDevice | None:
    """Lock a terminal's row. A batch of punches takes it last, so nothing else may be locked behind it."""
    row = await connection.fetchrow(LOCK_DEVICE, device_id)
    return None if row is None else LockedDevice(**{**row, "status": DeviceStatus(row["status"])})


CONFIRM = "UPDATE devices SET status = 'active', confirmed_at = clock_timestamp() WHERE device_id = $1"


async def confirm(connection: Connection, device_id: UUID) -> None:
    await connection.execute(CONFIRM, device_id)


MOVE = "UPDATE devices SET site_id = $2 WHERE device_id = $1"


async def move(connection: Connection, device_id: UUID, site_id: UUID) -> None:
    await connection.execute(MOVE, device_id, site_id)


WITHDRAW = "UPDATE devices SET status = 'revoked', revoked_at = $2, retired = $3 WHERE device_id = $1"


async def withdraw(connection: Connection, device_id: UUID, *, revoked_at: datetime, retired: bool) -> None:
    """From `revoked_at` on nothing that it signs is recorded; a retired one is no longer waited for either."""
    await connection.execute(WITHDRAW, device_id, revoked_at, retired)


REPLACE_KEY = """
WITH former AS (INSERT INTO device_former_keys (device_id, public_key) VALUES ($1, $2))
UPDATE devices SET public_key = $3 WHERE device_id = $1
"""


async def replace_key(connection: Connection, device_id: UUID, *, former: bytes, present: bytes) -> None:
    await connection.execute(REPLACE_KEY, device_id, former, present)


SITE_EXISTS = "SELECT EXISTS (SELECT FROM sites WHERE site_id = $1)"


async def site_exists(connection: Connection, site_id: UUID) -> bool:
    return bool(await connection.fetchval(SITE_EXISTS, site_id))
