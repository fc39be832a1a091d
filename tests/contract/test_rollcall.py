"""Section 5: who may see which site, the roll call, and how far a board can vouch for itself."""

import asyncio

import pytest

from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message, ago, moment, now, uuid7, wire_time
from tests.contract.punching import recorded
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

HEAD_SECONDS = 5
SETTLE_SECONDS = 45
"""Every device of the site reports once in 30 s."""


def by_id(people: list[Message]) -> Message:
    return {person["employee_id"]: person for person in people}


async def test_a_supervisor_sees_the_sites_of_their_scope(
    demo: RunningDemo, supervisor: Connection, admin: Connection
) -> None:
    account = demo.file.one_site_supervisor
    board = await supervisor.watch()
    assert tuple(board.sites) == account.site_ids
    for foreign in [site.site_id for site in demo.file.sites if site.site_id not in board.sites]:
        for type_, fields in (
            ("presence.watch", {"site_ids": [foreign]}),
            ("presence.watch", {"site_ids": [*board.sites, foreign]}),
            ("rollcall.get", {"site_id": foreign}),
        ):
            theirs = await supervisor.refusal(type_, **fields)
            assert theirs["code"] == "not_found"
        nowhere = await supervisor.refusal("rollcall.get", site_id=uuid7())
        del nowhere["re"], theirs["re"]
        assert nowhere == theirs, "exactly as if it didn't exist"
        assert (await admin.ask("rollcall.get", site_id=foreign))["type"] == "rollcall.get.result"


async def test_a_board_shows_its_own_people_wherever_they_are_and_no_one_elses(
    demo: RunningDemo, supervisor: Connection, other_kiosk: Connection, other_journal: Journal, other_spare: DeviceKey
) -> None:
    (home,) = demo.file.one_site_supervisor.site_ids or ()
    assert home != other_spare.site_id, "the spare device stands outside this supervisor's scope"
    board = await supervisor.watch()
    stranger, ours = demo.take_employee(other_spare.site_id), demo.take_employee(home)
    begun = len(supervisor.received)
    await recorded(other_kiosk, other_journal.punch(badge(stranger)))
    await recorded(other_kiosk, other_journal.punch(badge(ours)))
    await supervisor.wait_for(lambda: board.sites[home].people[ours.employee_id]["status"] == "in", 5)
    assert board.sites[home].people[ours.employee_id]["at_site_id"] == other_spare.site_id
    await supervisor.wait_for(lambda: board.heads >= 1, HEAD_SECONDS + 3)
    assert stranger.employee_id not in str(supervisor.received[begun:])
    assert not board.stale
    inside = (await supervisor.result("rollcall.get", site_id=home))["inside"]
    assert ours.employee_id not in by_id(inside), "inside elsewhere"


async def test_roll_call_names_those_inside(
    demo: RunningDemo, local_supervisor: Connection, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    inside, resting, gone = (demo.take_employee(spare.site_id) for _ in range(3))
    for employee, kinds in ((inside, ["in"]), (resting, ["in", "break_start"]), (gone, ["in", "out"])):
        for index, kind in enumerate(kinds):
            at = ago(minutes=20 - 5 * index)
            await recorded(kiosk, journal.punch(badge(employee), kind=kind, at=at))
    answer = await local_supervisor.result("rollcall.get", site_id=spare.site_id)
    people = by_id(answer["inside"])
    assert people[inside.employee_id]["status"] == "in"
    assert people[resting.employee_id]["status"] == "break"
    assert gone.employee_id not in people
    assert all(person["at_site_id"] == spare.site_id for person in people.values())
    assert abs((moment(answer["as_of"]) - now()).total_seconds()) < 10
    assert answer["site_id"] == spare.site_id
    assert "complete_to" in answer
    assert isinstance(answer["silent_devices"], list)


async def test_complete_to_follows_the_reports(admin: Connection, spare: DeviceKey, kiosk: Connection) -> None:
    """Our device is the slowest of its site: its last word bounds what the board can vouch for."""

    async def complete_to() -> str | None:
        value: str | None = (await admin.result("rollcall.get", site_id=spare.site_id))["complete_to"]
        return value

    oldest = wire_time(ago(minutes=7))
    await kiosk.result("device.report", outbox_depth=3, oldest_unsent_at=oldest, version="contract")
    async with asyncio.timeout(SETTLE_SECONDS):
        while await complete_to() != oldest:
            await asyncio.sleep(0.5)
    await kiosk.result("device.report", outbox_depth=0, oldest_unsent_at=None, version="contract")
    async with asyncio.timeout(SETTLE_SECONDS):
        while (value := await complete_to()) is None or value <= oldest:
            await asyncio.sleep(0.5)
    assert oldest < value <= wire_time(now())


async def test_a_device_that_says_nothing_is_silent(demo: RunningDemo, admin: Connection, spare: DeviceKey) -> None:
    """90 s after its last word, on the board and in the roll call; gone from the list with its next word."""

    async def silent() -> set[str]:
        answer = await admin.result("rollcall.get", site_id=spare.site_id)
        return {device["device_id"] for device in answer["silent_devices"] if device["name"]}

    async with connect_device(demo.ws_url, spare) as device:
        await device.result("device.report", outbox_depth=0, oldest_unsent_at=None, version="contract")
        assert spare.device_id not in await silent()
    begun = now()
    async with asyncio.timeout(120):
        while spare.device_id not in await silent():
            await asyncio.sleep(1)
    assert 85 <= (now() - begun).total_seconds() <= 105
    board = await admin.watch([spare.site_id])
    assert spare.device_id in {device["device_id"] for device in board.sites[spare.site_id].silent_devices}
    async with connect_device(demo.ws_url, spare) as device:
        await device.result("device.report", outbox_depth=0, oldest_unsent_at=None, version="contract")
        async with asyncio.timeout(10):
            while spare.device_id in await silent():
                await asyncio.sleep(0.5)
