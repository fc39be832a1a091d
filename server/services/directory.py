"""Who and where, in the memory of each hub: names for boards, search and answers without a query.

Read again whenever the version in PostgreSQL is another, which the hub looks at once a second.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterable
from uuid import UUID
from zoneinfo import ZoneInfo

from storage.models import Department, Employee, Site
from storage.postgres import Database
from storage.repositories import people

Position = tuple[str, UUID]
"""A name without case and accents, and an id where names are alike."""


class Directory:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Lock()
        self.version = 0
        self.sites: dict[UUID, Site] = {}
        self.departments: dict[UUID, Department] = {}
        self.employees: dict[UUID, Employee] = {}
        self._positions: dict[UUID, Position] = {}
        self._searchable: dict[UUID, str] = {}

    async def read(self, version: int) -> None:
        """Read everything, unless `version` is already here. Raises StorageError."""
        async with self._reading:
            if version == self.version:  # a lower one is news as well: a database that was restored
                return
            async with self._database.transaction(snapshot=True) as connection:
                sites = await people.sites(connection)
                departments = await people.departments(connection)
                employees = await people.employees(connection)
            self.sites = {site.site_id: site for site in sites}
            self.departments = {department.department_id: department for department in departments}
            self._positions = {
                employee.employee_id: (fold(employee.display_name), employee.employee_id) for employee in employees
            }
            employees.sort(key=self.position)
            self.employees = {employee.employee_id: employee for employee in employees}
            self._searchable = {
                employee.employee_id: f"{fold(employee.display_name)} {fold(employee.employee_number)}"
                for employee in employees
            }
            self.version = version

    def position(self, employee: Employee) -> Position:
        """Where a person stands in the order of names, in which `employees` and `search` give them."""
        return self._positions[employee.employee_id]

    def name(self, employee_id: UUID) -> str:
        """A person's name; empty for someone made within the last second."""
        employee = self.employees.get(employee_id)
        return "" if employee is None else employee.display_name

    def zone(self, site_id: UUID) -> ZoneInfo:
        return ZoneInfo(self.sites[site_id].time_zone)

    def search(self, query: str) -> Iterable[Employee]:
        """People whose name or number holds every word of `query`, whatever its case and accents."""
        words = fold(query).split()
        for employee_id, text in self._searchable.items():
            if all(word in text for word in words):
                yield self.employees[employee_id]


def fold(text: str) -> str:
    """Text without case and accents: `Íñigo` is found by `inigo`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
