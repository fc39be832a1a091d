"""What a hub tidies up now and then: what has served its time, and room for the months to come."""

from __future__ import annotations

from datetime import datetime

from storage.postgres import Connection

FORGET_ATTEMPTS = "DELETE FROM pin_attempts WHERE attempted_at < clock_timestamp() - make_interval(mins => $1)"


async def forget_attempts(connection: Connection, older_than_minutes: int) -> None:
    """Delete PIN attempts that no window reaches any more."""
    await connection.execute(FORGET_ATTEMPTS, older_than_minutes)


FORGET_UNKNOWN_BADGES = "DELETE FROM unknown_badges WHERE expires_at < clock_timestamp()"


async def forget_unknown_badges(connection: Connection) -> None:
    """Delete unknown badges whose minutes are over."""
    await connection.execute(FORGET_UNKNOWN_BADGES)


ENSURE_PARTITIONS = "SELECT ensure_punch_partitions($1)"


async def ensure_partitions(connection: Connection, months_ahead: int) -> None:
    """Make the partitions of the months to come."""
    await connection.execute(ENSURE_PARTITIONS, months_ahead)


PRUNE_CHANGES = """
DELETE FROM stream_changes c USING streams s
WHERE c.site_id = s.site_id AND c.changed_at < $1 AND c."offset" <= s.head - $2
"""


async def prune_changes(connection: Connection, before: datetime, keep: int) -> None:
    """Forget changes older than `before`, but never the last `keep` of a site: clients resume from those."""
    await connection.execute(PRUNE_CHANGES, before, keep)
