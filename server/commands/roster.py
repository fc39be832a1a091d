"""Commands about people, badges, PINs and places: from message to service to reply."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

from msgspec import structs

from protocol.base import Reply
from protocol.errors import ErrorCode
from protocol.roster import (
    BadgeAssign,
    BadgeItem,
    BadgeLastUnknown,
    BadgeLastUnknownResult,
    BadgeList,
    BadgeListResult,
    BadgeRevoke,
    DepartmentCreate,
    DepartmentUpdate,
    EmployeeCreate,
    EmployeeDeactivate,
    EmployeeErase,
    EmployeeImport,
    EmployeeImported,
    EmployeeRehire,
    EmployeeUpdate,
    PinReset,
    PinSet,
    RosterCommand,
    SiteCreate,
    SiteItem,
    SiteList,
    SiteListResult,
    SiteUpdate,
)
from protocol.values import BadgeEnd, format_time
from server.commands.actor import actor_of
from server.commands.cursors import make_cursor, read_cursor
from server.commands.people import sees
from server.errors import Refused
from server.hub.connection import Connection
from server.services.directory import Position, fold
from storage.repositories.roster import HeldBadge

LINES_IN_A_PART: Final = 1_000
"""Of an import's report: far below the size of a frame, however long a problem's text is."""
_BadgePosition: Final = tuple[datetime, UUID]


async def handle(connection: Connection, command: RosterCommand) -> Reply | None:  # noqa: C901, PLR0911, PLR0912 - one line a command
    """Answer a permitted command of this family."""
    actor, context = actor_of(connection, command), connection.context
    match command:
        case EmployeeCreate():
            return await context.roster.create(actor, command)
        case EmployeeUpdate():
            return await context.roster.update(actor, command)
        case EmployeeDeactivate():
            return await context.roster.deactivate(actor, command)
        case EmployeeRehire():
            return await context.roster.rehire(actor, command)
        case EmployeeErase():
            return await context.erasure.erase(actor, command)
        case EmployeeImport():
            return await import_people(connection, command)
        case BadgeList():
            return await list_badges(connection, command)
        case BadgeAssign():
            return await context.badges.assign(actor, command)
        case BadgeRevoke():
            return await context.badges.revoke(actor, command)
        case BadgeLastUnknown():
            return await last_unknown_badge(connection, command)
        case PinSet():
            return await context.badges.set_pin(actor, command)
        case PinReset():
            return await context.badges.reset_pin(actor, command)
        case SiteList():
            return list_sites(connection, command)
        case SiteCreate():
            return await context.places.create_site(actor, command)
        case SiteUpdate():
            return await context.places.update_site(actor, command)
        case DepartmentCreate():
            return await context.places.create_department(actor, command)
        case DepartmentUpdate():
            return await context.places.update_department(actor, command)
        case _:
            assert_never(command)


async def import_people(connection: Connection, command: EmployeeImport) -> EmployeeImported:
    """One part more, or with the last one the report, itself in parts."""
    service, upload = connection.context.people_import, connection.upload
    connection.upload = None  # what was begun ends with a part that doesn't fit
    upload = service.collect(upload, command)
    if not command.last:
        connection.upload = upload
        return EmployeeImported(re=command.id, done=False, created=0, updated=0, unchanged=0, faults=0, lines=[])
    report = await service.run(actor_of(connection, command), command, upload)
    lines = report.lines
    while len(lines) > LINES_IN_A_PART:
        connection.send(structs.replace(report, lines=lines[:LINES_IN_A_PART], last=False))
        lines = lines[LINES_IN_A_PART:]
    return structs.replace(report, lines=lines)


def list_sites(connection: Connection, command: SiteList) -> SiteListResult:
    """Sites in scope by name, a page at a time."""
    context, scope = connection.context, connection.caller.scope
    sites = context.directory.sites
    matching = sorted((fold(site.name), site_id) for site_id, site in sites.items() if scope.allows_site(site_id))
    start = 0
    if command.cursor is not None:
        position: Position = read_cursor(context.secrets, "site", command.cursor, Position)
        start = bisect_right(matching, position)
    page = matching[start : start + command.limit]
    more = start + command.limit < len(matching)
    return SiteListResult(
        re=command.id,
        items=[
            SiteItem(site_id=site_id, name=sites[site_id].name, time_zone=sites[site_id].time_zone)
            for _, site_id in page
        ],
        next_cursor=make_cursor(context.secrets, "site", page[-1]) if more else None,
    )


async def list_badges(connection: Connection, command: BadgeList) -> BadgeListResult:
    """A person's badges, newest first; that someone looked is audited."""
    context = connection.context
    employee = context.directory.employees.get(command.employee_id)
    if employee is None or not sees(connection.caller.scope, employee):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    after: tuple[datetime, UUID] | None = None
    if command.cursor is not None:
        after = read_cursor(context.secrets, "badge", command.cursor, _BadgePosition)
    found = await context.badges.page(actor_of(connection, command), command.employee_id, after, command.limit + 1)
    page = found[: command.limit]
    more = len(found) > command.limit
    return BadgeListResult(
        re=command.id,
        items=[_badge(badge) for badge in page],
        next_cursor=make_cursor(context.secrets, "badge", (page[-1].assigned_at, page[-1].badge_id)) if more else None,
    )


async def last_unknown_badge(connection: Connection, command: BadgeLastUnknown) -> BadgeLastUnknownResult:
    """All null where none is kept."""
    kept = await connection.context.badges.last_unknown(actor_of(connection, command), command.device_id)
    if kept is None:
        return BadgeLastUnknownResult(re=command.id, badge=None, punch_id=None, seen_at=None)
    seen, badge = kept
    return BadgeLastUnknownResult(re=command.id, badge=badge, punch_id=seen.punch_id, seen_at=format_time(seen.seen_at))


def _badge(badge: HeldBadge) -> BadgeItem:
    return BadgeItem(
        badge_id=badge.badge_id,
        assigned_at=format_time(badge.assigned_at),
        valid_until=_time(badge.valid_until),
        revoked_at=_time(badge.revoked_at),
        revoked_reason=None if badge.revoked_reason is None else BadgeEnd(badge.revoked_reason),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
