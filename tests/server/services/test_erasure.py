"""Erasing a person on a real PostgreSQL: by two admins, for good, and again after a backup brought them back."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from protocol.errors import ErrorCode
from protocol.roster import EmployeeErase, EmployeeUpdate
from protocol.values import Role
from server.errors import Refused
from server.rules.permissions import EVERYTHING
from server.secrets.local import LocalSecrets, open_key_file
from server.services.acts import Actor, Acts
from server.services.directory import Directory
from server.services.erasure import Erasure, replay_erasures
from server.services.roster import Roster
from server.services.roster_acts import RosterActs
from storage.bootstrap import DatabaseDsns
from storage.models import Employee
from storage.postgres import Database
from storage.repositories import accounts, enrolment, people
from tests.builders import a_company, enrol
from tests.faults.dump import dump
from tests.server.services.test_people_import import Bell

pytestmark = pytest.mark.integration
CONTACT = "+34 600 123 987"


@dataclass
class Office:
    erasure: Erasure
    roster: Roster
    owner: "asyncpg.Connection[asyncpg.Record]"
    database: Database
    directory: Directory
    secrets: LocalSecrets
    person: Employee
    admins: list[UUID]

    def actor(self, admin: int) -> Actor:
        account_id = self.admins[admin]
        return Actor(name=f"account:{account_id}", scope=EVERYTHING, account_id=account_id)

    async def erase(self, admin: int) -> str:
        command = EmployeeErase(id=1, request_key=uuid4(), employee_id=self.person.employee_id)
        return (await self.erasure.erase(self.actor(admin), command)).state

    async def update(self, display_name: str, contact: str | None = None) -> None:
        command = EmployeeUpdate(
            id=1,
            request_key=uuid4(),
            employee_id=self.person.employee_id,
            display_name=display_name,
            contact=contact,
        )
        await self.roster.update(self.actor(0), command)

    async def leave(self) -> None:
        await self.owner.execute(
            "UPDATE employees SET deactivated_at = now() WHERE employee_id = $1", self.person.employee_id
        )

    async def count(self, table: str) -> int:
        found: int = await self.owner.fetchval(
            f"SELECT count(*) FROM {table} WHERE employee_id = $1", self.person.employee_id
        )
        return found


@pytest.fixture
async def office(database_dsns: DatabaseDsns, tmp_path: Path) -> AsyncIterator[Office]:
    owner = await asyncpg.connect(database_dsns.migrator)
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    secrets, company = open_key_file(tmp_path / "keys.json"), a_company(sites=1, people=2)
    await enrol(owner, secrets, company)
    person = company.employees[0]
    await enrolment.set_pins(owner, [(person.employee_id, "a hash")])
    admins = [uuid4(), uuid4()]
    for number, account_id in enumerate(admins):
        account = accounts.Account(
            account_id=account_id, username=f"admin{number}", role=Role.ADMIN, password_hash="x", site_ids=None
        )
        await accounts.add_account(owner, account)
    directory = Directory(database, secrets)
    acts = RosterActs(database, Acts(database, secrets), directory, Bell())
    roster = Roster(acts, secrets, number_pattern=re.compile("[0-9]{1,10}"))
    yield Office(Erasure(acts, secrets), roster, owner, database, directory, secrets, person, admins)
    await database.close()
    await owner.close()


async def test_two_admins_erase_someone_gone_and_nothing_else(office: Office) -> None:
    await office.update(contact=CONTACT, display_name="Eulalia Vega")
    with pytest.raises(Refused) as refused:
        await office.erase(0)
    assert (refused.value.code, refused.value.details) == (ErrorCode.CONFLICT, {"field": "active"})
    await office.leave()
    assert [await office.erase(0), await office.erase(0)] == ["requested", "requested"], "one admin alone never does it"
    assert await office.count("personal_data") == 1
    assert await office.erase(1) == "erased"
    assert await office.erase(0) == "erased"
    assert office.person.employee_id in await office.secrets.erasures()
    assert [await office.count(table) for table in ("personal_data", "employee_pins", "erasure_requests")] == [0, 0, 0]
    assert await office.owner.fetchval("SELECT count(*) FROM badges WHERE revoked_at IS NULL") == 1, "the other's"
    assert [await office.count(table) for table in ("employees", "presence", "badges")] == [1, 1, 1]
    assert office.directory.name(office.person.employee_id) == ""
    assert office.directory.employees[office.person.employee_id].employee_number == office.person.employee_number
    acts = await office.owner.fetch("SELECT after FROM audit WHERE action = 'employee.erase' ORDER BY at")
    assert [("requested" in row["after"], "erased" in row["after"]) for row in acts] == [(True, False), (False, True)]
    text = await dump(office.owner)
    assert b"Eulalia" not in text
    assert CONTACT.encode() not in text
    with pytest.raises(Refused) as refused:
        await office.update(display_name="Back Again")
    assert (refused.value.code, refused.value.details) == (ErrorCode.CONFLICT, {"field": "employee_id"})


async def test_whom_a_backup_brings_back_is_erased_again(office: Office) -> None:
    row = await office.owner.fetchrow("SELECT * FROM personal_data WHERE employee_id = $1", office.person.employee_id)
    assert row is not None
    await office.leave()
    await office.erase(0)
    assert await replay_erasures(office.database, office.secrets) == 0, "nobody was erased yet"
    await office.erase(1)
    assert await replay_erasures(office.database, office.secrets) == 0, "nobody is back"
    await office.owner.execute("UPDATE employees SET erased_at = NULL, deactivated_at = NULL")
    await office.owner.execute("INSERT INTO personal_data VALUES ($1, $2, $3, 0)", *list(row)[:3])
    await enrolment.set_pins(office.owner, [(office.person.employee_id, "a hash")])
    await office.owner.execute("UPDATE badges SET revoked_at = NULL, revoked_reason = NULL")
    office.directory.forget()
    await office.directory.read(await people.directory_version(office.owner))
    assert office.directory.name(office.person.employee_id) == office.person.display_name

    assert await replay_erasures(office.database, office.secrets) == 1
    await office.directory.read(await people.directory_version(office.owner))
    assert office.directory.name(office.person.employee_id) == ""
    assert not office.directory.employees[office.person.employee_id].active
    assert [await office.count(table) for table in ("personal_data", "employee_pins")] == [0, 0]
    assert office.directory.employees[office.person.employee_id].badges == 0
    assert await replay_erasures(office.database, office.secrets) == 0
