"""PIN attempts: counted before they are judged, once for each signed text, whichever hub it reaches.

A text that never stands in the record (its place is taken, or lies beyond what came) is counted like any other.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from storage.models import PunchKey
from storage.postgres import Connection

LOCK_NUMBER = "SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 0))"
# Each count reads no further than its limit: a flood makes no count dearer.
COUNT_ATTEMPTS = """
SELECT (SELECT count(*) FROM (
            SELECT FROM pin_attempts
            WHERE number_hash = $1 AND attempted_at > since AND verdict IN ('pending', 'wrong')
              AND (device_id, log_id, seq, digest) <> ($3, $4, $5, $6) LIMIT $7) AS n) < $7
   AND (SELECT count(*) FROM (
            SELECT FROM pin_attempts
            WHERE device_id = $3 AND attempted_at > since AND verdict IN ('pending', 'wrong') LIMIT $8) AS d) < $8
   AND (SELECT count(*) FROM (
            SELECT FROM pin_attempts
            WHERE site_id = (SELECT site_id FROM devices WHERE device_id = $3)
              AND attempted_at > since AND verdict IN ('pending', 'wrong') LIMIT $9) AS s) < $9
FROM (SELECT clock_timestamp() - make_interval(mins => $2) AS since) AS window_
"""
COUNT_THIS = """
INSERT INTO pin_attempts (device_id, log_id, seq, digest, number_hash, attempted_at, verdict, site_id)
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6, (SELECT site_id FROM devices WHERE device_id = $1))
ON CONFLICT (device_id, log_id, seq, digest)
DO UPDATE SET attempted_at = excluded.attempted_at, verdict = excluded.verdict
"""


class Limits(NamedTuple):
    """How many attempts that were not right are judged within a window, beyond which none is even tried."""

    window_minutes: int
    of_number: int
    of_device: int
    of_site: int


async def count_attempt(
    connection: Connection, key: PunchKey, digest: bytes, number_hash: bytes, limits: Limits
) -> bool:
    """Count one attempt, for its number and for the terminal and site it comes from; False: it must not be tried.

    Needs a transaction: attempts for one number queue up, so that of many at once exactly `of_number` pass (a
    terminal's and a site's may be passed by as many as are under way). A right attempt counts no longer, a throttled
    one never did.
    """
    await connection.execute(LOCK_NUMBER, number_hash)
    admitted: bool = await connection.fetchval(
        COUNT_ATTEMPTS,
        number_hash,
        limits.window_minutes,
        *key,
        digest,
        limits.of_number,
        limits.of_device,
        limits.of_site,
    )
    await connection.execute(COUNT_THIS, *key, digest, number_hash, "pending" if admitted else "throttled")
    return admitted


SETTLE_ATTEMPT = """
UPDATE pin_attempts SET verdict = $5
WHERE device_id = $1 AND log_id = $2 AND seq = $3 AND digest = $4 AND verdict = 'pending'
"""


async def settle_attempt(connection: Connection, key: PunchKey, digest: bytes, *, right: bool) -> None:
    await connection.execute(SETTLE_ATTEMPT, *key, digest, "right" if right else "wrong")


WITHDRAW_ATTEMPT = """
DELETE FROM pin_attempts
WHERE device_id = $1 AND log_id = $2 AND seq = $3 AND digest = $4 AND verdict = 'pending'
"""


async def withdraw_attempt(connection: Connection, key: PunchKey, digest: bytes) -> None:
    """It was counted, and then nothing could be tried: it counts no longer."""
    await connection.execute(WITHDRAW_ATTEMPT, *key, digest)


KEEP_ANEW = "UPDATE employee_pins SET pin_hash = $3 WHERE employee_id = $1 AND pin_hash = $2"


async def keep_anew(connection: Connection, employee_id: UUID, before: str, after: str) -> None:
    """The same PIN in another form; one that was set meanwhile stays."""
    await connection.execute(KEEP_ANEW, employee_id, before, after)
