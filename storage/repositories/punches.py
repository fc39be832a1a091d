"""The signed record: journals, receipts, punches, and what is kept beside them for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from protocol.values import Captured, DeviceStatus, Kind, Outcome, Reason
from storage.models import BootClock, Counted, Journal, JournalKey, KeptSeal, PunchKey, StoredPunch
from storage.postgres import Connection

OPEN_JOURNALS = """
INSERT INTO device_journals (device_id, log_id, last_seq)
SELECT device_id, log_id, 0 FROM unnest($1::uuid[], $2::uuid[]) AS new (device_id, log_id)
ORDER BY device_id, log_id
ON CONFLICT DO NOTHING
"""


async def open_journals(connection: Connection, keys: Sequence[JournalKey]) -> None:
    """Make sure that these journals have a head to lock. Outside the batch's transaction: order stays free."""
    await connection.execute(OPEN_JOURNALS, [key[0] for key in keys], [key[1] for key in keys])


LOCK_JOURNALS = """
SELECT j.device_id, j.log_id, j.last_seq, j.last_digest, d.site_id, d.status, d.revoked_at, d.log_id AS begun_last
FROM device_journals j JOIN devices d USING (device_id)
WHERE (j.device_id, j.log_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ORDER BY j.device_id, j.log_id
FOR UPDATE OF j
"""


async def lock_journals(connection: Connection, keys: Sequence[JournalKey]) -> dict[JournalKey, Journal]:
    """Lock heads in order of their ids; what is missing in the answer has no head yet."""
    rows = await connection.fetch(LOCK_JOURNALS, [key[0] for key in keys], [key[1] for key in keys])
    return {
        (row["device_id"], row["log_id"]): Journal(
            row["device_id"],
            row["log_id"],
            row["last_seq"],
            row["last_digest"],
            row["site_id"],
            DeviceStatus(row["status"]),
            row["revoked_at"],
            row["begun_last"],
        )
        for row in rows
    }


FIND_RECORDED = """
SELECT p.*, r.digest
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS asked (device_id, log_id, seq)
JOIN receipts r USING (device_id, log_id, seq)
JOIN punches p ON (p.recorded_at, p.device_id, p.log_id, p.seq) = (r.recorded_at, r.device_id, r.log_id, r.seq)
"""


async def find_recorded(connection: Connection, keys: Sequence[PunchKey]) -> dict[PunchKey, StoredPunch]:
    """The punches that already stand at these places."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await connection.fetch(FIND_RECORDED, *columns)
    return {punch.key: punch for punch in map(stored_punch, rows)}


HAS_RECEIPT = "SELECT EXISTS (SELECT FROM receipts WHERE device_id = $1 AND log_id = $2 AND seq = $3)"


async def has_receipt(connection: Connection, key: PunchKey) -> bool:
    return bool(await connection.fetchval(HAS_RECEIPT, *key))


APPEND_PUNCHES = """
WITH batch AS (
    SELECT * FROM unnest(
        $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[],
        $11::timestamptz[], $12::text[], $13::uuid[], $14::text[], $15::bytea[], $16::bytea[], $17::boolean[]
    ) AS b (device_id, log_id, seq, punch_id, site_id, employee_id, outcome, reason, kind,
            occurred_at, captured, same_as, signed_text, signature, digest, counted)
), receipt AS (
    INSERT INTO receipts (device_id, log_id, seq, digest, recorded_at)
    SELECT device_id, log_id, seq, digest, $1 FROM batch
), head AS (
    UPDATE device_journals j SET last_seq = last.seq, last_digest = last.digest
    FROM (SELECT DISTINCT ON (device_id, log_id) device_id, log_id, seq, digest
          FROM batch ORDER BY device_id, log_id, seq DESC) AS last
    WHERE (j.device_id, j.log_id) = (last.device_id, last.log_id)
), begun AS (
    UPDATE devices d SET log_id = n.log_id
    FROM unnest($18::uuid[], $19::uuid[]) AS n (device_id, log_id) WHERE d.device_id = n.device_id
)
INSERT INTO punches (recorded_at, device_id, log_id, seq, punch_id, site_id, employee_id, outcome, reason, kind,
                     occurred_at, captured, same_as, signed_text, signature, counted)
SELECT $1, device_id, log_id, seq, punch_id, site_id, employee_id, outcome, reason, kind,
       occurred_at, captured, same_as, signed_text, signature, counted
