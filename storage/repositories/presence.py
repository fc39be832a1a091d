"""Derived state: where people are, and the streams that tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from protocol.values import Status
from storage.models import Change, PersonAtWork, Presence
from storage.postgres import Connection
from storage.repositories.people import at_work

CLOCK_SLACK: Final = timedelta(hours=1)
"""A punch is recorded after it occurred, give or take this much: it bounds the partitions that are read."""

LOCK_STREAMS = """
SELECT s.site_id, s.head, (SELECT current_epoch()) AS epoch
FROM streams s WHERE s.site_id = ANY ($1::uuid[]) ORDER BY s.site_id FOR UPDATE
"""


async def lock_streams(connection: Connection, site_ids: Sequence[UUID]) -> tuple[UUID, dict[UUID, int]]:
    """Lock sites' streams in order of their ids; gives the epoch and each head. Sites must exist."""
    rows = await connection.fetch(LOCK_STREAMS, list(site_ids))
    return rows[0]["epoch"], {row["site_id"]: row["head"] for row in rows}


LOCK_PRESENCE = """
SELECT p.employee_id, p.status, p.since, p.at_site_id, e.site_id, e.deactivated_at, e.absences
FROM presence p JOIN employees e USING (employee_id)
WHERE p.employee_id = ANY ($1::uuid[]) ORDER BY p.employee_id FOR UPDATE OF p
"""


async def lock_presence(connection: Connection, employee_ids: Sequence[UUID]) -> dict[UUID, Presence]:
    """Lock people's presence in order of their ids."""
    rows = await connection.fetch(LOCK_PRESENCE, list(employee_ids))
    return {row["employee_id"]: _presence(row) for row in rows}


async def lock_people(
    connection: Connection, employee_ids: Sequence[UUID]
) -> tuple[dict[UUID, Presence], dict[UUID, PersonAtWork]]:
    """`lock_presence`, and whose homes and absences can't change either while these homes' streams are locked."""
    rows = await connection.fetch(LOCK_PRESENCE, list(employee_ids))
    return {row["employee_id"]: _presence(row) for row in rows}, {row["employee_id"]: at_work(row) for row in rows}


# Taken once all locks are held, so that it rises in the order of offsets.
COMMIT_CLOCK = "SELECT clock_timestamp()"


async def commit_clock(connection: Connection) -> datetime:
    """PostgreSQL's clock now: `recorded_at` of the batch whose locks are held."""
    moment: datetime = await connection.fetchval(COMMIT_CLOCK)
    return moment


WRITE_CHANGES = """
WITH present AS (
    UPDATE presence p SET status = n.status, since = n.since, at_site_id = n.at_site_id
    FROM unnest($12::uuid[], $13::text[], $14::timestamptz[], $15::uuid[]) AS n (employee_id, status, since, at_site_id)
    WHERE p.employee_id = n.employee_id
), advanced AS (
    UPDATE streams s SET head = n.head
    FROM unnest($10::uuid[], $11::bigint[]) AS n (site_id, head) WHERE s.site_id = n.site_id
)
INSERT INTO stream_changes (site_id, "offset", employee_id, on_board, status, since, at_site_id, left_department_id,
                            changed_at)
SELECT site_id, "offset", employee_id, on_board, status, since, at_site_id, left_department_id, $9
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::boolean[], $5::text[], $6::timestamptz[], $7::uuid[], $8::uuid[])
  AS c (site_id, "offset", employee_id, on_board, status, since, at_site_id, left_department_id)
"""


async def append_changes(
    connection: Connection,
    changes: Mapping[UUID, tuple[int, Sequence[Change]]],
    changed_at: datetime,
    moved: Sequence[Presence] = (),
) -> None:
    """Append to locked streams: per site the head before, and the changes that follow it.

    With them the locked presence rows of who `moved`.
    """
    rows = [
        (site_id, head + place, change)
        for site_id, (head, appended) in changes.items()
        for place, change in enumerate(appended, start=1)
    ]
    await connection.execute(
        WRITE_CHANGES,
        [site_id for site_id, _, _ in rows],
        [offset for _, offset, _ in rows],
        [change.employee_id for _, _, change in rows],
        [change.on_board for _, _, change in rows],
        [change.status for _, _, change in rows],
        [change.since for _, _, change in rows],
        [change.at_site_id for _, _, change in rows],
        [change.left_department_id for _, _, change in rows],
        changed_at,
        list(changes),
        [head + len(appended) for head, appended in changes.values()],
        [person.employee_id for person in moved],
        [person.status for person in moved],
        [person.since for person in moved],
        [person.at_site_id for person in moved],
    )


HEADS = """
SELECT (SELECT current_epoch()) AS epoch, (SELECT version FROM directory_version) AS directory_version,
       s.site_id, s.head
FROM streams s
"""


