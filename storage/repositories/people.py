"""Who and where: what a hub's directory is made of, and who holds a badge or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from storage.models import BadgeHolder, Department, EmployeeRow, PersonAtWork, Site
from storage.postgres import Connection

_READ_AT_ONCE: Final = 1_000

SITES = "SELECT site_id, name, time_zone FROM sites ORDER BY name"
DEPARTMENTS = "SELECT department_id, site_id, name FROM departments ORDER BY name, department_id"
EMPLOYEES = """
SELECT e.employee_id, e.employee_number, e.display_name, e.site_id, e.department_id,
       e.deactivated_at IS NULL AS active,
       count(b.badge_id) FILTER (
           WHERE b.revoked_at IS NULL AND (b.valid_until IS NULL OR b.valid_until > now())
       ) AS badges, p.wrapped_key, p.sealed
FROM employees e LEFT JOIN badges b USING (employee_id) LEFT JOIN personal_data p USING (employee_id)
GROUP BY e.employee_id, p.employee_id
"""
CHANGED_EMPLOYEES = """
WITH changed AS (
    SELECT employee_id FROM employees WHERE changed_version > $1
    UNION SELECT employee_id FROM badges WHERE changed_version > $1
    UNION SELECT employee_id FROM personal_data WHERE changed_version > $1
    UNION SELECT unnest($2::uuid[])
)
SELECT e.employee_id, e.employee_number, e.display_name, e.site_id, e.department_id,
       e.deactivated_at IS NULL AS active,
       count(b.badge_id) FILTER (
           WHERE b.revoked_at IS NULL AND (b.valid_until IS NULL OR b.valid_until > now())
       ) AS badges, p.wrapped_key, p.sealed
FROM changed JOIN employees e USING (employee_id) LEFT JOIN badges b USING (employee_id)
     LEFT JOIN personal_data p USING (employee_id)
GROUP BY e.employee_id, p.employee_id
"""
TEMPORARY_BADGES = """
SELECT employee_id, min(valid_until) AS valid_until FROM badges
WHERE revoked_at IS NULL AND valid_until > now() GROUP BY employee_id
"""
DIRECTORY_VERSION = "SELECT version FROM directory_version"


async def sites(connection: Connection) -> list[Site]:
    return [Site(*row) for row in await connection.fetch(SITES)]


async def departments(connection: Connection) -> list[Department]:
    return [Department(*row) for row in await connection.fetch(DEPARTMENTS)]


async def employees(connection: Connection) -> list[EmployeeRow]:
    return [EmployeeRow(*row) for row in await connection.fetch(EMPLOYEES)]


async def changed_employees(connection: Connection, version: int, also: Sequence[UUID]) -> list[EmployeeRow]:
    """Who changed, or whose badges did, after a version of the directory; and these others. Needs a transaction.

    Thousands are read in slices: at a stroke they would be felt by everyone else on this hub.
    """
    rows = connection.cursor(CHANGED_EMPLOYEES, version, list(also), prefetch=_READ_AT_ONCE)
    return [EmployeeRow(*row) async for row in rows]


async def temporary_badges(connection: Connection) -> dict[UUID, datetime]:
    """When the next of a person's badges ends by itself."""
    return {row["employee_id"]: row["valid_until"] for row in await connection.fetch(TEMPORARY_BADGES)}


async def directory_version(connection: Connection) -> int:
    """Within a transaction that changed people or places: the version that its commit brings."""
    version: int = await connection.fetchval(DIRECTORY_VERSION)
    return version


BADGE_HOLDERS = """
SELECT badge_hash, employee_id, assigned_at, valid_until, revoked_at
FROM badges WHERE badge_hash = ANY ($1::bytea[]) ORDER BY badge_hash, assigned_at
"""


async def badge_holders(connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, list[BadgeHolder]]:
    """Everyone who ever held these badges, earliest first."""
    found: dict[bytes, list[BadgeHolder]] = {}
    for badge_hash, *holder in await connection.fetch(BADGE_HOLDERS, list(hashes)):
        found.setdefault(badge_hash, []).append(BadgeHolder(*holder))
    return found


PEOPLE_AT_WORK = """
SELECT e.employee_id, e.site_id, e.deactivated_at, p.at_site_id, e.absences
FROM employees e JOIN presence p USING (employee_id) WHERE e.employee_id = ANY ($1::uuid[])
"""


async def people_at_work(connection: Connection, employee_ids: Sequence[UUID]) -> dict[UUID, PersonAtWork]:
    """What a batch must know of people before it locks; their place is read again under the lock."""
    return {row["employee_id"]: at_work(row) for row in await connection.fetch(PEOPLE_AT_WORK, list(employee_ids))}


def at_work(row: asyncpg.Record) -> PersonAtWork:
    """A row that has a person's home and where they are."""
    absences = tuple((one.lower, one.upper) for one in row["absences"])
    return PersonAtWork(row["employee_id"], row["site_id"], row["deactivated_at"], row["at_site_id"], absences)


@dataclass(frozen=True, slots=True)
class PinHolder:
    employee_id: UUID
    employee_number: str
    pin_hash: str | None


FIND_BY_NUMBER = """
SELECT e.employee_id, e.employee_number, p.pin_hash FROM employees e LEFT JOIN employee_pins p USING (employee_id)
WHERE e.employee_number = $1
"""
FIND_BY_BADGE = """
SELECT e.employee_id, e.employee_number, p.pin_hash
FROM badges b JOIN employees e USING (employee_id) LEFT JOIN employee_pins p USING (employee_id)
WHERE b.badge_hash = $1 ORDER BY b.assigned_at DESC LIMIT 1
"""


async def find_by_number(connection: Connection, employee_number: str) -> PinHolder | None:
    row = await connection.fetchrow(FIND_BY_NUMBER, employee_number)
    return None if row is None else PinHolder(*row)


async def find_by_badge(connection: Connection, badge_hash: bytes) -> PinHolder | None:
    """Whose PIN goes with a badge: its latest holder's."""
    row = await connection.fetchrow(FIND_BY_BADGE, badge_hash)
    return None if row is None else PinHolder(*row)