FROM batch
"""


async def append_punches(
    connection: Connection, recorded_at: datetime, punches: Sequence[StoredPunch], begun: Mapping[UUID, UUID]
) -> None:
    """Append punches and their receipts to locked journals; a place that is taken raises RowRefused.

    The last of them becomes each journal's head; `begun` names each device's journal that got its first punch.
    """
    await connection.execute(
        APPEND_PUNCHES,
        recorded_at,
        [punch.device_id for punch in punches],
        [punch.log_id for punch in punches],
        [punch.seq for punch in punches],
        [punch.punch_id for punch in punches],
        [punch.site_id for punch in punches],
        [punch.employee_id for punch in punches],
        [punch.outcome for punch in punches],
        [punch.reason for punch in punches],
        [punch.kind for punch in punches],
        [punch.occurred_at for punch in punches],
        [punch.captured for punch in punches],
        [punch.same_as for punch in punches],
        [punch.signed_text for punch in punches],
        [punch.signature for punch in punches],
        [punch.digest for punch in punches],
        [punch.counted for punch in punches],
        list(begun.keys()),
        list(begun.values()),
    )


BOOT_CLOCKS = """
SELECT device_id, boot_id, hub_time, monotonic_ms FROM device_boots
WHERE (device_id, boot_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""


async def boot_clocks(connection: Connection, boots: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], BootClock]:
    """What any hub measured of these (device, boot) pairs."""
    rows = await connection.fetch(BOOT_CLOCKS, [boot[0] for boot in boots], [boot[1] for boot in boots])
    return {(row["device_id"], row["boot_id"]): BootClock(row["hub_time"], row["monotonic_ms"]) for row in rows}


_KINDS: Final = {kind.value: kind for kind in Kind}
# Each half along its own index: a union as a table of its own would be read whole.
HISTORIES = """
SELECT employee_id, occurred_at, kind, punch_id FROM (
    SELECT p.employee_id, p.occurred_at, p.kind, p.punch_id, p.recorded_at, p.device_id, p.log_id, p.seq
    FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (employee_id, since, until)
    JOIN punches p ON p.employee_id = w.employee_id AND p.counted
                  AND p.occurred_at BETWEEN w.since AND w.until AND p.recorded_at >= $4
    UNION ALL
    SELECT p.employee_id, p.occurred_at, p.kind, p.punch_id, p.resolved_at, p.device_id, p.log_id, p.seq
    FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS w (employee_id, since, until)
    JOIN punch_resolutions p ON p.employee_id = w.employee_id AND p.counted
                            AND p.occurred_at BETWEEN w.since AND w.until
) AS p
ORDER BY employee_id, occurred_at, recorded_at, device_id, log_id, seq
"""


async def histories(
    connection: Connection, windows: Mapping[UUID, tuple[datetime, datetime]], recorded_from: datetime
) -> dict[UUID, list[Counted]]:
    """Counted punches of each person within their window; `recorded_from` spares the partitions before it."""
    rows = await connection.fetch(
        HISTORIES,
        list(windows),
        [window[0] for window in windows.values()],
        [window[1] for window in windows.values()],
        recorded_from,
    )
    found: dict[UUID, list[Counted]] = {employee_id: [] for employee_id in windows}
    for employee_id, occurred_at, kind, punch_id in rows:
        found[employee_id].append(Counted(occurred_at, _KINDS[kind], punch_id))
    return found


KEEP_SEALED = """
INSERT INTO sealed_credentials (device_id, log_id, seq, sealing_key_id, sealed, waits_since)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bytea[], $6::timestamptz[])
"""


async def keep_sealed(connection: Connection, rows: Sequence[KeptSeal]) -> None:
    """Keep what could not be opened or judged."""
    await connection.execute(
        KEEP_SEALED,
        [row.key[0] for row in rows],
        [row.key[1] for row in rows],
        [row.key[2] for row in rows],
        [row.sealing_key_id for row in rows],
        [row.sealed for row in rows],
        [row.waits_since for row in rows],
    )


KEEP_UNKNOWN_BADGES = """
INSERT INTO unknown_badges (device_id, punch_id, encrypted, seen_at, expires_at)
SELECT device_id, punch_id, encrypted, $4, $5
FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS b (device_id, punch_id, encrypted)
ON CONFLICT DO NOTHING
"""


async def keep_unknown_badges(
    connection: Connection,
    rows: Sequence[tuple[UUID, UUID, bytes]],
    *,
    seen_at: datetime,
    expires_at: datetime,
) -> None:
    """Keep unknown badges, encrypted, until `expires_at`: (device, punch, ciphertext)."""
    await connection.execute(
        KEEP_UNKNOWN_BADGES,
        [device_id for device_id, _, _ in rows],
        [punch_id for _, punch_id, _ in rows],
        [encrypted for _, _, encrypted in rows],
        seen_at,
        expires_at,
    )


