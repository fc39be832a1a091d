"""People, their badges and PINs, and places, as acts change them. Whoever changes someone holds their row first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from storage.models import SealedPerson, Site
from storage.postgres import Connection
from storage.repositories import personal


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person's row, locked; `clear_name` is what an older hub wrote."""

    employee_id: UUID
    employee_number: str
    site_id: UUID
    department_id: UUID
    deactivated_at: datetime | None
    erased_at: datetime | None
    clear_name: str | None = None
    kept: SealedPerson | None = None


# Weaker than FOR UPDATE: who assigns another's badge in the same moment only asks that the person exists.
LOCK_PERSON = """
SELECT employee_id, employee_number, site_id, department_id, deactivated_at, erased_at, display_name
FROM employees WHERE employee_id = $1 FOR NO KEY UPDATE
"""
LOCK_NUMBERS = """
SELECT employee_id, employee_number, site_id, department_id, deactivated_at, erased_at, display_name
FROM employees WHERE employee_number = ANY ($1::text[]) ORDER BY employee_id FOR NO KEY UPDATE
"""


READ_PERSON = """
SELECT employee_id, employee_number, site_id, department_id, deactivated_at, erased_at, display_name
FROM employees WHERE employee_id = $1
"""


async def read_person(connection: Connection, employee_id: UUID) -> PersonRow | None:
    """A person who isn't this act's: only looked at."""
    row = await connection.fetchrow(READ_PERSON, employee_id)
    return None if row is None else PersonRow(*row)


async def lock_person(connection: Connection, employee_id: UUID) -> PersonRow | None:
    row = await connection.fetchrow(LOCK_PERSON, employee_id)
    return None if row is None else (await _with_kept(connection, [row]))[0]


async def lock_numbers(connection: Connection, numbers: Sequence[str]) -> list[PersonRow]:
    """Whoever has one of these numbers."""
    return await _with_kept(connection, await connection.fetch(LOCK_NUMBERS, list(numbers)))


async def _with_kept(connection: Connection, rows: Sequence[asyncpg.Record]) -> list[PersonRow]:
    # Read once the rows are locked: joined to them, it could be as it was before the wait for the lock.
    kept = await personal.find(connection, [row["employee_id"] for row in rows])
    return [replace(PersonRow(*row), kept=kept.get(row["employee_id"])) for row in rows]


QUEUE_IMPORTS = "SELECT pg_advisory_xact_lock(hashtextextended('employee.import', 0))"


async def queue_imports(connection: Connection) -> None:
    """One import at a time: each locks people by the thousand, in slices."""
    await connection.execute(QUEUE_IMPORTS)


DEPARTMENT_SITE = "SELECT site_id FROM departments WHERE department_id = $1"


async def department_site(connection: Connection, department_id: UUID) -> UUID | None:
    """Where a department is; null where there is none."""
    site_id: UUID | None = await connection.fetchval(DEPARTMENT_SITE, department_id)
    return site_id


UPDATE_PEOPLE = """
UPDATE employees e
SET employee_number = n.employee_number, site_id = n.site_id, department_id = n.department_id
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[]) AS n (employee_id, employee_number, site_id, department_id)
WHERE e.employee_id = n.employee_id
"""


async def update_people(connection: Connection, people: Sequence[PersonRow]) -> None:
    """Write locked people back: number and place."""
    await connection.execute(
        UPDATE_PEOPLE,
        [person.employee_id for person in people],
        [person.employee_number for person in people],
        [person.site_id for person in people],
        [person.department_id for person in people],
    )


DEACTIVATE = "UPDATE employees SET deactivated_at = $2 WHERE employee_id = $1"
REHIRE = """
UPDATE employees
SET absences = absences + tstzmultirange(tstzrange(deactivated_at, $2)), deactivated_at = NULL
WHERE employee_id = $1
"""


async def deactivate(connection: Connection, employee_id: UUID, moment: datetime) -> None:
    await connection.execute(DEACTIVATE, employee_id, moment)


async def rehire(connection: Connection, employee_id: UUID, moment: datetime) -> None:
    """Someone deactivated is back; when they were gone is kept."""
    await connection.execute(REHIRE, employee_id, moment)


@dataclass(frozen=True, slots=True)
class HeldBadge:
    """A badge that is or was someone's."""

    badge_id: UUID
    employee_id: UUID
    assigned_at: datetime
    valid_until: datetime | None
    revoked_at: datetime | None
    revoked_reason: str | None


LOCK_BADGE = """
SELECT badge_id, employee_id, assigned_at, valid_until, revoked_at, revoked_reason
FROM badges WHERE badge_id = $1 FOR UPDATE
"""
LOCK_HOLDS = """
SELECT badge_id, employee_id, assigned_at, valid_until, revoked_at, revoked_reason, badge_hash
FROM badges WHERE badge_hash = ANY ($1::bytea[]) AND revoked_at IS NULL ORDER BY badge_id FOR UPDATE
"""
BADGE_OWNER = "SELECT employee_id FROM badges WHERE badge_id = $1"


