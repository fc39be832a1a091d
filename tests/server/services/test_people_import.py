"""Imports on a real PostgreSQL, as a hub's role runs them."""

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from protocol.errors import ErrorCode, Invalid
from protocol.roster import EmployeeImport, EmployeeImported
from protocol.values import Role
from server.errors import Refused
from server.rules.people_csv import Grammar
from server.rules.permissions import EVERYTHING, Scope
from server.secrets.local import open_key_file
from server.services.acts import Actor, Acts
from server.services.directory import Directory
from server.services.people_import import PeopleImport, Upload
from server.services.roster_acts import RosterActs
from storage.bootstrap import DatabaseDsns
from storage.models import SiteChanges
from storage.postgres import Database
from storage.repositories import accounts, presence
from tests.builders import Company, a_company, badge_of, enrol

pytestmark = pytest.mark.integration

LONGEST_TURN_SECONDS: Final = 0.1
"""Of the loop's own work between two turns, as the processor has it: some 0.03 s, and 0.15 s were it all done there."""


@dataclass
class Bell:
    """What boards were told."""

    rung: list[SiteChanges] = field(default_factory=list)

    def ring(self, batches: Sequence[SiteChanges]) -> None:
        self.rung += batches


@dataclass
class Office:
    """A company of two sites and three people each."""

    service: PeopleImport
    owner: "asyncpg.Connection[asyncpg.Record]"
    database: Database
    directory: Directory
    bell: Bell
    company: Company
    account_id: UUID

    def actor(self, scope: Scope = EVERYTHING) -> Actor:
        return Actor(name=f"account:{self.account_id}", scope=scope, account_id=self.account_id)

    async def bring(
        self, *lines: str, dry_run: bool = False, scope: Scope = EVERYTHING, key: UUID | None = None
    ) -> EmployeeImported:
        """Import a file of these lines under the header."""
        text = "\n".join(["number,name,site,department,badge", *lines])
        command = EmployeeImport(id=1, request_key=key or uuid4(), part=0, last=True, csv="", dry_run=dry_run)
        return await self.service.run(self.actor(scope), command, Upload(parts=[text]))

    async def count(self, table: str) -> int:
        found: int = await self.owner.fetchval(f"SELECT count(*) FROM {table}")
        return found

    def place(self, number: int) -> str:
        """The cells of a site and its department."""
        department = self.company.departments[number]
        site = next(one for one in self.company.sites if one.site_id == department.site_id)
        return f"{site.name},{department.name}"


@pytest.fixture
async def office(database_dsns: DatabaseDsns, tmp_path: Path) -> AsyncIterator[Office]:
    owner = await asyncpg.connect(database_dsns.migrator)
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    secrets, company = open_key_file(tmp_path / "keys.json"), a_company(sites=2, people=3)
    await enrol(owner, secrets, company)
    account = accounts.Account(account_id=uuid4(), username="admin", role=Role.ADMIN, password_hash="x")
    await accounts.add_account(owner, account)
    directory, bell = Directory(database, secrets), Bell()
    await directory.read(1)
    service = PeopleImport(
        database,
        secrets,
        RosterActs(database, Acts(database, secrets), directory, bell),
        Grammar(number=re.compile("[0-9]{1,10}"), badge=re.compile("[0-9A-Z]{8,20}")),
        max_rows=10_000,
        max_bytes=4_000_000,
    )
    yield Office(service, owner, database, directory, bell, company, account.account_id)
    await database.close()
    await owner.close()


def said(report: EmployeeImported) -> list[tuple[str, str | None]]:
    return [(line.outcome, line.problem if line.field is None else line.field) for line in report.lines]


async def test_ten_thousand_people_come_in_at_once_and_the_loop_goes_on(office: Office) -> None:
    lines = [f"{1_000_000 + n},Persona {n},{office.place(n % 4)},IMPORTED{n:06}" for n in range(10_000)]
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    gc.collect()
    gc.freeze()  # as a hub does once it is up: what the test run itself holds is no part of a turn
    watching = asyncio.create_task(watch())
    report = await office.bring(*lines)
    again = await office.bring(*lines)
    watching.cancel()
    gc.unfreeze()
    assert (report.done, report.created, report.faults) == (True, 10_000, 0)
    assert (again.done, again.created, again.updated, again.unchanged) == (True, 0, 0, 10_000)
    assert [line.line for line in report.lines] == list(range(2, 10_002))
    assert longest < LONGEST_TURN_SECONDS
    assert (await office.count("employees"), await office.count("badges")) == (10_006, 10_006)
    assert await office.count("audit WHERE action = 'employee.import' AND employee_id IS NOT NULL") == 10_000
    assert len(office.directory.employees) == 10_006
    assert [one.display_name for one in office.directory.by_name("1009999")] == ["Persona 9999"]
    for batch in office.bell.rung:
        head = await office.owner.fetchval("SELECT head FROM streams WHERE site_id = $1", batch.site_id)
        assert (batch.after, batch.offset, len(batch.changes)) == (0, head, 5_000)
        async with office.database.connection() as connection:
            board = {one.employee_id for one in await presence.board(connection, batch.site_id)}
        assert {change.employee_id for change in batch.changes} <= board


