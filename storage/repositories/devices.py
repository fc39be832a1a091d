"""Terminals: who they are, and what they last said of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from protocol.values import DeviceStatus
from storage.models import Device, DeviceReport, ForkSign, Journal
from storage.postgres import Connection

# The latest former keys are enough: one that changes its key all day makes the check of a signature no dearer.
FORMER_KEYS: Final = 8
_DEVICES: Final = f"""
SELECT d.device_id, d.site_id, d.name, d.public_key, d.status, d.revoked_at, d.log_id,
       ARRAY(SELECT f.public_key FROM device_former_keys f WHERE f.device_id = d.device_id
             ORDER BY f.replaced_at DESC LIMIT {FORMER_KEYS}) AS former_keys
FROM devices d
"""  # noqa: S608 - a constant of this file
FIND_DEVICE = f"{_DEVICES} WHERE d.device_id = $1"


async def find_device(connection: Connection, device_id: UUID) -> Device | None:
    row = await connection.fetchrow(FIND_DEVICE, device_id)
    return None if row is None else _device(row)


FIND_DEVICES = f"{_DEVICES} WHERE d.device_id = ANY ($1::uuid[])"


async def find_devices(connection: Connection, device_ids: Sequence[UUID]) -> list[Device]:
    """Those of these devices that exist, as they are now."""
    return [_device(row) for row in await connection.fetch(FIND_DEVICES, list(device_ids))]


FIND_JOURNAL = """
SELECT j.device_id, j.log_id, j.last_seq, j.last_digest, d.site_id, d.status, d.revoked_at
FROM device_journals j JOIN devices d USING (device_id) WHERE j.device_id = $1 AND j.log_id = $2
"""


async def find_journal(connection: Connection, device_id: UUID, log_id: UUID) -> Journal | None:
    row = await connection.fetchrow(FIND_JOURNAL, device_id, log_id)
    if row is None:
        return None
    return Journal(
        row["device_id"],
        row["log_id"],
        row["last_seq"],
        row["last_digest"],
        row["site_id"],
        DeviceStatus(row["status"]),
        row["revoked_at"],
    )


WELCOMED = """
WITH first AS (
    UPDATE devices SET welcomed_at = clock_timestamp()
    WHERE device_id = $1 AND welcomed_at IS NULL AND status = 'active'
)
INSERT INTO device_reports (device_id, heard_at) VALUES ($1, clock_timestamp())
ON CONFLICT (device_id) DO UPDATE SET heard_at = excluded.heard_at
"""


async def mark_welcomed(connection: Connection, device_id: UUID) -> None:
    """A terminal is here; from its first welcome as active on, `complete_to` waits for it."""
    await connection.execute(WELCOMED, device_id)


KEEP_REPORT = """
INSERT INTO device_reports (device_id, heard_at, complete_to, outbox_depth, oldest_unsent_at, version)
SELECT $1, now, CASE WHEN $2::bigint = 0 THEN now ELSE least($3::timestamptz, now) END, $2, $3, $4
FROM (SELECT clock_timestamp() AS now) AS clock
ON CONFLICT (device_id) DO UPDATE
SET heard_at = excluded.heard_at, complete_to = coalesce(excluded.complete_to, device_reports.complete_to),
    outbox_depth = excluded.outbox_depth, oldest_unsent_at = excluded.oldest_unsent_at, version = excluded.version
"""


async def keep_report(
    connection: Connection,
    device_id: UUID,
    *,
    outbox_depth: int,
    oldest_unsent_at: datetime | None,
    version: str,
) -> None:
    """What a terminal says of itself: complete up to now, or up to its oldest unsent punch, else as before."""
    # `least` ignores a null: a backlog without a date must leave the last value alone.
    if outbox_depth and oldest_unsent_at is None:
        await connection.execute(KEEP_BLIND_REPORT, device_id, outbox_depth, version)
    else:
        await connection.execute(KEEP_REPORT, device_id, outbox_depth, oldest_unsent_at, version)


KEEP_BLIND_REPORT = """
INSERT INTO device_reports (device_id, heard_at, outbox_depth, version) VALUES ($1, clock_timestamp(), $2, $3)
ON CONFLICT (device_id) DO UPDATE
SET heard_at = excluded.heard_at, outbox_depth = excluded.outbox_depth, oldest_unsent_at = NULL,
    version = excluded.version
"""

KEEP_BOOT_CLOCK = """
WITH heard AS (
    INSERT INTO device_reports (device_id, heard_at, clock_offset_ms) VALUES ($1, clock_timestamp(), $5)
    ON CONFLICT (device_id) DO UPDATE
    SET heard_at = excluded.heard_at,
        clock_offset_ms = coalesce(excluded.clock_offset_ms, device_reports.clock_offset_ms)
)
INSERT INTO device_boots (device_id, boot_id, hub_time, monotonic_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (device_id, boot_id) DO UPDATE SET hub_time = excluded.hub_time, monotonic_ms = excluded.monotonic_ms
"""


async def keep_boot_clock(
    connection: Connection,
    device_id: UUID,
    boot_id: UUID,
    *,
    hub_time: datetime,
    monotonic_ms: int,
    clock_offset_ms: int | None = None,
) -> None:
    """What a `time.sync` measured, the latest of a boot: clocks drift, so the newest dates best.

    `clock_offset_ms` is the terminal's wall clock less the hub's, where it told its own.
    """
    await connection.execute(KEEP_BOOT_CLOCK, device_id, boot_id, hub_time, monotonic_ms, clock_offset_ms)


MARK_FORKED = """
WITH seen AS (
    SELECT device_id, forked_at FROM devices WHERE device_id = ANY ($1::uuid[]) ORDER BY device_id FOR UPDATE
), marked AS (
    UPDATE devices d SET forked_at = $3 FROM seen WHERE d.device_id = seen.device_id
)
INSERT INTO audit (actor, action, subject, after)
SELECT 'hub', 'device.forked', device_id::text, jsonb_build_object('sign', sign)
FROM seen JOIN unnest($1::uuid[], $2::text[]) AS signs (device_id, sign) USING (device_id)
WHERE forked_at IS NULL OR forked_at < $3 - make_interval(mins => $4)
"""


async def mark_forked(
    connection: Connection, forks: Mapping[UUID, ForkSign], at: datetime, *, quiet_minutes: int
) -> None:
    """Terminals of which a copy may be at work; audited where nothing was for `quiet_minutes`."""
    await connection.execute(MARK_FORKED, list(forks.keys()), list(forks.values()), at, quiet_minutes)


REPORTS = """
SELECT d.device_id, d.site_id, d.name, r.heard_at, r.complete_to
FROM devices d LEFT JOIN device_reports r USING (device_id)
WHERE d.welcomed_at IS NOT NULL AND NOT d.retired
ORDER BY d.name, d.device_id
"""


async def reports(connection: Connection) -> list[DeviceReport]:
    """What all terminals that count last said."""
    return [
        DeviceReport(row["device_id"], row["site_id"], row["name"], row["heard_at"], row["complete_to"])
        for row in await connection.fetch(REPORTS)
    ]


SITE_NAME = "SELECT name FROM sites WHERE site_id = $1"


async def site_name(connection: Connection, site_id: UUID) -> str:
    """What a terminal's site is called."""
    return str(await connection.fetchval(SITE_NAME, site_id))


def _device(row: asyncpg.Record) -> Device:
    return Device(
        row["device_id"],
        row["site_id"],
        row["name"],
        row["public_key"],
        DeviceStatus(row["status"]),
        row["revoked_at"],
        row["log_id"],
        tuple(row["former_keys"]),
    )
