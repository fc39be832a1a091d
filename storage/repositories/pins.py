"""PIN attempts: counted before they are judged, once for each signed text, whichever hub it reaches.

A text that never stands in the record (its place is taken, or lies beyond what came) is counted like any other.
"""

from __future__ import annotations

from storage.models import PunchKey
from storage.postgres import Connection

LOCK_NUMBER = "SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 0))"
COUNT_ATTEMPTS = """
SELECT count(*) FROM pin_attempts
WHERE number_hash = $1 AND verdict IN ('pending', 'wrong') AND (device_id, log_id, seq, digest) <> ($3, $4, $5, $6)
  AND attempted_at > greatest(
      clock_timestamp() - make_interval(mins => $2),
      (SELECT max(attempted_at) FROM pin_attempts WHERE number_hash = $1 AND verdict = 'right'))
"""
COUNT_THIS = """
INSERT INTO pin_attempts (device_id, log_id, seq, digest, number_hash, attempted_at, verdict)
VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6)
ON CONFLICT (device_id, log_id, seq, digest)
DO UPDATE SET attempted_at = excluded.attempted_at, verdict = excluded.verdict
"""


async def count_attempt(
    connection: Connection, key: PunchKey, digest: bytes, number_hash: bytes, *, allowed: int, window_minutes: int
) -> bool:
    """Count one attempt for a number as it was typed; False when it must not even be tried.

    Needs a transaction: attempts for one number queue up, so that of many at once exactly `allowed` pass.
    A right PIN begins the count anew, a throttled attempt isn't counted.
    """
    await connection.execute(LOCK_NUMBER, number_hash)
    earlier: int = await connection.fetchval(COUNT_ATTEMPTS, number_hash, window_minutes, *key, digest)
    admitted = earlier < allowed
    await connection.execute(COUNT_THIS, *key, digest, number_hash, "pending" if admitted else "throttled")
    return admitted


SETTLE_ATTEMPT = """
UPDATE pin_attempts SET verdict = $5
WHERE device_id = $1 AND log_id = $2 AND seq = $3 AND digest = $4 AND verdict = 'pending'
"""


async def settle_attempt(connection: Connection, key: PunchKey, digest: bytes, *, right: bool) -> None:
    await connection.execute(SETTLE_ATTEMPT, *key, digest, "right" if right else "wrong")