async def heads(connection: Connection) -> tuple[UUID, int, dict[UUID, int]]:
    """Epoch, version of the directory, and each site's head. An installation has at least one site."""
    rows = await connection.fetch(HEADS)
    if not rows:
        row = await connection.fetchrow("SELECT current_epoch(), version FROM directory_version")
        assert row is not None  # noqa: S101 - the migration puts the one row there
        return row[0], row[1], {}
    return rows[0]["epoch"], rows[0]["directory_version"], {row["site_id"]: row["head"] for row in rows}


END_EPOCH = "SELECT end_epoch($1)"


async def end_epoch(connection: Connection, ended: UUID) -> UUID:
    """Let streams count anew unless another hub has seen to it; gives the epoch that they count in now."""
    epoch: UUID = await connection.fetchval(END_EPOCH, ended)
    return epoch


# In the one statement also the epoch: since heads were read, another database may stand behind the connection.
CHANGES_AFTER = """
SELECT "offset", employee_id, on_board, status, since, at_site_id, left_department_id
FROM stream_changes WHERE site_id = $1 AND "offset" > $3 AND (SELECT current_epoch()) = $2 ORDER BY "offset" LIMIT $4
"""


async def changes_after(
    connection: Connection, site_id: UUID, epoch: UUID, after: int, limit: int
) -> list[Change] | None:
    """The changes that follow `after` in `epoch`, at most `limit`; None when the next one is no longer kept.

    There are none where the streams count in another epoch by now.
    """
    rows = await connection.fetch(CHANGES_AFTER, site_id, epoch, after, limit)
    if rows and rows[0]["offset"] != after + 1:
        return None
    return [
        Change(
            row["employee_id"],
            row["on_board"],
            Status(row["status"]),
            row["since"],
            row["at_site_id"],
            row["left_department_id"],
        )
        for row in rows
    ]


BOARD = """
SELECT p.employee_id, p.status, p.since, p.at_site_id
FROM presence p JOIN employees e USING (employee_id)
WHERE e.site_id = $1 AND e.deactivated_at IS NULL OR p.at_site_id = $1
"""


async def board(connection: Connection, site_id: UUID) -> list[Presence]:
    """People of a site's board: at home there, or in there. Read it in one snapshot with `heads`."""
    return [_presence(row) for row in await connection.fetch(BOARD, site_id)]


HEADCOUNT = """
WITH visitors AS (
    SELECT DISTINCT p.employee_id FROM counted_punches p JOIN employees e USING (employee_id)
    WHERE p.site_id = $1 AND p.occurred_at BETWEEN $2::timestamptz - $5::interval AND $3
      AND p.recorded_at >= $6 AND p.happened_at BETWEEN $2::timestamptz - $5::interval AND $3
      AND ($7::uuid[] IS NULL OR e.department_id = ANY ($7))
), moves AS (
    SELECT p.site_id, p.kind, p.occurred_at,
           lead(p.occurred_at) OVER (PARTITION BY p.employee_id
                                     ORDER BY p.occurred_at, p.recorded_at, p.device_id, p.log_id, p.seq) AS left_at
    FROM counted_punches p JOIN visitors USING (employee_id)
    WHERE p.occurred_at BETWEEN $2::timestamptz - $5::interval AND $3 AND p.recorded_at >= $6
)
SELECT count(*) FILTER (WHERE m.kind IN ('in', 'break_end')) AS present,
       count(*) FILTER (WHERE m.kind = 'break_start') AS on_break
FROM generate_series($2::timestamptz, $3, $4::interval) AS tick
LEFT JOIN moves m ON m.site_id = $1 AND m.kind <> 'out'
                 AND m.occurred_at <= tick AND (m.left_at IS NULL OR m.left_at > tick)
GROUP BY tick ORDER BY tick
"""


async def headcount(
    connection: Connection,
    site_id: UUID,
    *,
    since: datetime,
    until: datetime,
    step_minutes: int,
    lookback_minutes: int,
    department_ids: Sequence[UUID] | None,
) -> list[tuple[int, int]]:
    """(in, on break) at the site at each step; who came over `lookback_minutes` before `since` is left out."""
    lookback = timedelta(minutes=lookback_minutes)
    rows = await connection.fetch(
        HEADCOUNT,
        site_id,
        since,
        until,
        timedelta(minutes=step_minutes),
        lookback,
        since - lookback - CLOCK_SLACK,
        department_ids,
    )
    return [(row["present"], row["on_break"]) for row in rows]


def _presence(row: asyncpg.Record) -> Presence:
    return Presence(row["employee_id"], Status(row["status"]), row["since"], row["at_site_id"])
