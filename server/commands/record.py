"""Commands that read the record."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from protocol.commands import PunchList
from protocol.errors import ErrorCode
from protocol.replies import PunchItem, PunchListResult
from protocol.values import Role, format_time, parse_time
from server.commands.actor import actor_of
from server.commands.cursors import make_cursor, read_cursor
from server.commands.people import sees
from server.commands.presence import site_feed
from server.errors import Refused
from server.hub.caller import Someone
from server.hub.connection import Connection
from storage.models import StoredPunch
from storage.repositories import punches
from storage.repositories.punches import ListPosition


async def list_punches(connection: Connection, command: PunchList) -> PunchListResult:
    """Punches newest first; a scope goes by the site where they were made, and by department.

    That someone asked for another person's stands in the audit before they are told.
    """
    context, scope = connection.context, connection.caller.scope
    employee_id = await _asked_employee(connection, command)
    site_ids = None if scope.site_ids is None or _is_own(connection) else list(scope.site_ids)
    if command.site_id is not None:
        site_ids = [(await site_feed(connection, command.site_id)).site_id]
    within = None
    if scope.department_ids is not None and not _is_own(connection):
        within = [
            employee.employee_id
            for employee in context.directory.employees.values()
            if scope.allows_department(employee.department_id)
        ]
    after: ListPosition | None = None
    if command.cursor is not None:
        position: ListPosition = read_cursor(context.secrets, "punch", command.cursor, ListPosition)
        after = position
    # A connection of its own, given back before the next is taken: callers that each hold one and wait for a second
    # would keep all of them from each other, and from the punches.
    if command.device_id is not None:
        await _check_device(connection, command.device_id)
    if command.employee_id is not None and not _is_own(connection):
        actor = actor_of(connection, command)
        subject = f"employee:{command.employee_id}"
        await context.acts.read(actor, "punches.read", subject, employee_id=command.employee_id)
    async with context.database.connection() as database:
        found = await punches.list_punches(
            database,
            site_ids=site_ids,
            employee_id=employee_id,
            device_id=command.device_id,
            since=None if command.from_ is None else parse_time(command.from_),
            until=None if command.until is None else parse_time(command.until),
            outcome=command.outcome,
            within_employees=within,
            after=after,
            limit=command.limit + 1,
        )
    page = found[: command.limit]
    more = len(found) > command.limit
    return PunchListResult(
        re=command.id,
        items=[_item(connection, punch) for punch in page],
        next_cursor=make_cursor(context.secrets, "punch", _position(page[-1])) if more else None,
    )


def _is_own(connection: Connection) -> bool:
    return connection.caller.role is Role.EMPLOYEE


async def _asked_employee(connection: Connection, command: PunchList) -> UUID | None:
    """Whose punches are asked for: an employee's own, whoever is named otherwise must be in scope."""
    caller = connection.caller
    if _is_own(connection) and isinstance(caller, Someone):
        own = caller.session.employee_id
        if own is None or command.employee_id not in (None, own):
            raise Refused(ErrorCode.NOT_FOUND, "employee")
        return own
    if command.employee_id is None:
        return None
    employee = connection.context.directory.employees.get(command.employee_id)
    if employee is None or not sees(caller.scope, employee):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    return command.employee_id


async def _check_device(connection: Connection, device_id: UUID) -> None:
    device = await connection.context.kiosks.find(device_id)
    allowed = device is not None and (_is_own(connection) or connection.caller.scope.allows_site(device.site_id))
    if not allowed:
        raise Refused(ErrorCode.NOT_FOUND, "device")


def _item(connection: Connection, punch: StoredPunch) -> PunchItem:
    name = None if punch.employee_id is None else connection.context.directory.name(punch.employee_id)
    return PunchItem(
        punch_id=punch.punch_id,
        device_id=punch.device_id,
        site_id=punch.site_id,
        log_id=punch.log_id,
        seq=punch.seq,
        employee_id=punch.employee_id,
        display_name=name,
        kind=punch.kind,
        outcome=punch.outcome,
        reason=punch.reason,
        occurred_at=None if punch.occurred_at is None else format_time(punch.occurred_at),
        recorded_at=format_time(punch.recorded_at),
        captured=punch.captured,
    )


def _position(punch: StoredPunch) -> tuple[datetime, UUID, UUID, UUID, int]:
    happened_at = punch.occurred_at or punch.recorded_at
    return happened_at, punch.punch_id, punch.device_id, punch.log_id, punch.seq
