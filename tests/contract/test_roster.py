"""Section 6: people are taken on, moved, let go and taken on again; sites and departments are made and renamed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal
from tests.contract.pairing import an_active_device
from tests.contract.primitives import ago, now, uuid7, wire_time
from tests.contract.punching import record, verdict
from tests.contract.roll import Place, a_number, a_place, give_badge, hire, refusal
from tests.contract.staff import write
from tests.contract.test_lists import all_items
from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

ELSEWHERE_SECONDS = 10.0
"""Another hub looks once a second; the machine may be busy."""


@pytest.fixture
async def place(admin: Connection) -> Place:
    return await a_place(admin)


@pytest.fixture
async def terminal(demo: RunningDemo, admin: Connection, place: Place) -> AsyncIterator[DeviceKey]:
    async with an_active_device(admin, demo.url, place.site_id, "Puerta") as device:
        yield device


@pytest.fixture
async def there(demo: RunningDemo, second_hub: ServingHub, sign_ins: SignIns) -> AsyncIterator[Connection]:
    """The administrator on the other hub."""
    async with connect_person(second_hub.ws_url, await sign_ins.token(demo.file.account("admin"))) as connection:
        yield connection


async def known(connection: Connection, employee_id: str, **fields: object) -> None:
    """Until a hub has someone with these fields."""
    async with asyncio.timeout(ELSEWHERE_SECONDS):
        while True:
            answer = await connection.ask("employee.get", employee_id=employee_id)
            if fields.items() <= answer.items() and answer["type"] == "employee.get.result":
                return
            await asyncio.sleep(0.2)


async def test_what_was_written_is_read_at_once_here_and_soon_elsewhere(
    admin: Connection, there: Connection, place: Place
) -> None:
    number, name = a_number(), f"Íñigo Núñez {uuid7()[-12:]}"
    employee_id = await hire(admin, place, employee_number=number, display_name=name)
    person = await admin.result("employee.get", employee_id=employee_id)
    assert (person["display_name"], person["badges"], person["status"]) == (name, 0, "out")
    found = await admin.result("employee.list", query=f"inigo {number}")
    assert [item["employee_id"] for item in found["items"]] == [employee_id]
    in_place = await all_items(admin, "employee.list", 1, site_id=place.site_id)
    assert [item["employee_id"] for item in in_place] == [employee_id]
    sites = {item["site_id"]: item for item in await all_items(admin, "site.list", 2)}
    assert sites[place.site_id] == {"site_id": place.site_id, "name": place.name, "time_zone": "Europe/Madrid"}
    departments = {item["department_id"] for item in await all_items(admin, "department.list", 500)}
    assert {place.north, place.south} <= departments
    await give_badge(admin, employee_id)
    assert (await admin.result("employee.get", employee_id=employee_id))["badges"] == 1
    await known(there, employee_id, display_name=name, badges=1)
    assert place.site_id in {item["site_id"] for item in await all_items(there, "site.list", 500)}


async def test_a_new_person_punches_at_once_at_either_hub(
    demo: RunningDemo, second_hub: ServingHub, admin: Connection, place: Place, terminal: DeviceKey
) -> None:
    name = f"Olegario {uuid7()[-12:]}"
    async with connect_device(demo.ws_url, terminal) as near, connect_device(second_hub.ws_url, terminal) as far:
        journal = Journal.of(terminal, near.welcome["device"])
        for kiosk in (far, near):
            badge, _ = await give_badge(admin, await hire(admin, place, display_name=name))
            outcome = await record(kiosk, journal.punch({"badge": badge}))
            assert verdict(outcome) == ("recorded", None), outcome
            assert outcome["employee"]["display_name"] == name


async def test_a_change_counts_and_what_cannot_be_is_refused_by_its_field(admin: Connection, place: Place) -> None:
    elsewhere, other_number = await a_place(admin), a_number()
    await hire(admin, place, employee_number=other_number)
    employee_id = await hire(admin, place)
    await write(admin, "employee.update", employee_id=employee_id, display_name="María José")
    await write(
        admin, "employee.update", employee_id=employee_id, site_id=elsewhere.site_id, department_id=elsewhere.south
    )
    person = await admin.result("employee.get", employee_id=employee_id)
    assert (person["display_name"], person["site_id"], person["department_id"]) == (
        "María José",
        elsewhere.site_id,
        elsewhere.south,
    )
    update = {"employee_id": employee_id}
    assert await refusal(admin, "employee.update", **update, employee_number=other_number) == (
        "conflict",
        {"field": "employee_number"},
    )
    for fields, field in (
        ({"employee_number": "12a"}, "employee_number"),
        ({"department_id": place.north}, "department_id"),
        ({"site_id": place.site_id}, "department_id"),
    ):
        code, details = await refusal(admin, "employee.update", **update, **fields)
        assert (code, details and details["field"]) == ("invalid", field)
    for fields in ({"site_id": uuid7()}, {"department_id": uuid7()}):
        assert await refusal(admin, "employee.update", **update, **fields) == ("not_found", None)
    assert await refusal(admin, "employee.update", employee_id=uuid7(), display_name="X") == ("not_found", None)


async def test_who_left_is_refused_from_then_on_and_after_coming_back_only_for_the_time_between(
    demo: RunningDemo, admin: Connection, place: Place, terminal: DeviceKey
) -> None:
    employee_id = await hire(admin, place)
    badge, _ = await give_badge(admin, employee_id)
    credential = {"badge": badge}
    async with connect_device(demo.ws_url, terminal) as kiosk:
        journal = Journal.of(terminal, kiosk.welcome["device"])
        while_here = now()
        await asyncio.sleep(0.2)
        await write(admin, "employee.deactivate", employee_id=employee_id)
        await asyncio.sleep(0.2)
        while_gone = now()
        assert verdict(await record(kiosk, journal.punch(credential))) == ("refused", "employee_inactive")
        person = await admin.result("employee.get", employee_id=employee_id)
        assert (person["active"], person["badges"]) == (False, 1)
        assert await refusal(admin, "badge.assign", employee_id=employee_id, badge="OTHERBADGE") == (
            "conflict",
            {"field": "active"},
        )
        await asyncio.sleep(0.2)
        await write(admin, "employee.rehire", employee_id=employee_id)
        assert (await admin.result("employee.get", employee_id=employee_id))["active"] is True
        late = [journal.punch(credential, at=at, captured="offline") for at in (while_here, while_gone)]
        assert [verdict(await record(kiosk, punch)) for punch in late] == [
            ("recorded", None),
            ("refused", "employee_inactive"),
        ]
        assert (await record(kiosk, journal.punch(credential)))["outcome"] == "recorded"


async def test_the_same_request_again_is_done_once(admin: Connection, there: Connection, place: Place) -> None:
    fields = {
        "request_key": uuid7(),
        "employee_number": a_number(),
        "display_name": "Remedios",
        "site_id": place.site_id,
        "department_id": place.north,
    }
    first = await admin.result("employee.create", **fields)
    again = await admin.result("employee.create", **fields)
    elsewhere = await there.result("employee.create", **fields)
    assert {answer["employee_id"] for answer in (first, again, elsewhere)} == {first["employee_id"]}
    refused = await admin.refusal("employee.create", **{**fields, "display_name": "Dolores"})
    assert (refused["code"], refused["details"]) == ("conflict", {"field": "request_key"})


async def test_places_are_made_and_renamed_and_a_zone_must_be_one(admin: Connection, place: Place) -> None:
    assert await refusal(admin, "site.create", name=place.name, time_zone="Europe/Madrid") == (
        "conflict",
        {"field": "name"},
    )
    for zone in (
        "Mars/Olympus",
        "../../etc/passwd",
        "europe/madrid",
        "Europe",
        "",
        "posixrules",
        "right/Europe/Madrid",
    ):
        code, details = await refusal(admin, "site.create", name=f"Sede {uuid7()}", time_zone=zone)
        assert (code, details and details["field"]) == ("invalid", "time_zone"), zone
    name = f"Sede {uuid7()[-12:]}"
    await write(admin, "site.update", site_id=place.site_id, name=name, time_zone="Atlantic/Canary")
    sites = {item["site_id"]: item for item in await all_items(admin, "site.list", 500)}
    assert (sites[place.site_id]["name"], sites[place.site_id]["time_zone"]) == (name, "Atlantic/Canary")
    assert await refusal(admin, "department.create", site_id=place.site_id, name="Taller") == (
        "conflict",
        {"field": "name"},
    )
    assert await refusal(admin, "department.update", department_id=place.north, name="Taller") == (
        "conflict",
        {"field": "name"},
    )
    await write(admin, "department.update", department_id=place.north, name="Muelle")
    departments = {item["department_id"]: item["name"] for item in await all_items(admin, "department.list", 500)}
    assert (departments[place.north], departments[place.south]) == ("Muelle", "Taller")


async def test_acts_and_looks_stand_in_the_audit_without_secrets(admin: Connection, place: Place) -> None:
    employee_id = await hire(admin, place, display_name="Virtudes")
    badge, badge_id = await give_badge(admin, employee_id)
    await write(admin, "pin.set", employee_id=employee_id, pin="314159")
    await write(admin, "employee.update", employee_id=employee_id, display_name="Virtudes Vega")
    await write(admin, "employee.update", employee_id=employee_id, display_name="Virtudes Vega")
    await admin.result("employee.get", employee_id=employee_id)
    await admin.result("punch.list", employee_id=employee_id)
    await admin.result("badge.list", employee_id=employee_id)
    await write(admin, "badge.revoke", badge_id=badge_id)
    entries = (await admin.result("audit.list", employee_id=employee_id))["items"]
    assert [entry["action"] for entry in reversed(entries)] == [
        "employee.create",
        "badge.assign",
        "pin.set",
        "employee.update",
        "employee.read",
        "punches.read",
        "badges.read",
        "badge.revoke",
        "audit.read",
    ]
    changed = next(entry for entry in entries if entry["action"] == "employee.update")
    assert (changed["before"], changed["after"]) == ({"display_name": "Virtudes"}, {"display_name": "Virtudes Vega"})
    assert all(entry["address"] and entry["request_id"] and entry["actor_name"] for entry in entries)
    assert badge not in str(entries)
    assert "314159" not in str(entries)


async def test_what_is_known_of_a_person_is_shown_to_who_may_change_it_alone(
    admin: Connection, there: Connection, place: Place
) -> None:
    about = {"national_id": "12345678Z", "contact": "+34 600 000 000", "notes": "Turno de mañana.\nLleva gafas."}
    employee_id = await hire(admin, place, **about)
    assert (await admin.result("employee.get", employee_id=employee_id)).items() >= about.items()
    await write(admin, "employee.update", employee_id=employee_id, national_id="", notes="Turno de tarde.")
    changed = {"national_id": None, "contact": about["contact"], "notes": "Turno de tarde."}
    await known(there, employee_id, **changed)
    (item,) = [
        one for one in await all_items(admin, "employee.list", 500, site_id=place.site_id)
        if one["employee_id"] == employee_id
    ]  # fmt: skip
    assert not item.keys() & about.keys()
    entries = (await there.result("audit.list", employee_id=employee_id, action="employee."))["items"]
    update, create = (
        next(one for one in entries if one["action"] == f"employee.{act}") for act in ("update", "create")
    )
    assert create["after"].items() >= about.items()
    assert update["before"] == {"national_id": about["national_id"], "notes": about["notes"]}
    assert update["after"] == {"national_id": None, "notes": "Turno de tarde."}


async def test_lists_are_no_look_into_a_record(admin: Connection, place: Place) -> None:
    employee_id = await hire(admin, place)
    await admin.result("employee.list", site_id=place.site_id)
    await admin.result("punch.list", site_id=place.site_id, **{"from": wire_time(ago(minutes=1))})
    entries = (await admin.result("audit.list", employee_id=employee_id))["items"]
    assert {entry["action"] for entry in entries} == {"employee.create", "audit.read"}
