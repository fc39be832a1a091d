"""Who and what people mean when they type a name, a number or an id, and what things are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from kiosk.admin.asking import Asker
from kiosk.admin.faults import CommandRefused, NotFound
from protocol.accounts import AccountItem, AccountList, AccountListResult
from protocol.commands import DepartmentList, EmployeeGet, EmployeeList, PresenceUnwatch, PresenceWatch
from protocol.devices import DeviceItem, DeviceList, DeviceListResult
from protocol.errors import ErrorCode
from protocol.replies import (
    DepartmentItem,
    DepartmentListResult,
    EmployeeGetResult,
    EmployeeItem,
    EmployeeListResult,
    PresenceState,
    PresenceUnwatched,
)
from protocol.roster import SiteItem, SiteList, SiteListResult

_T = TypeVar("_T")
_LONGEST_QUERY: Final = 100


@dataclass(frozen=True)
class Named:
    """Something that was found, and how to call it before a person."""

    id: UUID
    label: str


async def all_sites(desk: Asker) -> list[SiteItem]:
    """Every site in scope. Who may not list them has them from the boards that they may watch."""
    try:
        return await desk.items(SiteList, SiteListResult)
    except CommandRefused as refused:
        if refused.error.code is not ErrorCode.FORBIDDEN:
            raise
    boards = {
        board.site_id: SiteItem(site_id=board.site_id, name=board.name, time_zone=board.time_zone)
        for part in await desk.ask_parts(PresenceWatch, PresenceState)
        for board in part.sites
    }
    await desk.ask(PresenceUnwatch, PresenceUnwatched)
    return list(boards.values())


async def site_named(desk: Asker, named: str) -> SiteItem:
    """By id or by name (its beginning is enough where that names one site). Raises NotFound."""
    sites = await all_sites(desk)
    wanted = named.casefold()
    for matches in (
        [site for site in sites if wanted in {str(site.site_id), site.name.casefold()}],
        [site for site in sites if site.name.casefold().startswith(wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
    names = ", ".join(sorted(site.name for site in sites)) or "–"
    raise NotFound("no single site is called {name}: {names}", name=named, names=names)


async def site_id(desk: Asker, named: str | None) -> UUID | None:
    return None if named is None else _uuid(named) or (await site_named(desk, named)).site_id


async def department_named(desk: Asker, named: str, site: UUID | None) -> UUID:
    """By id, or by name at a site (None: where it is called so at one site alone). Raises NotFound."""
    if (known := _uuid(named)) is not None:
        return known
    wanted = named.casefold()
    found: list[DepartmentItem] = [
        item
        for item in await desk.items(DepartmentList, DepartmentListResult)
        if item.name.casefold() == wanted and site in {None, item.site_id}
    ]
    if len(found) > 1:
        raise NotFound("several sites have a department called {name}: say which with --site", name=named)
    if not found:
        raise NotFound("no department is called {name} there", name=named)
    return found[0].department_id


async def employee_named(desk: Asker, named: str) -> Named:
    """By id, or by the exact employee number. Raises NotFound."""
    if (known := _uuid(named)) is not None:
        return Named(known, named)
    async for page in desk.pages(partial(EmployeeList, query=named[:_LONGEST_QUERY]), EmployeeListResult):
        item: EmployeeItem
        for item in page:
            if item.employee_number == named:
                return Named(item.employee_id, f"{item.employee_number}, {item.display_name}")
    raise NotFound("no employee has the number {number}", number=named)


async def with_name(desk: Asker, employee: Named) -> Named:
    """The same person, called by number and name before a question."""
    if _uuid(employee.label) is None:
        return employee
    found = await desk.ask(partial(EmployeeGet, employee_id=employee.id), EmployeeGetResult)
    return Named(employee.id, f"{found.employee_number}, {found.display_name}")


async def employee_id(desk: Asker, named: str | None) -> UUID | None:
    return None if named is None else (await employee_named(desk, named)).id


async def device_named(desk: Asker, named: str) -> DeviceItem:
    """By id, or by its whole name; retired ones count only where no other has the name. Raises NotFound."""
    known = _uuid(named)
    command = DeviceList if known else partial(DeviceList, query=named[:_LONGEST_QUERY])
    found: list[DeviceItem] = [
        item
        for item in await desk.items(command, DeviceListResult)
        if (item.device_id == known if known else item.name.casefold() == named.casefold())
    ]
    working = [item for item in found if not item.retired]
    return _only(working or found, named, lambda item: item.device_id)


async def account_named(desk: Asker, named: str) -> AccountItem:
    """By id or by user name. Raises NotFound."""
    known = _uuid(named)
    command = AccountList if known else partial(AccountList, query=named[:_LONGEST_QUERY])
    found: list[AccountItem] = [
        item
        for item in await desk.items(command, AccountListResult)
        if (item.account_id == known if known else item.username.casefold() == named.casefold())
    ]
    return _only(found, named, lambda item: item.account_id)


@dataclass(frozen=True)
class Names:
    """What sites and departments are called, for tables; an id that isn't known stays one."""

    sites: dict[UUID, str]
    departments: dict[UUID, str]

    def site(self, site: UUID | None) -> str | None:
        return None if site is None else self.sites.get(site, str(site))

    def department(self, department: UUID | None) -> str | None:
        return None if department is None else self.departments.get(department, str(department))

    def all_of(self, sites: Sequence[UUID] | None) -> str | None:
        return None if sites is None else ", ".join(sorted(str(self.site(each)) for each in sites))


async def all_names(desk: Asker, *, departments: bool = True) -> Names:
    """The names of what is in scope."""
    sites = {site.site_id: site.name for site in await all_sites(desk)}
    if not departments:
        return Names(sites, {})
    try:
        items: list[DepartmentItem] = await desk.items(DepartmentList, DepartmentListResult)
    except CommandRefused as refused:
        if refused.error.code is not ErrorCode.FORBIDDEN:
            raise
        items = []
    return Names(sites, {item.department_id: item.name for item in items})


def _only(found: Sequence[_T], named: str, id_of: Callable[[_T], UUID]) -> _T:
    if len(found) > 1:
        ids = ", ".join(str(id_of(item)) for item in found)
        raise NotFound("several are called {name}: {ids}", name=named, ids=ids)
    if not found:
        raise NotFound("nothing in scope is called {name}", name=named)
    return found[0]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