async def badge_owner(connection: Connection, badge_id: UUID) -> UUID | None:
    """Whose a badge is or was."""
    owner: UUID | None = await connection.fetchval(BADGE_OWNER, badge_id)
    return owner


async def lock_badge(connection: Connection, badge_id: UUID) -> HeldBadge | None:
    row = await connection.fetchrow(LOCK_BADGE, badge_id)
    return None if row is None else HeldBadge(*row)


async def lock_holds(connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, HeldBadge]:
    """Who has these badges until someone ends it; one whose `valid_until` is over holds it no longer, but is here."""
    return {row[6]: HeldBadge(*row[:6]) for row in await connection.fetch(LOCK_HOLDS, list(hashes))}


ASSIGN_BADGE = """
INSERT INTO badges (badge_hash, employee_id, assigned_at, valid_until) VALUES ($1, $2, $3, $4) RETURNING badge_id
"""
EXTEND_BADGE = "UPDATE badges SET valid_until = $2 WHERE badge_id = $1"
END_BADGE = "UPDATE badges SET revoked_at = $2, revoked_reason = $3 WHERE badge_id = $1"


async def assign_badge(
    connection: Connection, badge_hash: bytes, employee_id: UUID, assigned_at: datetime, valid_until: datetime | None
) -> UUID:
    badge_id: UUID = await connection.fetchval(ASSIGN_BADGE, badge_hash, employee_id, assigned_at, valid_until)
    return badge_id


async def extend_badge(connection: Connection, badge_id: UUID, valid_until: datetime | None) -> None:
    await connection.execute(EXTEND_BADGE, badge_id, valid_until)


async def end_badge(connection: Connection, badge_id: UUID, moment: datetime, reason: str | None) -> None:
    """`reason` is null where it had ended by itself."""
    await connection.execute(END_BADGE, badge_id, moment, reason)


LIST_BADGES = """
SELECT badge_id, employee_id, assigned_at, valid_until, revoked_at, revoked_reason FROM badges
WHERE employee_id = $1 AND ($2::timestamptz IS NULL OR (assigned_at, badge_id) < ($2, $3))
ORDER BY assigned_at DESC, badge_id DESC LIMIT $4
"""


async def list_badges(
    connection: Connection, employee_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[HeldBadge]:
    """Newest first, behind (assigned_at, badge_id)."""
    moment, badge_id = (None, None) if after is None else after
    return [HeldBadge(*row) for row in await connection.fetch(LIST_BADGES, employee_id, moment, badge_id, limit)]


@dataclass(frozen=True, slots=True)
class UnknownBadge:
    """A badge that nobody had, encrypted."""

    punch_id: UUID
    encrypted: bytes
    seen_at: datetime


LAST_UNKNOWN_BADGE = """
SELECT punch_id, encrypted, seen_at FROM unknown_badges
WHERE device_id = $1 AND expires_at > clock_timestamp() ORDER BY seen_at DESC, punch_id DESC LIMIT 1
"""


async def last_unknown_badge(connection: Connection, device_id: UUID) -> UnknownBadge | None:
    row = await connection.fetchrow(LAST_UNKNOWN_BADGE, device_id)
    return None if row is None else UnknownBadge(*row)


FORGET_PIN = "DELETE FROM employee_pins WHERE employee_id = $1 RETURNING true"
FORGET_ATTEMPTS_OF = "DELETE FROM pin_attempts WHERE number_hash = $1"


async def forget_pin(connection: Connection, employee_id: UUID) -> bool:
    """Whether there was one."""
    return bool(await connection.fetchval(FORGET_PIN, employee_id))


async def forget_attempts_of(connection: Connection, number_hash: bytes) -> None:
    """A number's PIN attempts count anew."""
    await connection.execute(FORGET_ATTEMPTS_OF, number_hash)


LOCK_SITE = "SELECT site_id, name, time_zone FROM sites WHERE site_id = $1 FOR NO KEY UPDATE"
UPDATE_SITE = "UPDATE sites SET name = $2, time_zone = $3 WHERE site_id = $1"


async def lock_site(connection: Connection, site_id: UUID) -> Site | None:
    row = await connection.fetchrow(LOCK_SITE, site_id)
    return None if row is None else Site(*row)


async def update_site(connection: Connection, site: Site) -> None:
    await connection.execute(UPDATE_SITE, site.site_id, site.name, site.time_zone)


LOCK_DEPARTMENT = "SELECT site_id, name FROM departments WHERE department_id = $1 FOR NO KEY UPDATE"
RENAME_DEPARTMENT = "UPDATE departments SET name = $2 WHERE department_id = $1"


async def lock_department(connection: Connection, department_id: UUID) -> tuple[UUID, str] | None:
    """Its site and its name."""
    row = await connection.fetchrow(LOCK_DEPARTMENT, department_id)
    return None if row is None else (row["site_id"], row["name"])


async def rename_department(connection: Connection, department_id: UUID, name: str) -> None:
    await connection.execute(RENAME_DEPARTMENT, department_id, name)
