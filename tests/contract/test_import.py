"""Section 6: people come in as a file, in parts of one connection, all or nothing, with a report line by line."""

import pytest

from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.pairing import an_active_device
from tests.contract.primitives import Message, uuid7
from tests.contract.punching import recorded
from tests.contract.roll import Place, a_badge, a_number, a_place, hire
from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

PART_CHARACTERS = 30_000


@pytest.fixture
async def place(admin: Connection) -> Place:
    return await a_place(admin)


def parts_of(text: str, characters: int = PART_CHARACTERS) -> list[str]:
    return [text[start : start + characters] for start in range(0, len(text), characters)]


async def brought(admin: Connection, parts: list[str], **fields: object) -> list[Message]:
    """The report's parts, after a file's parts."""
    key = uuid7()
    for number, part in enumerate(parts[:-1]):
        taken = await admin.result("employee.import", request_key=key, part=number, last=False, csv=part)
        assert (taken["done"], taken["lines"], taken["last"]) == (False, [], True)
    fields = {"request_key": key, "part": len(parts) - 1, "last": True, "csv": parts[-1], **fields}
    end = await admin.result("employee.import", **fields)
    return [message for message in admin.of_type("employee.import.result") if message["re"] == end["re"]]


async def test_a_spreadsheet_in_parts_is_tried_imported_and_its_people_punch(
    demo: RunningDemo, admin: Connection, place: Place
) -> None:
    numbers, badge = [a_number() for _ in range(3)], a_badge()
    text = "\ufeffNº empleado;Nombre;Apellidos;Centro;Departamento;Tarjeta;Puesto\r\n" + "".join(
        f'{number};"Íñigo ""Nacho""";Núñez;{place.name.upper()};almacen;{badge if number == numbers[0] else ""};x\r\n'
        for number in numbers
    )
    parts = parts_of(text, 50)
    mapping = {"Puesto": "ignore"}
    (tried,) = await brought(admin, parts, mapping=mapping, dry_run=True)
    assert (tried["done"], tried["created"], tried["faults"]) == (False, 3, 0)
    assert not (await admin.result("employee.list", query=numbers[0]))["items"]
    (report,) = await brought(admin, parts, mapping=mapping)
    assert (report["done"], report["created"]) == (True, 3)
    assert [(line["line"], line["employee_number"], line["outcome"]) for line in report["lines"]] == [
        (number + 2, numbers[number], "create") for number in range(3)
    ]
    (item,) = (await admin.result("employee.list", query=numbers[0]))["items"]
    assert (item["display_name"], item["department_id"], item["badges"]) == ('Íñigo "Nacho" Núñez', place.north, 1)
    async with (
        an_active_device(admin, demo.url, place.site_id, "Puerta") as device,
        connect_device(demo.ws_url, device) as kiosk,
    ):
        await recorded(kiosk, Journal.of(device, kiosk.welcome["device"]).punch({"badge": badge}))
    (again,) = await brought(admin, parts, mapping=mapping)
    assert (again["created"], again["unchanged"], again["faults"]) == (0, 3, 0)


async def test_a_long_report_comes_in_parts_and_one_fault_stops_all(admin: Connection, place: Place) -> None:
    known = a_number()
    await hire(admin, place, employee_number=known, display_name="Ya Estaba")
    lines = [f"{int(known) + place_ + 1},Persona {place_},{place.name},Taller" for place_ in range(1_500)]
    text = "\n".join(["number,name,site,department", f"{known},Otra,,", *lines, f"{known},=1+1,,"])
    first, second = await brought(admin, parts_of(text))
    assert (first["last"], second["last"]) == (False, True)
    assert (second["done"], second["faults"]) == (False, 3)
    report = [*first["lines"], *second["lines"]]
    assert [line["line"] for line in report] == sorted([*range(2, 1_504), 1_503])
    assert {(line["line"], line["field"]) for line in report if line["outcome"] == "fault"} == {
        (2, "employee_number"),
        (1_503, "employee_number"),
        (1_503, "display_name"),
    }
    (item,) = (await admin.result("employee.list", query=known))["items"]
    assert item["display_name"] == "Ya Estaba"
    assert len((await admin.result("employee.list", site_id=place.site_id))["items"]) == 1


async def test_a_file_belongs_to_its_connection_and_ends_with_a_part_that_does_not_fit(
    demo: RunningDemo, admin: Connection, sign_ins: SignIns
) -> None:
    part = {"request_key": uuid7(), "last": False, "csv": "number\n"}
    await admin.result("employee.import", part=0, **part)
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.account("admin"))) as other:
        refused = await other.refusal("employee.import", part=1, **part)
        assert (refused["code"], refused["details"]["field"]) == ("invalid", "part")
    refused = await admin.refusal("employee.import", part=2, **part)
    assert (refused["code"], refused["details"]["field"]) == ("invalid", "part")
    refused = await admin.refusal("employee.import", part=1, **part)
    assert refused["details"]["field"] == "part", "the file was given up"
    refused = await admin.refusal("employee.import", **{**part, "last": True}, part=0, mapping={"nowhere": "badge"})
    assert (refused["code"], refused["details"]["field"]) == ("invalid", "mapping")
