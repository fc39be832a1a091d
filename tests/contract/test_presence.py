"""Section 5: boards, their streams, and what a client may rely on at any moment."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.contract.connection import Connection, connect_person
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message, ago, now, uuid7
from tests.contract.punching import record_all, recorded
from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

HEAD_SECONDS = 5
RESUMABLE = 1_000
ROUNDS = 15
ROUND_PUNCHES = 170
PERSON_FIELDS = {
    "employee_id",
    "display_name",
    "department_id",
    "status",
    "since",
    "at_site_id",
    "expected_from",
    "expected_until",
}


async def fresh(connection: Connection, site_ids: list[str] | None = None) -> Message:
    """A fresh state, by site, of another watch."""
    before = len(connection.received)
    await connection.watch(site_ids)
    parts = [message for message in connection.received[before:] if message["type"] == "presence.state"]
    sites: Message = {}
    for part in parts:
        for site in part["sites"]:
            known = sites.setdefault(site["site_id"], {**site, "people": []})
            known["people"] = known["people"] + site["people"]
    return sites


def by_id(people: list[Message]) -> Message:
    return {person["employee_id"]: person for person in people}


@pytest.fixture
async def asked(demo: RunningDemo, sign_ins: SignIns) -> AsyncIterator[Connection]:
    """A second admin's socket, for asking what a fresh state would be."""
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.account("admin"))) as connection:
        yield connection


async def reaches(connection: Connection, site_id: str, offset: int, seconds: float = 10) -> None:
    await connection.wait_for(lambda: connection.board.sites[site_id].offset >= offset, seconds)


async def test_a_state_shows_everyone_at_home(demo: RunningDemo, admin: Connection) -> None:
    board = await admin.watch()
    assert set(board.sites) == {site.site_id for site in demo.file.sites}
    for site in demo.file.sites:
        shown = board.sites[site.site_id]
        assert (shown.name, shown.time_zone, shown.resumed) == (site.name, site.time_zone, False)
        home = {employee.employee_id for employee in demo.file.employees if employee.site_id == site.site_id}
        assert home <= set(shown.people)
        for person in shown.people.values():
            assert set(person) >= PERSON_FIELDS
            assert person["status"] in {"in", "break", "out"}
            assert (person["at_site_id"] is None) == (person["status"] == "out")
    names = {employee.employee_id: employee.display_name for employee in demo.file.employees}
    people = [person for site in board.sites.values() for person in site.people.values()]
    assert all(names.get(person["employee_id"], person["display_name"]) == person["display_name"] for person in people)