async def test_a_dry_run_says_the_same_and_writes_nothing(office: Office) -> None:
    known = office.company.employees[0]
    lines = [
        f"{known.employee_number},New Name,{office.place(1)},",
        f"{office.company.employees[1].employee_number},,,,",
        f"77,Nova,{office.place(2)},NEWBADGE1",
    ]
    counted = [await office.count(table) for table in ("employees", "badges", "audit", "request_keys")]
    dry = await office.bring(*lines, dry_run=True)
    assert [await office.count(table) for table in ("employees", "badges", "audit", "request_keys")] == counted
    real = await office.bring(*lines)
    assert (dry.done, real.done) == (False, True)
    assert said(dry) == said(real) == [("update", None), ("unchanged", None), ("create", None)]
    assert office.directory.employees[known.employee_id].display_name == "New Name"
    assert office.directory.employees[known.employee_id].department_id == office.company.departments[1].department_id


async def test_one_fault_stops_all_and_each_is_named(office: Office) -> None:
    gone, other, known = office.company.employees[0], office.company.employees[4], office.company.employees[1]
    await office.owner.execute("UPDATE employees SET deactivated_at = now() WHERE employee_id = $1", gone.employee_id)
    counted = [await office.count(table) for table in ("employees", "badges", "audit", "stream_changes")]
    site, department = office.place(0).split(",")
    report = await office.bring(
        f"70,Fine,{office.place(0)},",
        f"71,,{office.place(0)},",
        f"72,Ana,Atlantis,{department},",
        f"73,Ana,{site},{office.place(2).split(',')[1]},",
        f"74,Ana,{site},,",
        f"75,Ana,{office.place(0)},{badge_of(other)}",
        f"{gone.employee_number},Ana,{office.place(0)},",
        f"{known.employee_number},,{office.place(2).split(',')[0]},,",
    )
    assert said(report) == [
        ("create", None),
        ("fault", "display_name"),
        ("fault", "site"),
        ("fault", "department"),
        ("fault", "department"),
        ("fault", "badge"),
        ("fault", "employee_number"),
        ("fault", "department"),
    ]
    assert "inactive" in str(report.lines[6].problem)
    assert (report.done, report.created, report.faults) == (False, 1, 7)
    assert [await office.count(table) for table in ("employees", "badges", "audit", "stream_changes")] == counted
    assert not office.bell.rung


async def test_places_and_people_beyond_the_scope_are_as_if_they_were_not_there(office: Office) -> None:
    mine = Scope.of([office.company.sites[0].site_id], [office.company.departments[0].department_id])
    report = await office.bring(
        f"70,Ana,{office.place(2)},",
        f"71,Ana,{office.place(1)},",
        f"{office.company.employees[4].employee_number},Ana,{office.place(0)},",
        f"72,Ana,{office.place(0)},",
        scope=mine,
    )
    assert said(report) == [
        ("fault", "site"),
        ("fault", "department"),
        ("fault", "employee_number"),
        ("create", None),
    ]


async def test_an_expired_badge_is_free_and_ones_own_is_no_change(office: Office) -> None:
    expired, own = office.company.employees[0], office.company.employees[1]
    await office.owner.execute("UPDATE badges SET valid_until = now() WHERE employee_id = $1", expired.employee_id)
    report = await office.bring(
        f"{own.employee_number},,,,{badge_of(own)}", f"70,Ana,{office.place(0)},{badge_of(expired)}"
    )
    assert said(report) == [("unchanged", None), ("create", None)]
    assert report.done
    ended = await office.owner.fetchrow("SELECT * FROM badges WHERE employee_id = $1", expired.employee_id)
    assert ended is not None
    assert ended["revoked_at"] == ended["valid_until"]


async def test_the_same_file_with_the_same_key_is_imported_once_and_another_is_refused(office: Office) -> None:
    key, line = uuid4(), f"70,Ana,{office.place(0)},"
    first, again = [await office.bring(line, key=key) for _ in range(2)]
    assert first == again
    assert first.created == 1
    with pytest.raises(Refused) as refused:
        await office.bring(line, f"71,Eva,{office.place(0)},", key=key)
    assert refused.value.details == {"field": "request_key"}


def a_part(number: int, csv: str = "number\n") -> EmployeeImport:
    return EmployeeImport(id=1, request_key=uuid4(), part=number, last=False, csv=csv)


async def test_parts_come_in_order_and_the_first_begins_anew(office: Office) -> None:
    upload = office.service.collect(office.service.collect(None, a_part(0, "old")), a_part(1))
    upload = office.service.collect(upload, a_part(0, "new"))
    assert upload.parts == ["new"]
    for after, part in ((upload, 2), (upload, 3), (None, 1)):
        with pytest.raises(Invalid) as fault:
            office.service.collect(after, a_part(part))
        assert fault.value.field == "part"


async def test_too_many_rows_or_bytes_are_too_large(office: Office) -> None:
    with pytest.raises(Refused) as rows:
        await office.bring(*[f"{n},Ana,{office.place(0)}," for n in range(10_001)])
    upload = Upload(next_part=1, size_bytes=3_999_990)
    with pytest.raises(Refused) as size:
        office.service.collect(upload, a_part(1, "número de empleado"))
    assert (rows.value.code, size.value.code) == (ErrorCode.TOO_LARGE, ErrorCode.TOO_LARGE)
