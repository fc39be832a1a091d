"""Making sites, people, badges and terminals. Rows come ready: ids, hashes and keys are made by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from storage.models import Department, Device, Employee, Site
from storage.postgres import Connection

ADD_SITES = """
WITH added AS (
    INSERT INTO sites (site_id, name, time_zone)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) RETURNING site_id
)
INSERT INTO streams (site_id) SELECT site_id FROM added
"""


async def add_sites(connection: Connection, sites: Sequence[Site]) -> None:
    """Sites with their streams, at offset 0."""
    # The stream refers to its site: the reference is checked when the statement ends, after both are there.
    await connection.execute(
        ADD_SITES,
        [site.site_id for site in sites],
        [site.name for site in sites],
        [site.time_zone for site in sites],
    )


ADD_DEPARTMENTS = """
INSERT INTO departments (department_id, site_id, name) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
"""


async def add_departments(connection: Connection, departments: Sequence[Department]) -> None:
    await connection.execute(
        ADD_DEPARTMENTS,
        [department.department_id for department in departments],
        [department.site_id for department in departments],
        [department.name for department in departments],
    )


ADD_EMPLOYEES = """
WITH added AS (
    INSERT INTO employees (employee_id, employee_number, site_id, department_id, hired_at)
    SELECT *, $5::timestamptz FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[])
    RETURNING employee_id
)
INSERT INTO presence (employee_id) SELECT employee_id FROM added
"""


async def add_employees(connection: Connection, employees: Sequence[Employee], hired_at: datetime) -> None:
    """Active employees, who are out until their first punch. Boards that are already watched aren't told.

    Their names are no part of this: `personal.keep` has them, encrypted.
    """
    await connection.execute(
        ADD_EMPLOYEES,
        [employee.employee_id for employee in employees],
        [employee.employee_number for employee in employees],
        [employee.site_id for employee in employees],
        [employee.department_id for employee in employees],
        hired_at,
    )


ASSIGN_BADGES = """
INSERT INTO badges (badge_hash, employee_id, assigned_at)
SELECT badge_hash, employee_id, $3 FROM unnest($1::bytea[], $2::uuid[]) AS b (badge_hash, employee_id)
"""


async def assign_badges(connection: Connection, badges: Sequence[tuple[bytes, UUID]], assigned_at: datetime) -> None:
    """(keyed hash, employee) of badges that are theirs from `assigned_at` on."""
    await connection.execute(
        ASSIGN_BADGES, [badge_hash for badge_hash, _ in badges], [holder for _, holder in badges], assigned_at
    )


SET_PINS = """
INSERT INTO employee_pins (employee_id, pin_hash) SELECT * FROM unnest($1::uuid[], $2::text[])
ON CONFLICT (employee_id) DO UPDATE SET pin_hash = excluded.pin_hash, set_at = now()
"""


async def set_pins(connection: Connection, pins: Sequence[tuple[UUID, str]]) -> None:
    """(employee, argon2id hash) of new PINs."""
    await connection.execute(SET_PINS, [holder for holder, _ in pins], [pin_hash for _, pin_hash in pins])


ADD_DEVICES = """
INSERT INTO devices (device_id, site_id, name, public_key, status)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[])
"""


async def add_devices(connection: Connection, devices: Sequence[Device]) -> None:
    await connection.execute(
        ADD_DEVICES,
        [device.device_id for device in devices],
        [device.site_id for device in devices],
        [device.name for device in devices],
        [device.public_key for device in devices],
        [device.status for device in devices],
    )
