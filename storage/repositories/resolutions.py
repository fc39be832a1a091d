"""Punches that were held for want of keys: which wait, and what they came to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage.models import PunchKey, StoredPunch, WaitingPunch
from storage.postgres import Connection
from storage.repositories.punches import stored_punch

COUNT_WAITING = "SELECT count(*) FROM sealed_credentials WHERE waits_since IS NOT NULL"


async def count_waiting(connection: Connection) -> int:
    count: int = await connection.fetchval(COUNT_WAITING)
    return count


WAITING = """
SELECT p.*, r.digest, s.sealed
FROM (SELECT device_id, log_id, seq, waits_since AS recorded_at, sealed FROM sealed_credentials
      WHERE waits_since IS NOT NULL
        AND ($1::timestamptz IS NULL
             OR (waits_since, device_id, log_id, seq) > ($1, $2::uuid, $3::uuid, $4::bigint))
      ORDER BY waits_since, device_id, log_id, seq LIMIT $5) AS s
JOIN punches p ON (p.recorded_at, p.device_id, p.log_id, p.seq) = (s.recorded_at, s.device_id, s.log_id, s.seq)
JOIN receipts r ON (r.device_id, r.log_id, r.seq) = (s.device_id, s.log_id, s.seq)
ORDER BY p.recorded_at, p.device_id, p.log_id, p.seq
"""


async def waiting(connection: Connection, after: StoredPunch | None, limit: int) -> list[WaitingPunch]:
    """Those behind `after`, in the order in which they came: within a journal that of the journal."""
    position: tuple[object, ...] = (None,) * 4 if after is None else (after.recorded_at, *after.key)
    return [WaitingPunch(stored_punch(row), row["sealed"]) for row in await connection.fetch(WAITING, *position, limit)]


STILL_WAITING = """
SELECT device_id, log_id, seq FROM sealed_credentials JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[])
    AS asked (device_id, log_id, seq) USING (device_id, log_id, seq)
WHERE waits_since IS NOT NULL
"""


async def still_waiting(connection: Connection, keys: Sequence[PunchKey]) -> set[PunchKey]:
    """Those of these places that nobody resolved meanwhile; their journals are locked."""
    rows = await connection.fetch(STILL_WAITING, *_columns(keys))
    return {(row["device_id"], row["log_id"], row["seq"]) for row in rows}


RESOLVE = """
INSERT INTO punch_resolutions (device_id, log_id, seq, recorded_at, punch_id, site_id, employee_id, outcome, reason,
                               kind, occurred_at, same_as, counted, resolved_at, resolved_by)
SELECT *, $14::timestamptz, $15::text
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],
            $9::text[], $10::text[], $11::timestamptz[], $12::uuid[], $13::boolean[])
"""


async def resolve(
    connection: Connection, punches: Sequence[StoredPunch], *, resolved_at: datetime, resolved_by: str
) -> None:
    """Write what held punches came to; one that has a resolution raises RowRefused."""
    await connection.execute(
        RESOLVE,
        *_columns([punch.key for punch in punches]),
        [punch.recorded_at for punch in punches],
        [punch.punch_id for punch in punches],
        [punch.site_id for punch in punches],
        [punch.employee_id for punch in punches],
        [punch.outcome for punch in punches],
        [punch.reason for punch in punches],
        [punch.kind for punch in punches],
        [punch.occurred_at for punch in punches],
        [punch.same_as for punch in punches],
        [punch.counted for punch in punches],
        resolved_at,
        resolved_by,
    )


FORGET_SEALED = """
DELETE FROM sealed_credentials s USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS k (device_id, log_id, seq)
WHERE (s.device_id, s.log_id, s.seq) = (k.device_id, k.log_id, k.seq)
"""


async def forget_sealed(connection: Connection, keys: Sequence[PunchKey]) -> None:
    """Credentials that were opened and judged are kept no longer."""
    await connection.execute(FORGET_SEALED, *_columns(keys))


WAIT_NO_LONGER = """
UPDATE sealed_credentials s SET waits_since = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS k (device_id, log_id, seq)
WHERE (s.device_id, s.log_id, s.seq) = (k.device_id, k.log_id, k.seq)
"""


async def wait_no_longer(connection: Connection, keys: Sequence[PunchKey]) -> None:
    """Credentials that the keys were of no help to: kept for a person."""
    await connection.execute(WAIT_NO_LONGER, *_columns(keys))


def _columns(keys: Sequence[PunchKey]) -> tuple[list[object], list[object], list[object]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]
