"""What is known of people, encrypted: rows come sealed and go sealed, whose key this layer doesn't have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from storage.models import SealedPerson
from storage.postgres import Connection

KEEP = """
WITH kept AS (
    INSERT INTO personal_data (employee_id, wrapped_key, sealed)
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])
    ON CONFLICT (employee_id) DO UPDATE SET wrapped_key = excluded.wrapped_key, sealed = excluded.sealed
    RETURNING employee_id
)
UPDATE employees e SET display_name = NULL FROM kept
WHERE e.employee_id = kept.employee_id AND e.display_name IS NOT NULL
"""


async def keep(connection: Connection, people: Sequence[SealedPerson]) -> None:
    """Write people's data, new or changed; a name in the clear is gone with that."""
    await connection.execute(
        KEEP,
        [person.employee_id for person in people],
        [person.wrapped_key for person in people],
        [person.sealed for person in people],
    )


FIND = "SELECT employee_id, wrapped_key, sealed FROM personal_data WHERE employee_id = ANY ($1::uuid[])"


async def find(connection: Connection, employee_ids: Sequence[UUID]) -> dict[UUID, SealedPerson]:
    rows = await connection.fetch(FIND, list(employee_ids))
    return {row["employee_id"]: SealedPerson(*row) for row in rows}


QUEUE_ADOPTIONS = "SELECT pg_advisory_xact_lock(hashtextextended('personal.adopt', 0))"
IN_THE_CLEAR = """
SELECT employee_id, display_name FROM employees WHERE display_name IS NOT NULL
ORDER BY employee_id LIMIT $1 FOR NO KEY UPDATE
"""


async def in_the_clear(connection: Connection, limit: int) -> dict[UUID, str]:
    """Some people whose name is in the clear, locked; one hub at a time."""
    await connection.execute(QUEUE_ADOPTIONS)
    return {row["employee_id"]: row["display_name"] for row in await connection.fetch(IN_THE_CLEAR, limit)}


ERASE = "DELETE FROM personal_data WHERE employee_id = ANY ($1::uuid[])"
ERASE_PINS = "DELETE FROM employee_pins WHERE employee_id = ANY ($1::uuid[])"
ERASE_REQUESTS = "DELETE FROM erasure_requests WHERE employee_id = ANY ($1::uuid[])"
MARK_ERASED = """
UPDATE employees e SET erased_at = $2, display_name = NULL, deactivated_at = coalesce(e.deactivated_at, $2)
WHERE e.employee_id = ANY ($1::uuid[])
"""
END_BADGES = """
UPDATE badges SET revoked_at = $2, revoked_reason = 'returned'
WHERE employee_id = ANY ($1::uuid[]) AND revoked_at IS NULL
"""


async def erase(connection: Connection, employee_ids: Sequence[UUID], at: datetime) -> None:
    """Delete people's data with its keys, and their PINs, and end their badges; their rows are this transaction's."""
    ids = list(employee_ids)
    await connection.execute(MARK_ERASED, ids, at)
    await connection.execute(ERASE, ids)
    await connection.execute(ERASE_PINS, ids)
    await connection.execute(ERASE_REQUESTS, ids)
    await connection.execute(END_BADGES, ids, at)


REQUEST_ERASURE = """
INSERT INTO erasure_requests (employee_id, account_id) VALUES ($1, $2) ON CONFLICT (employee_id) DO NOTHING
RETURNING true
"""
ERASURE_REQUESTED_BY = "SELECT account_id FROM erasure_requests WHERE employee_id = $1"


async def request_erasure(connection: Connection, employee_id: UUID, account_id: UUID) -> UUID | None:
    """Ask for someone's erasure: null where that is new, else whoever asked first."""
    if await connection.fetchval(REQUEST_ERASURE, employee_id, account_id):
        return None
    first: UUID | None = await connection.fetchval(ERASURE_REQUESTED_BY, employee_id)
    return first


LOCK_UNERASED = """
SELECT employee_id FROM employees e WHERE employee_id = ANY ($1::uuid[])
  AND (erased_at IS NULL OR display_name IS NOT NULL
       OR EXISTS (SELECT FROM personal_data p WHERE p.employee_id = e.employee_id))
ORDER BY employee_id FOR NO KEY UPDATE
"""


async def lock_unerased(connection: Connection, employee_ids: Sequence[UUID]) -> list[UUID]:
    """Which of these have data here still: after a restore, everybody who was erased since its backup."""
    return [row["employee_id"] for row in await connection.fetch(LOCK_UNERASED, list(employee_ids))]
