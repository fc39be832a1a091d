"""Up to when a site's board is complete, and which terminals are silent, from what terminals report."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from server.services.terminals import Completeness, Terminals
from storage.repositories import devices
from tests.builders import ADevice
from tests.server.services.desk import Desk

pytestmark = pytest.mark.integration


class Clock:
    """The hub's, ahead of PostgreSQL's by what a test waits."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Watched:
    """The first site of a desk, whose two terminals are `one` and `two`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.one, self.two = desk.devices[:2]
        self.clock = Clock()
        self.epoch: UUID | None = None
        # The board is always current: what it lacks is looked at elsewhere.
        self.terminals = Terminals(
            desk.database, self.clock, lambda _: (self.epoch, 2**53), silent_after_seconds=90, poll_interval_seconds=1
        )

    async def welcome(self, *terminals: ADevice) -> None:
        async with self.desk.database.connection() as connection:
            for terminal in terminals:
                await devices.mark_welcomed(connection, terminal.device_id)

    async def report(self, terminal: ADevice, *, waiting: int = 0, oldest: datetime | None = None) -> None:
        async with self.desk.database.connection() as connection:
            await devices.keep_report(
                connection, terminal.device_id, outbox_depth=waiting, oldest_unsent_at=oldest, version="1"
            )

    async def now(self) -> Completeness:
        if self.epoch is None:
            self.epoch = await self.desk.owner.fetchval("SELECT current_epoch()")
        await self.terminals._read()
        return self.terminals.completeness(self.one.site_id)


@pytest.fixture
def watched(desk: Desk) -> Watched:
    return Watched(desk)


async def test_without_terminals_nothing_is_complete(watched: Watched) -> None:
    assert await watched.now() == Completeness(None, [])
    assert watched.terminals.completeness(uuid4()) == Completeness(None, [])


async def test_it_is_complete_to_where_the_last_terminal_is(watched: Watched) -> None:
    await watched.welcome(watched.one, watched.two)
    assert (await watched.now()).complete_to is None, "one of which nothing is known"
    before = datetime.now(UTC)
    await watched.report(watched.one)
    assert (await watched.now()).complete_to is None
    await watched.report(watched.two)
    found = await watched.now()
    assert found.complete_to is not None
    assert before - timedelta(seconds=1) < found.complete_to <= datetime.now(UTC)
    assert found.silent == []
    oldest = before - timedelta(minutes=40)
    await watched.report(watched.two, waiting=3, oldest=oldest)
    assert (await watched.now()).complete_to == oldest
    # How many wait but not since when: as before.
    await watched.report(watched.two, waiting=4)
    assert (await watched.now()).complete_to == oldest
    await watched.report(watched.two)
    assert ((await watched.now()).complete_to or before) > oldest


async def test_a_terminals_own_clock_makes_nothing_complete_that_has_not_been(watched: Watched) -> None:
    await watched.welcome(watched.one)
    await watched.report(watched.one, waiting=1, oldest=datetime.now(UTC) + timedelta(days=3))
    found = (await watched.now()).complete_to
    assert found is not None
    assert found <= datetime.now(UTC)


async def test_a_terminal_counts_from_its_first_welcome_as_active(watched: Watched) -> None:
    owner = watched.desk.owner
    await owner.execute("UPDATE devices SET status = 'pending' WHERE device_id = $1", watched.two.device_id)
    await watched.welcome(watched.one, watched.two)
    await watched.report(watched.one)
    assert (await watched.now()).complete_to is not None
    await owner.execute("UPDATE devices SET status = 'active' WHERE device_id = $1", watched.two.device_id)
    await watched.welcome(watched.two)
    assert (await watched.now()).complete_to is None
    await owner.execute(
        "UPDATE devices SET status = 'revoked', revoked_at = now(), retired = true WHERE device_id = $1",
        watched.two.device_id,
    )
    assert (await watched.now()).complete_to is not None


async def test_who_says_nothing_for_ninety_seconds_is_silent(watched: Watched) -> None:
    await watched.welcome(watched.one, watched.two)
    watched.clock.ahead = timedelta(seconds=80)
    assert (await watched.now()).silent == []
    watched.clock.ahead = timedelta(seconds=100)
    silent = (await watched.now()).silent
    assert {device.device_id for device in silent} == {watched.one.device_id, watched.two.device_id}
    assert [device.name for device in silent] == sorted(device.name for device in silent)
    watched.clock.ahead = timedelta(seconds=1)
    await watched.desk.owner.execute("UPDATE device_reports SET heard_at = heard_at - interval '5 minutes'")
    async with watched.desk.database.connection() as connection:
        await devices.keep_boot_clock(
            connection, watched.one.device_id, uuid4(), hub_time=datetime.now(UTC), monotonic_ms=1
        )
    assert [device.device_id for device in (await watched.now()).silent] == [watched.two.device_id]
