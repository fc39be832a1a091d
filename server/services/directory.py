"""Who and where, in the memory of each hub: names for boards, search and answers without a query.

Names are decrypted as they are read, and are in the clear in memory alone.
What changed is read again whenever the version in PostgreSQL is another, which the hub looks at once a second, and at
once after its own acts. A temporary badge ends by itself, without a version: its holder is read again then.
"""

from __future__ import annotations

import asyncio
import unicodedata
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from server.secrets.provider import BlobBroken, SecretsProvider, SecretsUnavailable
from server.services.person_seal import personal_of
from storage.models import Department, Employee, EmployeeRow, Site
from storage.postgres import Connection, Database
from storage.repositories import people

Position = tuple[str, UUID]
"""A name without case and accents, and an id where names are alike."""

_PLACED_AT_ONCE: Final = 500
"""People put in their place in the loop itself; more are put in order by a thread, a second's work for a large firm."""
_OPENED_AT_ONCE: Final = 100
"""People whose data is decrypted in the loop itself: a millisecond or two."""
_log = structlog.get_logger()


class Directory:
    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._reading = asyncio.Lock()
        self.version = 0
        self.sites: dict[UUID, Site] = {}
        self.departments: dict[UUID, Department] = {}
        self.employees: dict[UUID, Employee] = {}
        self._order: list[Position] = []
        self._positions: dict[UUID, Position] = {}
        self._searchable: dict[UUID, str] = {}
        self._expiries: dict[UUID, datetime] = {}
        self._unopened: set[UUID] = set()

    async def read(self, version: int) -> None:
        """Come to what PostgreSQL has, where `version`, as just read there, is another. Raises StorageError."""
        async with self._reading:
            if version < self.version:  # a database that was restored
                self.version = 0
            if version != self.version or self._expired() or self._unopened:
                await self._read(version)

    async def reach(self, version: int) -> None:
        """Know what was committed with `version`, however long ago that is. Raises StorageError."""
        async with self._reading:
            if version > self.version:
                await self._read(version)

    def forget(self) -> None:
        """Versions count anew: all is to be read again."""
        self.version = 0

    async def _read(self, version: int) -> None:
        whole = self.version == 0
        async with self._database.transaction(snapshot=True) as connection:
            sites = await people.sites(connection)
            departments = await people.departments(connection)
            rows = await self._rows(connection, whole=whole)
            expiries = await people.temporary_badges(connection)
        employees = self._open(rows) if len(rows) <= _OPENED_AT_ONCE else await asyncio.to_thread(self._open, rows)
        if whole:
            await self._replace(employees)
        else:
            await self._merge(employees)
        self.sites = {site.site_id: site for site in sites}
        self.departments = {department.department_id: department for department in departments}
        self._expiries = expiries
        self.version = version

    async def _rows(self, connection: Connection, *, whole: bool) -> list[EmployeeRow]:
        if whole:
            return await people.employees(connection)
        return await people.changed_employees(connection, self.version, [*self._expired(), *self._unopened])

    def _open(self, rows: Sequence[EmployeeRow]) -> list[Employee]:
        """People with their names; whose doesn't open now keeps the one that is known, and is read again soon."""
        broken, opened = 0, []
        for row in rows:
            known = self.employees.get(row.employee_id)
            name = "" if known is None else known.display_name
            self._unopened.discard(row.employee_id)
            try:
                name = personal_of(self._secrets, row.kept, row.clear_name).display_name
            except SecretsUnavailable:
                self._unopened.add(row.employee_id)
            except BlobBroken:
                name, broken = "", broken + 1
            opened.append(
                Employee(
                    row.employee_id,
                    row.employee_number,
                    name,
                    row.site_id,
                    row.department_id,
                    active=row.active,
                    badges=row.badges,
                )
            )
        if broken:
            _log.error("people's data does not open: under another key, or damaged", count=broken)
        return opened

    def _expired(self) -> list[UUID]:
        """Whose temporary badge ended since they were read."""
        now = self._clock()
        return [employee_id for employee_id, moment in self._expiries.items() if moment <= now]

    async def _replace(self, employees: Sequence[Employee]) -> None:
        def build() -> tuple[dict[UUID, Employee], dict[UUID, Position], list[Position], dict[UUID, str]]:
            known = {employee.employee_id: employee for employee in employees}
            positions = {employee_id: _position(employee) for employee_id, employee in known.items()}
            texts = {employee_id: _searchable(employee) for employee_id, employee in known.items()}
            return known, positions, sorted(positions.values()), texts

        built = build() if len(employees) <= _PLACED_AT_ONCE else await asyncio.to_thread(build)
        self.employees, self._positions, self._order, self._searchable = built

    async def _merge(self, changed: Sequence[Employee]) -> None:
        if len(changed) > _PLACED_AT_ONCE:
            await self._replace([*self.employees.values(), *changed])  # of two with one id the latter counts
            return
        for employee in changed:
            place = _position(employee)
            former = self._positions.get(employee.employee_id)
            if former != place:
                if former is not None:
                    del self._order[bisect_left(self._order, former)]
                insort(self._order, place)
                self._positions[employee.employee_id] = place
            self._searchable[employee.employee_id] = _searchable(employee)
            self.employees[employee.employee_id] = employee

    def position(self, employee: Employee) -> Position:
        """Where a person stands in the order of names, in which `by_name` gives them."""
        return self._positions[employee.employee_id]

    def by_name(self, query: str | None = None, after: Position | None = None) -> Iterator[Employee]:
        """People by name behind `after`; with `query`, whose name or number holds every word, whatever its case and
        accents.
        """
        words = fold(query or "").split()
        start = 0 if after is None else bisect_right(self._order, after)
        for place in range(start, len(self._order)):
            _, employee_id = self._order[place]
            text = self._searchable[employee_id]
            if all(word in text for word in words):
                yield self.employees[employee_id]

    def name(self, employee_id: UUID) -> str:
        """A person's name; empty for someone made within the last second."""
        employee = self.employees.get(employee_id)
        return "" if employee is None else employee.display_name

    def knows(self, employee_ids: Iterable[UUID]) -> bool:
        """Whether all of these were read already."""
        return all(employee_id in self.employees for employee_id in employee_ids)

    def zone(self, site_id: UUID) -> ZoneInfo:
        return ZoneInfo(self.sites[site_id].time_zone)


def _position(employee: Employee) -> Position:
    return fold(employee.display_name), employee.employee_id


def _searchable(employee: Employee) -> str:
    return f"{fold(employee.display_name)} {fold(employee.employee_number)}"


def fold(text: str) -> str:
    """Text without case and accents: `Íñigo` is found by `inigo`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