async def test_a_punch_is_on_the_board_at_once(
    admin: Connection, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    board = await admin.watch([employee.site_id])
    before = board.sites[employee.site_id].offset
    assert board.sites[employee.site_id].people[employee.employee_id]["status"] == "out"
    outcome = await recorded(kiosk, journal.punch(badge(employee)))
    answered = now()
    await reaches(admin, employee.site_id, before + 1, 5)
    print(f"on the board {(now() - answered).total_seconds() * 1000:.1f} ms after the receipt")
    assert board.sites[employee.site_id].people[employee.employee_id] == {
        **board.sites[employee.site_id].people[employee.employee_id],
        "status": "in",
        "since": outcome["occurred_at"],
        "at_site_id": employee.site_id,
        "display_name": employee.display_name,
        "department_id": employee.department_id,
    }
    changes = admin.of_type("presence.changed")
    assert [change["from"] for change in changes][:1] == [before]


async def test_a_punch_on_one_hub_is_on_the_boards_of_the_other(
    demo: RunningDemo, second_hub: ServingHub, sign_ins: SignIns, kiosk: Connection, journal: Journal
) -> None:
    employee = demo.take_employee(journal_site(demo, journal))
    token = await sign_ins.token(demo.file.account("inspector"))
    async with connect_person(second_hub.ws_url, token) as elsewhere:
        board = await elsewhere.watch([employee.site_id])
        outcome = await recorded(kiosk, journal.punch(badge(employee)))
        answered = now()
        people = board.sites[employee.site_id].people
        await elsewhere.wait_for(lambda: people[employee.employee_id]["since"] == outcome["occurred_at"], 5)
        print(f"on the other hub's board {(now() - answered).total_seconds() * 1000:.1f} ms after the receipt")


def journal_site(demo: RunningDemo, journal: Journal) -> str:
    return next(device.site_id for device in demo.file.devices if device.device_id == journal.device_id)


async def test_a_visitor_stands_on_both_boards(
    *,
    admin: Connection,
    kiosk: Connection,
    spare: DeviceKey,
    other_spare: DeviceKey,
    journal: Journal,
    demo: RunningDemo,
) -> None:
    visitor = demo.take_employee(other_spare.site_id)
    board = await admin.watch()
    assert visitor.employee_id not in board.sites[spare.site_id].people

    def seen(site_id: str) -> Message | None:
        person: Message | None = board.sites[site_id].people.get(visitor.employee_id)
        return person

    await recorded(kiosk, journal.punch(badge(visitor), kind="in", at=ago(minutes=5)))
    await admin.wait_for(lambda: seen(spare.site_id) is not None, 5)
    await admin.wait_for(lambda: (seen(visitor.site_id) or {})["status"] == "in", 5)
    assert seen(spare.site_id) == seen(visitor.site_id)
    assert (seen(spare.site_id) or {})["at_site_id"] == spare.site_id
    await recorded(kiosk, journal.punch(badge(visitor), kind="out", at=ago(minutes=2)))
    await admin.wait_for(lambda: seen(spare.site_id) is None, 5)
    await admin.wait_for(lambda: (seen(visitor.site_id) or {})["status"] == "out", 5)


async def test_heads_come_every_five_seconds(admin: Connection, employee: Employee) -> None:
    board = await admin.watch([employee.site_id])
    await admin.wait_for(lambda: board.heads >= 3, 3 * HEAD_SECONDS + 3)
    assert not board.stale
    head = admin.of_type("presence.head")[-1]
    assert set(head) >= {"site_id", "epoch", "offset", "complete_to", "silent_devices"}


@pytest.mark.parametrize("seed", [1, 2])
async def test_state_and_changes_are_a_fresh_state(
    *,
    demo: RunningDemo,
    second_hub: ServingHub,
    sign_ins: SignIns,
    kiosk: Connection,
    other_kiosk: Connection,
    journal: Journal,
    other_journal: Journal,
    seed: int,
) -> None:
    """At any moment, for watchers of different scope and hub, while two devices punch at random."""
    dice = random.Random(seed)
    crowd = [demo.take_employee(site.site_id) for site in demo.file.sites for _ in range(2)]
    sides = [(kiosk, journal), (other_kiosk, other_journal)]
    everyone = await sign_ins.token(demo.file.account("admin"))
    one_site = await sign_ins.token(demo.file.one_site_supervisor)
    clocks = {employee.employee_id: ago(hours=3) for employee in crowd}

    async def punch_some(count: int) -> None:
        for connection, log in sides:
            punches = []
            for _ in range(count):
                employee = dice.choice(crowd)
                clocks[employee.employee_id] += timedelta(seconds=dice.choice([20, 70]))
                kind = dice.choice(["auto", "in", "out", "break_start", "break_end"])
                punches.append(log.punch(badge(employee), kind=kind, at=clocks[employee.employee_id]))
            await record_all(connection, punches)

    async with (
        connect_person(demo.ws_url, everyone) as near,
        connect_person(second_hub.ws_url, everyone) as far,
        connect_person(second_hub.ws_url, one_site) as narrow,
        connect_person(demo.ws_url, everyone) as asked,
        connect_person(demo.ws_url, one_site) as asked_narrow,
    ):
        for watcher in (near, far, narrow):
            await watcher.watch()
        for _ in range(5):
            await punch_some(8)
            for watcher, reference in ((near, asked), (far, asked), (narrow, asked_narrow)):
                state = await fresh(reference)
                for site_id, site in state.items():
                    await reaches(watcher, site_id, site["offset"], 10)
                    board = watcher.board.sites[site_id]
                    assert (board.epoch, board.offset) == (site["epoch"], site["offset"])
                    assert board.people == by_id(site["people"])
                assert not watcher.board.stale


async def test_a_watch_resumes_without_a_hole(
    *, demo: RunningDemo, admin: Connection, asked: Connection, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    crowd = [demo.take_employee(spare.site_id) for _ in range(3)]
    board = await admin.watch([spare.site_id])
    after = board.after()
    await admin.result("presence.unwatch")
    await record_all(kiosk, [journal.punch(badge(employee)) for employee in crowd])
    await asyncio.sleep(0.5)
    assert board.after() == after, "nothing comes after unwatch"
    await admin.watch([spare.site_id], after)
    site = board.sites[spare.site_id]
    assert site.resumed
    state = (await fresh(asked, [spare.site_id]))[spare.site_id]
    await reaches(admin, spare.site_id, state["offset"])
    assert site.people == by_id(state["people"])
    for employee in crowd:
        assert site.people[employee.employee_id]["status"] == "in"


async def test_what_is_not_usable_brings_a_full_state(admin: Connection, spare: DeviceKey) -> None:
    board = await admin.watch([spare.site_id])
    site = board.sites[spare.site_id]
    for epoch, offset in ((uuid7(), site.offset), (site.epoch, site.offset + 10_000)):
        await admin.watch([spare.site_id], {spare.site_id: {"epoch": epoch, "offset": offset}})
        again = board.sites[spare.site_id]
        assert not again.resumed
        assert again.epoch == site.epoch
        assert len(again.people) >= 10


async def test_a_thousand_changes_may_be_missed(
    *, admin: Connection, asked: Connection, spare: DeviceKey, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    board = await admin.watch([spare.site_id])
    site = board.sites[spare.site_id]
    first, happened, kinds = site.offset, ago(hours=60), ("in", "out")
    for _ in range(ROUNDS):
        punches = []
        for kind in kinds * (ROUND_PUNCHES // 2):
            happened += timedelta(seconds=62)
            punches.append(journal.punch(badge(employee), kind=kind, at=happened))
        await record_all(kiosk, punches)
        state = (await fresh(asked, [spare.site_id]))[spare.site_id]
        await reaches(admin, spare.site_id, state["offset"], 30)
        if site.offset > first + RESUMABLE + 1:
            break
    last = site.offset
    assert last > first + RESUMABLE + 1
    people = dict(board.sites[spare.site_id].people)
    epoch = site.epoch
    board.sites[spare.site_id].offset = last - RESUMABLE
    await admin.watch([spare.site_id], {spare.site_id: {"epoch": epoch, "offset": last - RESUMABLE}})
    assert board.sites[spare.site_id].resumed
    await reaches(admin, spare.site_id, last)
    assert board.sites[spare.site_id].people == people
    await admin.watch([spare.site_id], {spare.site_id: {"epoch": epoch, "offset": last - RESUMABLE - 1}})
    assert not board.sites[spare.site_id].resumed
    assert board.sites[spare.site_id].people == people


async def test_a_new_watch_replaces_the_old(
    *,
    demo: RunningDemo,
    admin: Connection,
    spare: DeviceKey,
    other_spare: DeviceKey,
    kiosk: Connection,
    journal: Journal,
) -> None:
    board = await admin.watch([spare.site_id])
    await admin.watch([other_spare.site_id])
    assert set(board.sites) == {other_spare.site_id}
    begun = len(admin.received)
    await recorded(kiosk, journal.punch(badge(demo.take_employee(spare.site_id))))
    await admin.wait_for(lambda: board.heads >= 1, HEAD_SECONDS + 3)
    assert {message["site_id"] for message in admin.received[begun:]} == {other_spare.site_id}
    await admin.result("presence.unwatch")
    begun = len(admin.received)
    await asyncio.sleep(HEAD_SECONDS + 1)
    assert admin.received[begun:] == []
    assert (await admin.ask("presence.unwatch"))["type"] == "presence.unwatch.result", "nothing to end is no fault"