AUDIT_CONFLICTS = """
INSERT INTO audit (actor, action, subject, details)
SELECT 'device:' || device_id, 'punch.conflict', punch_id::text, jsonb_build_object('log_id', log_id, 'seq', seq)
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[]) AS c (device_id, log_id, seq, punch_id)
"""


async def audit_conflicts(connection: Connection, rows: Sequence[tuple[PunchKey, UUID]]) -> None:
    """Note that a device sent other bytes for a place that is taken: (place, punch id it sent)."""
    await connection.execute(
        AUDIT_CONFLICTS,
        [key[0] for key, _ in rows],
        [key[1] for key, _ in rows],
        [key[2] for key, _ in rows],
        [punch_id for _, punch_id in rows],
    )


_LIST_FILTER: Final = """
($1::uuid[] IS NULL OR v.site_id = ANY ($1))
  AND ($2::uuid IS NULL OR v.employee_id = $2)
  AND ($3::uuid IS NULL OR v.device_id = $3)
  AND ($4::timestamptz IS NULL OR v.happened_at >= $4)
  AND ($5::timestamptz IS NULL OR v.happened_at < $5)
  AND ($6::text IS NULL OR v.outcome = $6)
  AND ($7::timestamptz IS NULL
       OR (v.happened_at, v.punch_id, v.device_id, v.log_id, v.seq) < ($7, $8::uuid, $9::uuid, $10::uuid, $11::bigint))
  AND ($12::uuid[] IS NULL OR v.employee_id = ANY ($12))
ORDER BY v.happened_at DESC, v.punch_id DESC, v.device_id DESC, v.log_id DESC, v.seq DESC
LIMIT $13
"""
_LISTED: Final = """
v.recorded_at, v.device_id, v.log_id, v.seq, v.punch_id, v.site_id, v.employee_id, v.outcome, v.reason, v.kind,
v.occurred_at, v.same_as, v.happened_at
"""
# Each half is read no further than a page, along its own index. What was resolved is listed as what it came to.
# OFFSET 0: looked up for each held punch of the page, where a hash of the whole table would be made otherwise.
LIST_PUNCHES = f"""
SELECT v.*, ''::bytea AS digest FROM (
    (SELECT {_LISTED}, v.captured, v.signed_text, v.signature FROM punches v
     WHERE NOT (v.outcome = 'held' AND EXISTS (
         SELECT FROM punch_resolutions r
         WHERE (r.device_id, r.log_id, r.seq) = (v.device_id, v.log_id, v.seq) OFFSET 0))
       AND {_LIST_FILTER})
    UNION ALL
    (SELECT {_LISTED}, p.captured, p.signed_text, p.signature
     FROM (SELECT v.* FROM punch_resolutions v WHERE {_LIST_FILTER}) AS v
     JOIN punches p ON (p.recorded_at, p.device_id, p.log_id, p.seq) = (v.recorded_at, v.device_id, v.log_id, v.seq))
) AS v
ORDER BY v.happened_at DESC, v.punch_id DESC, v.device_id DESC, v.log_id DESC, v.seq DESC
LIMIT $13
"""  # noqa: S608 - of constants

ListPosition = tuple[datetime, UUID, UUID, UUID, int]
"""(happened_at, punch_id, device_id, log_id, seq) of the last punch of a page."""


async def list_punches(
    connection: Connection,
    *,
    site_ids: Sequence[UUID] | None,
    employee_id: UUID | None,
    device_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
    outcome: Outcome | None,
    within_employees: Sequence[UUID] | None,
    after: ListPosition | None,
    limit: int,
) -> list[StoredPunch]:
    """Punches newest first from behind `after`; `within_employees` is the caller's scope by department."""
    position: tuple[object, ...] = after if after is not None else (None,) * 5
    rows = await connection.fetch(
        LIST_PUNCHES,
        site_ids,
        employee_id,
        device_id,
        since,
        until,
        outcome,
        *position,
        within_employees,
        limit,
    )
    return [stored_punch(row) for row in rows]


def stored_punch(row: asyncpg.Record) -> StoredPunch:
    """A row of `punches` and its receipt's digest."""
    return StoredPunch(
        recorded_at=row["recorded_at"],
        device_id=row["device_id"],
        log_id=row["log_id"],
        seq=row["seq"],
        punch_id=row["punch_id"],
        site_id=row["site_id"],
        employee_id=row["employee_id"],
        outcome=Outcome(row["outcome"]),
        reason=Reason(row["reason"]) if row["reason"] is not None else None,
        kind=Kind(row["kind"]) if row["kind"] is not None else None,
        occurred_at=row["occurred_at"],
        captured=Captured(row["captured"]),
        same_as=row["same_as"],
        signed_text=row["signed_text"],
        signature=row["signature"],
        digest=row["digest"],
    )
