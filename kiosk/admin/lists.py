"""Commands that ask once and print: lists page by page, one employee, a roll call, the hub's status."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import structs

from kiosk.admin.boards import Board, Boards
from kiosk.admin.faults import NotFound
from kiosk.admin.hub_link import HubLink
from kiosk.admin.output import Output, local_time, status_of, zone_of
from kiosk.link.session import Replied
from protocol.commands import (
    DepartmentList,
    EmployeeGet,
    EmployeeList,
    HubStatus,
    PresenceUnwatch,
    PresenceWatch,
    PunchList,
    RollcallGet,
)
from protocol.replies import (
    DepartmentListResult,
    EmployeeGetResult,
    EmployeeListResult,
    HubStatusResult,
    PresenceState,
    PresenceUnwatched,
    PunchItem,
    PunchListResult,
    RollcallResult,
)
from protocol.values import format_time

PAGE: Final = 500
_Listing = TypeVar("_Listing", EmployeeListResult, DepartmentListResult, PunchListResult)


async def employee_list(link: HubLink, options: argparse.Namespace, output: Output) -> None:
    command = partial(
        EmployeeList,
        site_id=options.site,
        department_id=options.department,
        query=options.query,
        active=None if options.all else True,
    )
    columns = {"employee_number": "number", "display_name": "name", "active": "active", "badges": "badges"}
    columns |= {"department_id": "department", "employee_id": "id"}
    items = [item async for page in _pages(link, command, EmployeeListResult, options.limit) for item in page]
    output.items(columns, items)


async def employee_get(link: HubLink, options: argparse.Namespace, output: Output) -> None:
    employee_id = await _employee(link, options.employee)
    output.details(await link.ask(partial(EmployeeGet, employee_id=employee_id), EmployeeGetResult))


async def department_list(link: HubLink, options: argparse.Namespace, output: Output) -> None:
    columns = {"name": "name", "department_id": "id", "site_id": "site"}
    pages = _pages(link, DepartmentList, DepartmentListResult, options.limit)
    output.items(columns, [item async for page in pages for item in page])


async def punch_list(link: HubLink, options: argparse.Namespace, output: Output) -> None:
    employee_id = None if options.employee is None else await _employee(link, options.employee)
    command = partial(
        PunchList,
        site_id=options.site,
        employee_id=employee_id,
        device_id=options.device,
        from_=_wire(options.since),
        until=_wire(options.until),
        outcome=options.outcome,
    )
    items = [item async for page in _pages(link, command, PunchListResult, options.limit) for item in page]
    if output.as_json:
        output.items({}, items)
        return
    headings = ("when", "name", "kind", "outcome", "reason", "captured", "punch")
    output.table(headings, [_punch_cells(item, output) for item in items])


async def rollcall(link: HubLink, options: argparse.Namespace, output: Output) -> None:
    board = await site_named(link, options.site)
    zone = zone_of(board.time_zone)
    found = await link.ask(partial(RollcallGet, site_id=board.site_id), RollcallResult)
    while not found.last:
        match await link.next_event():
            case Replied(reply=RollcallResult() as part):
                found = structs.replace(part, inside=found.inside + part.inside)
            case _:
                pass
    if output.as_json:
        output.record(found)
        return
    output.line(f"{board.name}: {len(found.inside)} inside as of {local_time(found.as_of, zone)}")
    output.line(f"complete to {local_time(found.complete_to, zone)}")
    if found.silent_devices:
        output.line("silent terminals: " + ", ".join(device.name for device in found.silent_devices))
    rows = [
        [status_of(person), output.cell(person.display_name), local_time(person.since, zone, seconds=False)]
        for person in sorted(found.inside, key=lambda person: person.display_name)
    ]
    output.table(("status", "name", "since"), rows)


async def hub_status(link: HubLink, options: argparse.Namespace, output: Output) -> None:  # noqa: ARG001 - as all
    output.details(await link.ask(HubStatus, HubStatusResult))


async def _pages(
    link: HubLink, command: Callable[..., Any], answer: type[_Listing], limit: int | None
) -> AsyncIterator[list[Any]]:
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = await link.ask(partial(command, limit=size, cursor=cursor), answer)
        yield list(page.items)
        left = None if left is None else left - len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def _employee(link: HubLink, named: str) -> UUID:
    """By id, or by the exact employee number. Raises NotFound."""
    try:
        return UUID(named)
    except ValueError:
        pass
    async for page in _pages(link, partial(EmployeeList, query=named), EmployeeListResult, None):
        for item in page:
            if item.employee_number == named:
                return UUID(str(item.employee_id))
    raise NotFound(f"no employee has the number {named}")


async def site_named(link: HubLink, named: str) -> Board:
    """By id or by name (its beginning is enough where that names one site). Raises NotFound."""
    boards = Boards()
    part = await link.ask(PresenceWatch, PresenceState)
    boards.state(part)
    while not part.last:
        match await link.next_event():
            case Replied(reply=PresenceState() as part):
                boards.state(part)
            case _:
                pass
    await link.ask(PresenceUnwatch, PresenceUnwatched)
    sites = list(boards.by_site.values())
    wanted = named.casefold()
    for matches in (
        [site for site in sites if wanted in {str(site.site_id), site.name.casefold()}],
        [site for site in sites if site.name.casefold().startswith(wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
    raise NotFound(f"no single site is called {named!r}: {', '.join(sorted(site.name for site in sites))}")


def _punch_cells(item: PunchItem, output: Output) -> list[str]:
    return [
        local_time(item.occurred_at or item.recorded_at, None),
        output.cell(item.display_name),
        output.cell(item.kind),
        output.cell(item.outcome),
        output.cell(item.reason),
        output.cell(item.captured),
        output.cell(item.punch_id),
    ]


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
