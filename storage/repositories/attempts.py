"""Attempts at a login or a pairing code: counted before they are judged, over all hubs, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from storage.postgres import Connection


class Limit(NamedTuple):
    """Under one key at most `most` attempts count at a time."""

    key_hash: bytes
    most: int


LOCK_KEYS = """
SELECT pg_advisory_xact_lock(hashtextextended('attempt|' || encode(key, 'hex'), 0))
FROM (SELECT key FROM unnest($1::bytea[]) AS key ORDER BY key) AS sorted
"""
# Each count reads no further than its limit: a flood makes it no dearer. With the earliest end of the last `most`
# there is room again.
FIND_WAIT = """
SELECT max(room.at) - clock_timestamp()
FROM unnest($1::bytea[], $2::int[]) AS limits (key, most), LATERAL (
    SELECT min(counts_until) AS at, count(*) AS number FROM (
        SELECT counts_until FROM attempts
        WHERE key_hash = limits.key AND counts_until > clock_timestamp()
        ORDER BY counts_until DESC LIMIT limits.most
    ) AS latest
) AS room
WHERE room.number >= limits.most
"""
COUNT_THIS = """
INSERT INTO attempts (attempt_id, key_hash, counts_until)
SELECT $1, key, clock_timestamp() + make_interval(secs => $3) FROM unnest($2::bytea[]) AS key
"""


async def count_attempt(
    connection: Connection, attempt_id: UUID, limits: Sequence[Limit], *, window_seconds: float
) -> timedelta | None:
    """Count one attempt under each key, unless one of them has had its limit: then for how long it must wait.

    Needs a transaction: attempts under one key queue up, so that of many at once exactly its limit pass.
    """
    keys = [limit.key_hash for limit in limits]
    await connection.execute(LOCK_KEYS, keys)
    wait: timedelta | None = await connection.fetchval(FIND_WAIT, keys, [limit.most for limit in limits])
    if wait is None:
        await connection.execute(COUNT_THIS, attempt_id, keys, window_seconds)
    return wait


SHORTEN_ATTEMPT = """
UPDATE attempts SET counts_until = least(counts_until, attempted_at + make_interval(secs => $2)) WHERE attempt_id = $1
"""


async def shorten_attempt(connection: Connection, attempt_id: UUID, *, seconds: float) -> None:
    """It was right: from its beginning it counts for so long, and no longer for the whole window."""
    await connection.execute(SHORTEN_ATTEMPT, attempt_id, seconds)


FORGET_ATTEMPTS = "DELETE FROM attempts WHERE counts_until < clock_timestamp()"


async def forget_attempts(connection: Connection) -> None:
    """Delete what counts no longer."""
    await connection.execute(FORGET_ATTEMPTS)
