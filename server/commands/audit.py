"""`audit.list`: what was done by whom."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from protocol.accounts import AuditItem, AuditList, AuditListResult
from protocol.errors import ErrorCode
from protocol.values import format_time, parse_time
from server.commands.cursors import make_cursor, read_cursor
from server.commands.people import sees
from server.errors import Refused
from server.hub.connection import Connection
from server.secrets.provider import SecretsProvider
from server.services.acts import Actor
from server.services.person_seal import is_sealed, shown
from storage.models import SealedPerson
from storage.repositories import audit, personal
from storage.repositories.audit import Asked, Entry, EntryPosition

_NOBODY: Final = UUID(int=0)


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
        ids = {one.employee_id for one in page if is_sealed(one.before) or is_sealed(one.after)}
        kept = await personal.find(database, [employee_id for employee_id in ids if employee_id is not None])
    more = len(found) > command.limit
    return AuditListResult(
        re=command.id,
        items=[_item(context.secrets, entry, kept.get(entry.employee_id or _NOBODY)) for entry in page],
        next_cursor=make_cursor(context.secrets, "audit", (page[-1].at, page[-1].audit_id)) if more else None,
    )


async def _read_of(connection: Connection, actor: Actor, employee_id: UUID) -> None:
    employee = connection.context.directory.employees.get(employee_id)
    if employee is None or not sees(actor.scope, employee):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    await connection.context.acts.read(actor, "audit.read", f"employee:{employee_id}", employee_id=employee_id)


def _item(secrets: SecretsProvider, entry: Entry, kept: SealedPerson | None) -> AuditItem:
    before, after = (shown(secrets, kept, fields) for fields in (entry.before, entry.after))
    return AuditItem(
        audit_id=entry.audit_id,
        at=format_time(entry.at),
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=entry.subject,
        employee_id=entry.employee_id,
        before=before,
        after=after,
        address=entry.address,
        request_id=entry.request_id,
    )
