"""The sample company: what it is made of, that it is kept, and that it is added to a database once."""

import re
import stat
from collections import Counter
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from protocol.values import Role, from_binary
from server.demo.company import CompanyError, Use, load_or_make_company, make_company
from server.demo.files import write_demo_file
from server.demo.seed import seed
from server.own_servers import write_hub_environment
from server.secrets.local import open_key_file
from server.settings import Settings
from storage.bootstrap import bootstrap
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate


def test_it_has_three_sites_eight_departments_240_people_and_six_kiosks() -> None:
    company = make_company()
    assert [site.time_zone for site in company.sites] == [
        "Europe/Madrid",
        "Atlantic/Canary",
        "America/Argentina/Buenos_Aires",
    ]
    assert all(ZoneInfo(site.time_zone) for site in company.sites)
    assert len(company.departments) == 8
    assert len(company.employees) == 240
    assert len(company.devices) == 6


def test_everyone_has_a_name_number_badge_and_department_of_their_own_site() -> None:
    company = make_company()
    for name in ("employee_id", "employee_number", "badge", "display_name"):
        assert len({getattr(employee, name) for employee in company.employees}) == 240, name
    site_of_department = {department.department_id: department.site_id for department in company.departments}
    for employee in company.employees:
        assert site_of_department[employee.department_id] == employee.site_id
        assert re.fullmatch("[0-9A-Z]{8,20}", employee.badge)
        assert re.fullmatch("[0-9]{6}", employee.pin)
        assert re.fullmatch("[0-9]{1,10}", employee.employee_number)
    # With traffic each site's last 20 are left alone, and enough remain to move every board.
    assert min(Counter(employee.site_id for employee in company.employees).values()) >= 60


def test_every_site_has_a_moving_kiosk_and_two_sites_a_spare_one() -> None:
    company = make_company()
    by_use = {use: [device.site_id for device in company.devices if device.use is use] for use in Use}
    assert sorted(by_use[Use.SIMULATED]) == sorted(site.site_id for site in company.sites)
    assert len(set(by_use[Use.SPARE])) == len(by_use[Use.SPARE]) == 2
    assert by_use[Use.TERMINAL] == [company.terminal.site_id]
    assert {len(from_binary(device.private_key)) for device in company.devices} == {32}


def test_the_first_supervisor_has_one_site_and_whoever_sees_all_has_none_named() -> None:
    accounts = make_company().accounts
    supervisors = [account for account in accounts if account.role is Role.SUPERVISOR]
    assert supervisors[0].site_ids is not None
    assert len(supervisors[0].site_ids) == 1
    for role in (Role.ADMIN, Role.INSPECTOR):
        assert [account.site_ids for account in accounts if account.role is role] == [None]
    assert len({account.password for account in accounts}) == len(accounts)


def test_names_never_vary_and_secrets_always_do() -> None:
    one, other = make_company(), make_company()
    assert [employee.display_name for employee in one.employees] == [
        employee.display_name for employee in other.employees
    ]
    assert not {employee.badge for employee in one.employees} & {employee.badge for employee in other.employees}
    assert not {device.private_key for device in one.devices} & {device.private_key for device in other.devices}


def test_it_is_made_once_and_kept_privately(tmp_path: Path) -> None:
    path = tmp_path / "company.json"
    company = load_or_make_company(path)
    assert load_or_make_company(path) == company
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_foreign_file_is_refused_without_being_quoted(tmp_path: Path) -> None:
    path = tmp_path / "company.json"
    path.write_text('{"secret": "s3cret"}')
    with pytest.raises(CompanyError) as refused:
        load_or_make_company(path)
    assert "s3cret" not in str(refused.value)
    assert path.read_text() == '{"secret": "s3cret"}'


def test_the_demo_file_has_exactly_the_documented_members(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    company = make_company()
    write_demo_file(
        path, company, url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1/ws", postgres_dsn="p", redis_url="r"
    )
    document = msgspec.json.decode(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(document) == {
        "url", "ws_url", "postgres_dsn", "redis_url", "sites", "accounts", "devices", "employees"
    }  # fmt: skip
    assert set(document["sites"][0]) == {"site_id", "name", "time_zone"}
    assert set(document["accounts"][0]) == {"role", "username", "password", "totp_secret", "site_ids"}
    assert set(document["devices"][0]) == {"device_id", "site_id", "private_key", "spare"}
    assert set(document["employees"][0]) == {
        "employee_id", "employee_number", "badge", "pin", "display_name", "site_id", "department_id"
    }  # fmt: skip
    assert [device["spare"] for device in document["devices"]].count(True) == 2
    assert "=" not in document["devices"][0]["private_key"]
    assert UUID(document["sites"][0]["site_id"]) == company.sites[0].site_id


def test_the_hubs_environment_is_what_a_shell_reads(tmp_path: Path) -> None:
    path = tmp_path / "hub.env"
    key_file = tmp_path / "with space" / "keys.json"
    settings = Settings(postgres_dsn="postgresql://a:b@c/d?e=f&g", redis_url="redis://r", key_file=key_file)
    write_hub_environment(path, settings, metrics_token="m")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    where, others = path.read_text().splitlines()[:5], path.read_text().splitlines()[5:]
    assert where == [
        "ATTENDANCE_POSTGRES_DSN='postgresql://a:b@c/d?e=f&g'",
        "ATTENDANCE_REDIS_URL=redis://r",
        f"ATTENDANCE_KEY_FILE='{key_file}'",
        "ATTENDANCE_METRICS_TOKEN=m",
        "ATTENDANCE_TOTP_REQUIRED_ROLES=admin,inspector",
    ]
    assert "ATTENDANCE_SOCKETS_OF_ADDRESS" in {line.partition("=")[0] for line in others}


@pytest.mark.integration
async def test_it_is_added_once_with_hashes_in_place_of_badges_pins_and_passwords(tmp_path: Path) -> None:
    company = make_company()
    secrets = open_key_file(tmp_path / "keys.json")

    async def quick_hash(secret: bytes) -> str:
        return f"hash of {len(secret)} bytes"

    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
        await migrate(dsns.migrator)
        assert await seed(dsns.migrator, company, secrets, quick_hash) is True
        assert await seed(dsns.migrator, company, secrets, quick_hash) is False
        reader = await asyncpg.connect(dsns.reader)
        try:
            counts = [
                await reader.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("sites", "departments", "employees", "badges", "employee_pins", "devices", "accounts")
            ]
            held = await reader.fetchval("SELECT employee_id FROM badges ORDER BY badge_id LIMIT 1")
            hashed = await reader.fetchval("SELECT badge_hash FROM badges WHERE employee_id = $1", held)
            pins = await reader.fetch("SELECT DISTINCT pin_hash FROM employee_pins")
        finally:
            await reader.close()
    assert counts == [3, 8, 240, 240, 240, 6, 4]
    badge = next(employee.badge for employee in company.employees if employee.employee_id == held)
    assert hashed == secrets.badge_hash(badge)
    assert [row["pin_hash"] for row in pins] == [f"{secrets.pin_pepper}:hash of 32 bytes"]
