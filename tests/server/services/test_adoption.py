"""An older database's people, on a real PostgreSQL: encrypted at a start, and not in the clear after it."""

from pathlib import Path

import asyncpg
import pytest

from server.secrets.local import open_key_file
from server.services import adoption
from server.services.adoption import adopt_people
from server.services.directory import Directory
from server.services.person_seal import Personal, personal_of, seal_new
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from storage.repositories import enrolment, people, personal
from tests.builders import HIRED_AT, a_company

pytestmark = pytest.mark.integration


async def test_names_in_the_clear_are_encrypted_in_pages_and_gone(
    database_dsns: DatabaseDsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "_AT_ONCE", 2)
    owner = await asyncpg.connect(database_dsns.migrator)
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=2)
    secrets, company = open_key_file(tmp_path / "keys.json"), a_company(sites=1, people=5)
    await enrolment.add_sites(owner, company.sites)
    await enrolment.add_departments(owner, company.departments)
    await enrolment.add_employees(owner, company.employees, HIRED_AT)
    first = company.employees[0]
    about = Personal(display_name="Before", contact="+34 600 000 000")
    await personal.keep(owner, [seal_new(secrets, first.employee_id, about)])
    await owner.execute("UPDATE employees SET display_name = 'Person ' || employee_number")
    directory = Directory(database, secrets)
    await directory.read(await people.directory_version(owner))
    names = {employee.display_name for employee in company.employees}
    assert {one.display_name for one in directory.by_name()} == names, "before, they are shown too"

    assert await adopt_people(database, secrets) == 5
    assert await adopt_people(database, secrets) == 0
    assert await owner.fetchval("SELECT count(display_name) FROM employees") == 0
    assert await owner.fetchval("SELECT count(*) FROM personal_data") == 5
    await directory.read(await people.directory_version(owner))
    assert {one.display_name for one in directory.by_name()} == names
    fresh = Directory(database, secrets)
    await fresh.read(await people.directory_version(owner))
    assert {one.display_name for one in fresh.by_name()} == names
    kept = (await personal.find(owner, [first.employee_id]))[first.employee_id]
    assert personal_of(secrets, kept, None) == Personal(display_name="Person 1", contact="+34 600 000 000")
    await database.close()
    await owner.close()
