"""`audit.list`: what was done by whom."""

from __future__ import annotations

from uuid import UUID

from protocol.accounts import AuditItem, AuditList, AuditListResult
from protocol.errors import ErrorCode
from protocol.values import format_time, parse_time
from server.commands.cursors import make_cursor, read_cursor
from server.commands.people import sees
from server.errors import Refused
from server.hub.connection import Connection
from server.services.acts import Actor
from storage.repositories import audit
from storage.repositories.audit import Asked, Entry, EntryPosition


async def list_audit(connection: Connection, command: AuditList, actor: Actor) -> AuditListResult:
    """Entries newest first, as far as the scope goes. With `employee_id` it is a look into someone's record."""
    context, scope = connection.context, actor.scope
    if command.employee_id is not None:
        await _read_of(connection, actor, command.employee_id)
    after: EntryPosition | None = None
    if command.cursor is not None:
        after = read_cursor(context.secrets, "audit", command.cursor, EntryPosition)
    async with context.database.connection() as database:
        found = await audit.list_entries(
            database,
            Asked(
                actor_id=command.actor_id,
                employee_id=command.employee_id,
                action=command.action,
                since=None if command.from_ is None else parse_time(command.from_),
                until=None if command.until is None else parse_time(command.until),
            ),
            site_ids=None if scope.site_ids is None else list(scope.site_ids),
            department_ids=None if scope.department_ids is None else list(scope.department_ids),
            account_id=actor.account_id,
            after=after,
            limit=command.limit + 1,
        )
    page = found[: command.limit]
    more = len(found) > command.limit
    return AuditListResult(
        re=command.id,
        items=[_item(entry) for entry in page],
        next_cursor=make_cursor(context.secrets, "audit", (page[-1].at, page[-1].audit_id)) if more else None,
    )


async def _read_of(connection: Connection, actor: Actor, employee_id: UUID) -> None:
    employee = connection.context.directory.employees.get(employee_id)
    if employee is None or not sees(actor.scope, employee):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    await connection.context.acts.read(actor, "audit.read", f"employee:{employee_id}", employee_id=employee_id)


def _item(entry: Entry) -> AuditItem:
    return AuditItem(
        audit_id=entry.audit_id,
        at=format_time(entry.at),
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=entry.subject,
        employee_id=entry.employee_id,
        before=entry.before,
        after=entry.after,
        address=entry.address,
        request_id=entry.request_id,
    )
