"""A hub's directory on a real PostgreSQL: what changed is read, in the order of names, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from server.secrets.local import LocalSecrets, open_key_file
from server.services import directory as module
from server.services.directory import Directory
from server.services.person_seal import Personal, seal_new
from storage.bootstrap import DatabaseDsns
from storage.models import Employee, EmployeeRow
from storage.postgres import Connection, Database
from storage.repositories import people, personal
from tests.builders import Company, a_company, add_people, enrol

pytestmark = pytest.mark.integration


@dataclass
class Book:
    """A directory that was read, and its database's owner."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    directory: Directory
    company: Company
    secrets: LocalSecrets
    reads: list[int] = field(default_factory=list)
    ahead: timedelta = timedelta()

    async def version(self) -> int:
        return await people.directory_version(self.owner)

    async def look(self) -> None:
        await self.directory.read(await self.version())

    async def rename(self, employee: Employee, name: str) -> None:
        sealed = seal_new(self.secrets, employee.employee_id, Personal(display_name=name))
        await personal.keep(self.owner, [sealed])

    def names(self, query: str | None = None) -> list[str]:
        return [employee.display_name for employee in self.directory.by_name(query)]


@pytest.fixture
async def book(database_dsns: DatabaseDsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Book]:
    owner = await asyncpg.connect(database_dsns.migrator)
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=2)
    company = a_company(sites=2, people=3)
    secrets = open_key_file(tmp_path / "keys.json")
    await enrol(owner, secrets, company)
    made = Book(owner, Directory(database, secrets, lambda: datetime.now(UTC) + made.ahead), company, secrets)
    changed = people.changed_employees

    async def counted(connection: Connection, version: int, also: Sequence[UUID]) -> list[EmployeeRow]:
        found = await changed(connection, version, also)
        made.reads.append(len(found))
        return found

    monkeypatch.setattr(people, "changed_employees", counted)
    await made.look()
    yield made
    await database.close()
    await owner.close()


async def test_only_who_changed_is_read_and_stands_in_the_order_of_names(book: Book) -> None:
    first, second, *_ = book.company.employees
    await book.rename(first, "Zoe")
    new = Employee(uuid4(), "900", "Íñigo", first.site_id, first.department_id, active=True, badges=0)
    await add_people(book.owner, book.secrets, [new])
    await book.owner.execute("UPDATE badges SET revoked_at = now() WHERE employee_id = $1", second.employee_id)
    await book.look()
    assert book.reads == [3]
    assert book.names() == ["Íñigo", *[f"Person {number}" for number in range(2, 7)], "Zoe"]
    assert book.names("inigo 900") == ["Íñigo"]
    assert not book.names("person 1")
    assert book.directory.employees[second.employee_id].badges == 0
    after = book.directory.position(book.directory.employees[new.employee_id])
    assert next(one.display_name for one in book.directory.by_name(after=after)) == "Person 2"
    await book.look()
    assert book.reads == [3], "nothing changed: nothing is read"


async def test_many_changes_give_the_same_order_as_a_fresh_reading(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PLACED_AT_ONCE", 2)
    await book.owner.execute("UPDATE employees SET display_name = reverse(display_name) || employee_number")
    await book.look()
    assert book.reads == [6]
    merged = book.names()
    book.directory.forget()
    await book.look()
    assert book.names() == merged
    assert book.reads == [6], "all was read afresh"


async def test_what_a_version_brought_is_reached_and_an_older_one_changes_nothing(book: Book) -> None:
    known = book.directory.version
    await book.owner.execute("UPDATE employees SET display_name = 'Zoe'")
    await book.directory.reach(known)
    assert "Zoe" not in book.names()
    await book.directory.reach(await book.version())
    assert set(book.names()) == {"Zoe"}
    await book.directory.reach(known)
    assert book.directory.version == await book.version()


async def test_a_version_below_ours_is_a_restored_database_and_all_is_read(book: Book) -> None:
    await book.owner.execute("ALTER TABLE employees DISABLE TRIGGER USER")
    await book.owner.execute("UPDATE employees SET display_name = 'Restored'")
    await book.directory.read(book.directory.version - 1)
    assert set(book.names()) == {"Restored"}


async def test_who_had_a_temporary_badge_is_read_again_when_it_ends(book: Book) -> None:
    holder = book.company.employees[0]
    await book.owner.execute(
        "UPDATE badges SET valid_until = now() + interval '0.2 s' WHERE employee_id = $1", holder.employee_id
    )
    await book.look()
    assert book.directory.employees[holder.employee_id].badges == 1
    book.reads.clear()
    book.ahead = timedelta(hours=1)  # a hub's clock may be ahead: who isn't over yet is looked at again
    async with asyncio.timeout(20):
        while book.directory.employees[holder.employee_id].badges:
            await asyncio.sleep(0.05)
            await book.look()
    assert set(book.reads) == {1}
    book.reads.clear()
    await book.look()
    assert not book.reads, "once is enough"
