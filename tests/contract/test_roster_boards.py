"""Section 5: boards on every hub follow the roll: who is new, renamed, moved or gone, each as far as a scope goes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.contract.board import SiteBoard
from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.pairing import an_active_device
from tests.contract.primitives import Message
from tests.contract.punching import recorded
from tests.contract.roll import Place, a_place, give_badge, hire
from tests.contract.staff import a_person, write
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

LATE_SECONDS = 6.0
"""Two by the contract, less than one between hubs that hear their bell; the machine may be three times slower."""


@dataclass
class Watchers:
    """Supervisors on the other hub: of a whole site, of each of its departments, of the other site."""

    place: Place
    elsewhere: Place
    whole: Connection
    north: Connection
    south: Connection
    other: Connection

    async def see(self, employee_id: str, *watching: Connection, **fields: object) -> None:
        """Until these have the person on their boards with these fields, and nobody else has."""
        everyone = (self.whole, self.north, self.south, self.other)
        for connection in everyone:
            shown = self._shown(connection, employee_id, connection in watching, fields)
            try:
                await connection.wait_for(shown, LATE_SECONDS)
            except TimeoutError:
                said = [*connection.of_type("presence.changed"), *connection.of_type("presence.head")[-1:]]
                raise AssertionError(f"{fields}: watcher {everyone.index(connection)} had {said}") from None

    def _shown(
        self, connection: Connection, employee_id: str, expected: bool, fields: dict[str, object]
    ) -> Callable[[], bool]:
        board = self.board(connection)

        def shown() -> bool:
            person = board.people.get(employee_id)
            return person is None if not expected else person is not None and fields.items() <= person.items()

        return shown

    def board(self, connection: Connection) -> SiteBoard:
        place = self.elsewhere if connection is self.other else self.place
        return connection.board.sites[place.site_id]

    async def are_as_fresh_ones(self) -> None:
        """Whatever came to a board, it is what a new watch shows."""
        for connection in (self.whole, self.north, self.south, self.other):
            followed = people_of(self.board(connection))
            await connection.watch([self.board(connection).site_id])
            assert followed == people_of(self.board(connection))


def people_of(board: SiteBoard) -> dict[str, Message]:
    return dict(board.people)


@pytest.fixture
async def watchers(demo: RunningDemo, second_hub: ServingHub, admin: Connection) -> AsyncIterator[Watchers]:
    place, elsewhere = await a_place(admin), await a_place(admin)
    async with AsyncExitStack() as stack:
        connections = []
        for where, department in ((place, None), (place, place.north), (place, place.south), (elsewhere, None)):
            scope = {"site_ids": [where.site_id], "department_ids": department and [department]}
            token = await (await a_person(admin, scope=scope)).sign_in(demo.url)
            connections.append(await stack.enter_async_context(connect_person(second_hub.ws_url, token)))
            await until_watched(connections[-1], where.site_id)
        yield Watchers(place, elsewhere, *connections)


async def until_watched(connection: Connection, site_id: str) -> None:
    """A site that was just made on the other hub has its board a moment later."""
    async with asyncio.timeout(LATE_SECONDS):
        while (await connection.ask("presence.watch", site_ids=[site_id]))["type"] != "presence.state":
            await asyncio.sleep(0.1)


async def test_boards_follow_the_roll(admin: Connection, watchers: Watchers) -> None:
    place, elsewhere, w = watchers.place, watchers.elsewhere, watchers
    employee_id = await hire(admin, place, display_name="Casilda")
    change = {"employee_id": employee_id}
    await w.see(employee_id, w.whole, w.north, display_name="Casilda", status="out", department_id=place.north)
    await write(admin, "employee.update", **change, display_name="Casilda Soto")
    await w.see(employee_id, w.whole, w.north, display_name="Casilda Soto")
    await write(admin, "employee.update", **change, department_id=place.south)
    await w.see(employee_id, w.whole, w.south, department_id=place.south)
    await write(admin, "employee.update", **change, site_id=elsewhere.site_id, department_id=elsewhere.north)
    await w.see(employee_id, w.other, department_id=elsewhere.north, display_name="Casilda Soto")
    await write(admin, "employee.deactivate", **change)
    await w.see(employee_id)
    await write(admin, "employee.rehire", **change)
    await w.see(employee_id, w.other, status="out")
    await w.are_as_fresh_ones()


async def test_who_is_let_go_while_inside_stays_until_they_leave(
    demo: RunningDemo, admin: Connection, watchers: Watchers
) -> None:
    place, w = watchers.place, watchers
    employee_id = await hire(admin, place)
    badge, _ = await give_badge(admin, employee_id)
    async with (
        an_active_device(admin, demo.url, place.site_id, "Puerta") as device,
        connect_device(demo.ws_url, device) as kiosk,
    ):
        journal = Journal.of(device, kiosk.welcome["device"])
        await recorded(kiosk, journal.punch({"badge": badge}, kind="in"))
        await w.see(employee_id, w.whole, w.north, status="in", at_site_id=place.site_id)
        leaving = journal.punch({"badge": badge}, kind="out", captured="offline")
        await asyncio.sleep(0.1)
        await write(admin, "employee.deactivate", employee_id=employee_id)
        roll = await admin.result("rollcall.get", site_id=place.site_id)
        assert [person["employee_id"] for person in roll["inside"]] == [employee_id]
        await w.see(employee_id, w.whole, w.north, status="in")
        await w.are_as_fresh_ones()
        await recorded(kiosk, leaving)
        await w.see(employee_id)
    await w.are_as_fresh_ones()


async def test_someone_made_a_moment_ago_has_a_name_wherever_they_come_in(
    demo: RunningDemo, second_hub: ServingHub, admin: Connection, watchers: Watchers
) -> None:
    """At a site that isn't theirs, through a hub that didn't make them."""
    w = watchers
    async with (
        an_active_device(admin, demo.url, w.elsewhere.site_id, "Puerta") as device,
        connect_device(second_hub.ws_url, device) as kiosk,
    ):
        journal = Journal.of(device, kiosk.welcome["device"])
        employee_id = await hire(admin, w.place, display_name="Purificación")
        badge, _ = await give_badge(admin, employee_id)
        outcome = await recorded(kiosk, journal.punch({"badge": badge}))
        assert outcome["employee"]["display_name"] == "Purificación"
        await w.see(employee_id, w.whole, w.north, w.other, display_name="Purificación", status="in")
    await w.are_as_fresh_ones()
