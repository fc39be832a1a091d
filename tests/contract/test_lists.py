"""Section 6: lists by cursor, their filters, and who may ask."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from tests.contract.connection import Connection, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message, ago, moment, now, uuid7, wire_time
from tests.contract.punching import record, record_all, recorded
from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

CALLERS = 24

EMPLOYEE_FIELDS = {
    "employee_id",
    "employee_number",
    "display_name",
    "site_id",
    "department_id",
    "active",
    "badges",
}
PUNCH_FIELDS = {
    "punch_id",
    "device_id",
    "site_id",
    "log_id",
    "seq",
    "employee_id",
    "display_name",
    "kind",
    "outcome",
    "reason",
    "occurred_at",
    "recorded_at",
    "captured",
}


async def all_items(connection: Connection, type_: str, limit: int, **filters: object) -> list[Message]:
    """Every item of a list, page by page. Raises AssertionError for a page over its limit or an empty one amid."""
    items: list[Message] = []
    cursor = None
    while True:
        page = await connection.result(type_, limit=limit, cursor=cursor, **filters)
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
        assert page["items"], "a page before the last holds something"


async def test_employees_by_page(demo: RunningDemo, admin: Connection) -> None:
    everyone = {employee.employee_id: employee for employee in demo.file.employees}
    items = await all_items(admin, "employee.list", 37)
    assert len(items) == len({item["employee_id"] for item in items}), "no one twice"
    assert {item["employee_id"] for item in items if item["active"]} >= set(everyone)
    assert len(everyone) == 240
    for item in items:
        assert set(item) >= EMPLOYEE_FIELDS
        if employee := everyone.get(item["employee_id"]):
            assert item["employee_number"] == employee.employee_number
            assert item["display_name"] == employee.display_name
            assert (item["site_id"], item["department_id"]) == (employee.site_id, employee.department_id)
            assert item["badges"] >= 1
            assert employee.badge not in str(item)
    assert items == await all_items(admin, "employee.list", 500)
    assert len((await admin.result("employee.list"))["items"]) == 100, "the default limit"


async def test_employees_by_filter(demo: RunningDemo, admin: Connection) -> None:
    one = demo.file.employees[7]
    of_site = await all_items(admin, "employee.list", 100, site_id=one.site_id)
    assert {item["site_id"] for item in of_site} == {one.site_id}
    of_department = await all_items(admin, "employee.list", 100, department_id=one.department_id)
    assert {item["department_id"] for item in of_department} == {one.department_id}
    assert {
        employee.employee_id for employee in demo.file.employees if employee.department_id == one.department_id
    } <= {item["employee_id"] for item in of_department}
    for query in (one.display_name, one.display_name.upper(), one.employee_number):
        found = await all_items(admin, "employee.list", 100, query=query)
        assert one.employee_id in {item["employee_id"] for item in found}, query
        assert len(found) < len(demo.file.employees)
    assert await all_items(admin, "employee.list", 100, query="no such name anywhere") == []
    assert all(item["active"] for item in await all_items(admin, "employee.list", 300, active=True))
    assert not any(item["active"] for item in await all_items(admin, "employee.list", 300, active=False))


@pytest.mark.parametrize("type_", ["employee.list", "department.list", "punch.list"])
@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": -1},
        {"limit": "10"},
        {"limit": 1.5},
        {"cursor": "no-cursor"},
        {"cursor": 7},
        {"cursor": "AAAA"},
    ],
)
async def test_pages_have_their_limits(admin: Connection, type_: str, fields: Message) -> None:
    assert (await admin.refusal(type_, **fields))["code"] == "invalid"


async def test_departments(demo: RunningDemo, admin: Connection, supervisor: Connection) -> None:
    items = await all_items(admin, "department.list", 3)
    assert len(items) == 8
    known = {site.site_id for site in demo.file.sites}
    assert all(set(item) >= {"department_id", "site_id", "name"} and item["site_id"] in known for item in items)
    assert {employee.department_id for employee in demo.file.employees} == {item["department_id"] for item in items}
    ours = await all_items(supervisor, "department.list", 100)
    sites = demo.file.one_site_supervisor.site_ids or ()
    assert ours
    assert {item["site_id"] for item in ours} == set(sites)


async def test_one_employee(demo: RunningDemo, admin: Connection, supervisor: Connection) -> None:
    sites = demo.file.one_site_supervisor.site_ids or ()
    ours = next(employee for employee in demo.file.employees if employee.site_id in sites)
    foreign = next(employee for employee in demo.file.employees if employee.site_id not in sites)
    for connection in (admin, supervisor):
        answer = await connection.result("employee.get", employee_id=ours.employee_id)
        assert ours.display_name in str(answer)
    assert (await admin.ask("employee.get", employee_id=foreign.employee_id))["type"] == "employee.get.result"
    hidden = await supervisor.refusal("employee.get", employee_id=foreign.employee_id)
    missing = await supervisor.refusal("employee.get", employee_id=uuid7())
    assert hidden["code"] == "not_found"
    del hidden["re"], missing["re"]
    assert hidden == missing, "exactly as if it didn't exist"


async def test_a_supervisor_lists_their_own_site_only(demo: RunningDemo, supervisor: Connection) -> None:
    sites = set(demo.file.one_site_supervisor.site_ids or ())
    items = await all_items(supervisor, "employee.list", 100)
    assert {item["site_id"] for item in items} == sites
    foreign_site = next(site.site_id for site in demo.file.sites if site.site_id not in sites)
    stranger = next(employee for employee in demo.file.employees if employee.site_id == foreign_site)
    foreign_device = next(device for device in demo.file.devices if device.site_id == foreign_site)
    for type_, fields in (
        ("employee.list", {"site_id": foreign_site}),
        ("employee.list", {"department_id": stranger.department_id}),
        ("punch.list", {"site_id": foreign_site}),
    ):
        hidden = await supervisor.refusal(type_, **fields)
        missing = await supervisor.refusal(type_, **{name: uuid7() for name in fields})
        assert hidden["code"] == "not_found", (type_, fields)
        del hidden["re"], missing["re"]
        assert hidden == missing
    for name, foreign in (("device_id", foreign_device.device_id), ("employee_id", stranger.employee_id)):
        hidden = await supervisor.ask("punch.list", **{name: foreign})
        missing = await supervisor.ask("punch.list", **{name: uuid7()})
        assert hidden.get("code", "not_found") == "not_found"
        del hidden["re"], missing["re"]
        assert hidden == missing, "a filter outside the scope finds what a filter for nothing finds"
    by_name = await all_items(supervisor, "employee.list", 100, query=stranger.display_name)
    assert stranger.employee_id not in {item["employee_id"] for item in by_name}


async def test_punches_by_filter(
    *,
    demo: RunningDemo,
    admin: Connection,
    supervisor: Connection,
    local_supervisor: Connection,
    spare: DeviceKey,
    other_spare: DeviceKey,
    other_kiosk: Connection,
    other_journal: Journal,
    kiosk: Connection,
    journal: Journal,
) -> None:
    employee = demo.take_employee(spare.site_id)
    begin = ago(hours=2)
    kinds = ["in", "break_start", "break_end", "out", "in", "out"]
    punches = [
        journal.punch(badge(employee), kind=kind, at=begin + timedelta(minutes=5 * index))
        for index, kind in enumerate(kinds)
    ]
    outcomes = await record_all(kiosk, punches)
    refused = journal.punch({"badge": "NOBODY77NOBODY"})
    await record(kiosk, refused)
    held = journal.punch({"badge": "NOBODY78NOBODY"}, captured="offline", clock=None)
    await record(kiosk, held)

    mine = await all_items(admin, "punch.list", 4, employee_id=employee.employee_id)
    assert [item["punch_id"] for item in mine] == [punch.punch_id for punch in reversed(punches)], "newest first"
    for item, punch, outcome in zip(mine, reversed(punches), reversed(outcomes), strict=True):
        assert set(item) >= PUNCH_FIELDS
        assert (item["device_id"], item["site_id"]) == (spare.device_id, spare.site_id)
        assert (item["log_id"], item["seq"]) == (journal.log_id, punch.members["seq"])
        assert (item["display_name"], item["captured"]) == (employee.display_name, "online")
        for name in ("kind", "outcome", "reason", "occurred_at", "recorded_at"):
            assert item[name] == outcome[name]

    since, until = wire_time(begin + timedelta(minutes=4)), wire_time(begin + timedelta(minutes=16))
    some = await all_items(admin, "punch.list", 2, employee_id=employee.employee_id, **{"from": since, "until": until})
    assert [item["kind"] for item in some] == ["out", "break_end", "break_start"]

    for name, punch in (("refused", refused), ("held", held)):
        items = await all_items(admin, "punch.list", 100, device_id=spare.device_id, outcome=name)
        assert {item["outcome"] for item in items} == {name}
        found = next(item for item in items if item["punch_id"] == punch.punch_id)
        assert (found["employee_id"], found["display_name"]) == (None, None)
        sort_keys = [item["occurred_at"] or item["recorded_at"] for item in items]
        assert sort_keys == sorted(sort_keys, reverse=True)

    visitor = demo.take_employee(spare.site_id)
    elsewhere = other_journal.punch(badge(visitor))
    await recorded(other_kiosk, elsewhere)
    for connection in (supervisor, local_supervisor):
        seen = await all_items(connection, "punch.list", 500)
        scope = connection.welcome["scope"]["site_ids"]
        assert {item["site_id"] for item in seen} <= set(scope)
        listed = {item["punch_id"] for item in seen}
        assert (punches[0].punch_id in listed) == (spare.site_id in scope)
        assert (elsewhere.punch_id in listed) == (other_spare.site_id in scope), "its scope is the punch's own site"
    text = str(await all_items(admin, "punch.list", 500, **{"from": wire_time(ago(minutes=5))}))
    assert employee.badge not in text
    assert "NOBODY77" not in text


async def test_the_hubs_state(admin: Connection) -> None:
    status = await admin.result("hub.status")
    assert status["hub_id"] == admin.hello["hub_id"]
    assert moment(status["started_at"]) < now()
    assert status["connections"]["admin"] >= 1
    assert status["draining"] is False
    assert {"version", "ingest_depth", "postgres", "redis", "secrets"} <= set(status)


NEVER: dict[str, list[tuple[str, Message]]] = {
    "kiosk": [
        ("presence.watch", {"site_ids": None, "after": None}),
        ("rollcall.get", {"site_id": uuid7()}),
        ("employee.list", {}),
        ("employee.get", {"employee_id": uuid7()}),
        ("department.list", {}),
        ("punch.list", {}),
        ("hub.status", {}),
    ],
    "supervisor": [
        ("hub.status", {}),
        ("time.sync", {"t0": wire_time(now()), "boot_id": uuid7(), "monotonic_ms": 1}),
        ("device.report", {"outbox_depth": 0, "oldest_unsent_at": None, "version": "1"}),
    ],
    "inspector": [
        ("hub.status", {}),
        ("department.list", {}),
        ("device.report", {"outbox_depth": 0, "oldest_unsent_at": None, "version": "1"}),
    ],
    "admin": [("device.report", {"outbox_depth": 0, "oldest_unsent_at": None, "version": "1"})],
}


async def test_what_a_role_never_has_is_forbidden(
    kiosk: Connection, supervisor: Connection, inspector: Connection, admin: Connection
) -> None:
    for connection in (kiosk, supervisor, inspector, admin):
        for type_, fields in NEVER[connection.welcome["role"]]:
            assert (await connection.refusal(type_, **fields))["code"] == "forbidden", type_


async def test_an_inspector_looks_at_everything(demo: RunningDemo, inspector: Connection) -> None:
    assert len(await all_items(inspector, "employee.list", 500)) >= 240
    board = await inspector.watch()
    assert len(board.sites) == len(demo.file.sites)
    await inspector.result("punch.list", limit=1)


async def test_many_lists_of_a_device_at_once(demo: RunningDemo, sign_ins: SignIns, spare: DeviceKey) -> None:
    """More callers at once than a hub has connections to its database: none waits for another's end."""
    token = await sign_ins.token(demo.file.account("admin"))
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(connect_person(demo.ws_url, token)) for _ in range(CALLERS)]
        await asyncio.gather(*(caller.result("punch.list", device_id=spare.device_id) for caller in callers))
