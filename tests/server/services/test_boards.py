"""A hub's boards on a real PostgreSQL: whatever bells do, they come to what the log says."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from protocol.values import Kind, Status
from server.secrets.provider import SecretsUnavailable
from server.services.boards import Boards
from server.services.site_feed import SiteFeed
from server.telemetry.metrics import Healed, Metrics
from storage.errors import StorageUnavailable
from storage.models import SiteChanges
from storage.postgres import Connection, Database
from storage.repositories import presence
from storage.repositories.enrolment import add_sites
from tests.builders import a_company
from tests.server.services.desk import Desk

pytestmark = pytest.mark.integration

SECONDS = 20
Shown = dict[UUID, tuple[Status, datetime | None, UUID | None]]


class HeldUp(Database):
    """Its connections come back only while `gate` is open."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool, acquire_timeout_seconds=5)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            yield connection
            self.waiting += 1
            await self.gate.wait()
            self.waiting -= 1


class Unreachable(Database):
    """It gives no connection while `is_away`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool, acquire_timeout_seconds=5)
        self.is_away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self.is_away:
            raise StorageUnavailable("away")
        async with super().connection() as connection:
            yield connection


@asynccontextmanager
async def boards_of(
    desk: Desk, *, poll_seconds: float = 0.05, database: Database | None = None
) -> AsyncIterator[Boards]:
    made = Boards(
        database or desk.database,
        desk.directory,
        Metrics(version="1"),
        resume_limit_changes=50,
        hole_wait_seconds=0.01,
        poll_interval_seconds=poll_seconds,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def fresh(desk: Desk, site_id: UUID) -> tuple[UUID, int, Shown]:
    async with desk.database.transaction(snapshot=True) as connection:
        epoch, _, heads = await presence.heads(connection)
        people = await presence.board(connection, site_id)
    return epoch, heads[site_id], {one.employee_id: (one.status, one.since, one.at_site_id) for one in people}


def shown(feed: SiteFeed) -> tuple[UUID | None, int, Shown]:
    people = {one.employee_id: (one.status, one.since, one.at_site_id) for one in feed.people.values()}
    return feed.epoch, feed.offset, people


async def settled(desk: Desk, boards: Boards) -> None:
    """Waits until every board is what a fresh one is."""
    for site in desk.company.sites:
        expected = await fresh(desk, site.site_id)
        async with asyncio.timeout(SECONDS):
            while shown(boards.feeds[site.site_id]) != expected:
                await asyncio.sleep(0.01)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def punches(desk: Desk, rng: random.Random, count: int) -> list[SiteChanges]:
    """As another hub commits them; gives its bells."""
    before = len(desk.changes)
    for _ in range(count):
        device = rng.choice(desk.devices)
        kind = rng.choice([Kind.IN, Kind.OUT, Kind.BREAK_START])
        record = desk.punch(rng.randrange(50), who=rng.choice(desk.company.employees), device=device, kind=kind)
        await desk.record(record, device=device)
    return desk.changes[before:]


async def test_without_any_bell_the_log_is_read(desk: Desk) -> None:
    async with boards_of(desk) as boards:
        moved: list[UUID] = []
        boards.on_advance = lambda feed: moved.append(feed.site_id)
        await punches(desk, random.Random(1), 15)
        await settled(desk, boards)
        assert set(moved) == set(boards.feeds)
        feed = boards.feeds[desk.device.site_id]
        assert feed.can_resume(feed.epoch or UUID(int=0), 0), "read change by change: clients resume"


async def test_bells_that_come_late_twice_or_not_at_all(desk: Desk) -> None:
    rng = random.Random(2)
    async with boards_of(desk, poll_seconds=0.2) as boards:
        for _ in range(4):
            bells = await punches(desk, rng, 6)
            rng.shuffle(bells)
            for bell in bells[1:] * 2:
                boards.heard(bell)
                await asyncio.sleep(0)
        await settled(desk, boards)


async def test_a_hole_is_read_without_waiting_for_a_poll(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        bells = await punches(desk, random.Random(3), 12)
        last = {bell.site_id: bell for bell in bells}
        assert any(bell.after > 0 for bell in last.values())
        for bell in last.values():
            boards.heard(bell)
        await settled(desk, boards)


def healed(boards: Boards) -> dict[str, float]:
    counter = boards._metrics._healed
    return {kind: counter.labels(kind)._value.get() for kind in Healed}


async def test_a_bell_that_comes_in_time_needs_no_reading(desk: Desk) -> None:
    """Neighbours in the wrong order, as two hubs ring them."""
    held_up = HeldUp(desk.database)
    async with boards_of(desk, poll_seconds=1_000, database=held_up) as boards:
        held_up.gate.clear()
        bells = [bell for bell in await punches(desk, random.Random(3), 12) if bell.site_id == desk.device.site_id]
        for later, earlier in zip(bells[1::2], bells[::2], strict=False):
            boards.heard(later)
            boards.heard(earlier)
        feed = boards.feeds[desk.device.site_id]
        assert feed.offset == bells[len(bells) // 2 * 2 - 1].offset
        await until(lambda: feed.healing is None)
        assert held_up.waiting == 0
        assert healed(boards) == dict.fromkeys(Healed, 0) | {Healed.LATE_BELL: 1}
        held_up.gate.set()


async def test_a_database_that_went_back_begins_a_new_epoch(desk: Desk) -> None:
    """Its files were put back, or its machine's snapshot: to itself it is what it was."""
    async with boards_of(desk) as boards, boards_of(desk) as of_another_hub:
        await punches(desk, random.Random(6), 8)
        await settled(desk, boards)
        await settled(desk, of_another_hub)
        feed = boards.feeds[desk.device.site_id]
        before, offset = feed.epoch, feed.offset
        await desk.owner.execute("UPDATE streams SET head = head - 3 WHERE site_id = $1", feed.site_id)
        await desk.owner.execute(
            'DELETE FROM stream_changes WHERE site_id = $1 AND "offset" > $2', feed.site_id, offset - 3
        )
        await until(lambda: feed.offset == offset - 3 and feed.epoch != before)
        await settled(desk, boards)
        await settled(desk, of_another_hub)
        assert await desk.owner.fetchval("SELECT count(*) FROM stream_epochs") == 2
        assert boards.epoch == of_another_hub.epoch == feed.epoch


async def test_a_database_that_went_back_and_on_is_known_by_what_is_committed(desk: Desk) -> None:
    """Its offsets have come past those that this hub knew, with other changes."""
    async with boards_of(desk, poll_seconds=1_000) as boards:
        boards.committed(await punches(desk, random.Random(6), 8))
        feed = boards.feeds[desk.device.site_id]
        before, offset = feed.epoch, feed.offset
        await desk.owner.execute("UPDATE streams SET head = 0 WHERE site_id = $1", feed.site_id)
        await desk.owner.execute("DELETE FROM stream_changes WHERE site_id = $1", feed.site_id)
        later = await punches(desk, random.Random(7), 20)
        assert sum(len(bell.changes) for bell in later if bell.site_id == feed.site_id) >= offset
        boards.committed(later)
        await until(lambda: feed.epoch != before)
        await settled(desk, boards)


async def test_heads_that_were_read_before_a_commit_are_no_step_back(desk: Desk) -> None:
    held_up = HeldUp(desk.database)
    async with boards_of(desk, poll_seconds=1_000, database=held_up) as boards:
        held_up.gate.clear()
        boards.look()
        await until(lambda: held_up.waiting)
        boards.committed(await punches(desk, random.Random(8), 5))
        held_up.gate.set()
        await until(lambda: held_up.waiting == 0)
        await settled(desk, boards)
    assert await desk.owner.fetchval("SELECT count(*) FROM stream_epochs") == 1


async def test_after_a_silent_bell_a_look_is_enough(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        await punches(desk, random.Random(4), 5)
        await asyncio.sleep(0.05)
        assert all(feed.offset == 0 for feed in boards.feeds.values())
        boards.look()
        await settled(desk, boards)


async def test_a_look_that_is_asked_for_during_another_is_not_lost(desk: Desk) -> None:
    held_up = HeldUp(desk.database)
    async with boards_of(desk, poll_seconds=1_000, database=held_up) as boards:
        held_up.gate.clear()
        boards.look()
        await until(lambda: held_up.waiting)
        await punches(desk, random.Random(8), 3)
        boards.look()
        held_up.gate.set()
        await settled(desk, boards)


async def test_a_log_that_is_no_longer_kept_is_a_board_read_afresh(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        await punches(desk, random.Random(5), 10)
        await desk.owner.execute('DELETE FROM stream_changes WHERE "offset" = 1')
        boards.look()
        await settled(desk, boards)
        feed = boards.feeds[desk.device.site_id]
        assert not feed.can_resume(feed.epoch or UUID(int=0), 0)


async def test_a_new_epoch_is_a_board_read_afresh(desk: Desk) -> None:
    async with boards_of(desk) as boards:
        await punches(desk, random.Random(6), 8)
        await settled(desk, boards)
        before = boards.feeds[desk.device.site_id].epoch
        told: list[object] = []

        async def restored() -> None:
            told.append(boards.epoch)
            if len(told) == 1:
                raise SecretsUnavailable

        boards.on_new_epoch = restored
        await desk.owner.execute("UPDATE stream_epochs SET timeline = timeline + 1")
        await until(lambda: all(feed.epoch != before for feed in boards.feeds.values()))
        await settled(desk, boards)
        await until(lambda: len(told) == 2)
        await asyncio.sleep(0.2)
        assert told == [boards.epoch] * 2, (
            "what a restored database must forget is asked until it is known, then not again"
        )


async def test_what_this_hub_committed_is_there_at_once(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        boards.committed(await punches(desk, random.Random(7), 10))
        for site in desk.company.sites:
            assert shown(boards.feeds[site.site_id]) == await fresh(desk, site.site_id)


async def test_a_site_that_nobody_knows_gets_no_board(desk: Desk) -> None:
    async with boards_of(desk) as boards:
        bell, *_ = await punches(desk, random.Random(9), 1)
        boards.heard(msgspec.structs.replace(bell, site_id=uuid4()))
        await settled(desk, boards)
        assert boards.feeds.keys() == {site.site_id for site in desk.company.sites}


async def test_a_new_site_gets_its_board_with_the_first_bell(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        (site,) = a_company(sites=1, people=0).sites
        added = replace(site, name="A new one")
        await add_sites(desk.owner, [added])
        boards.heard(SiteChanges(site_id=added.site_id, epoch=uuid4(), after=0, changes=[], committed_at=desk.now))
        await until(lambda: added.site_id in boards.feeds and boards.feeds[added.site_id].is_read)
        assert desk.directory.sites[added.site_id].name == "A new one"


async def test_changes_of_a_new_epoch_are_never_taken_for_the_old_one_s(desk: Desk) -> None:
    """Heads are read, then the streams begin anew and go on, then the log is read."""
    database = HeldUp(desk.database)
    async with boards_of(desk, poll_seconds=1_000, database=database) as boards:
        seen: list[tuple[UUID | None, int]] = []
        boards.on_advance = lambda feed: seen.append((feed.epoch, feed.offset))
        bells = await punches(desk, random.Random(6), 8)
        bell = next(bell for bell in bells if bell.after > 0)
        old, head, _ = await fresh(desk, bell.site_id)
        database.gate.clear()
        boards.heard(bell)
        await until(lambda: database.waiting)
        async with desk.database.connection() as connection:
            await presence.end_epoch(connection, old)
        await punches(desk, random.Random(7), 8)
        assert (await fresh(desk, bell.site_id))[1] > head
        database.gate.set()
        await until(lambda: shown(boards.feeds[bell.site_id])[0] != old)
        boards.look()
        await settled(desk, boards)
        assert max((offset for epoch, offset in seen if epoch == old), default=0) <= head


async def test_a_client_is_met_where_another_hub_brought_it(desk: Desk) -> None:
    """Bells lost, no look yet: the log is read before the client is answered, once for all who ask."""
    async with boards_of(desk, poll_seconds=1_000) as boards:
        feed = boards.feeds[desk.device.site_id]
        await punches(desk, random.Random(5), 6)
        assert feed.offset == 0
        assert feed.epoch is not None
        _, head, _ = await fresh(desk, feed.site_id)
        place = {feed.site_id: (feed.epoch, head)}
        await asyncio.gather(*(boards.reach(place) for _ in range(20)))
        assert feed.offset == head > 0
        assert healed(boards)[Healed.HEAD] == 1
        assert shown(feed) == await fresh(desk, feed.site_id)


async def test_a_place_that_no_database_has_holds_nobody_up(desk: Desk) -> None:
    async with boards_of(desk, poll_seconds=1_000) as boards:
        feed = boards.feeds[desk.device.site_id]
        assert feed.epoch is not None
        for place in ((feed.epoch, 2**53 - 1), (uuid4(), 0)):
            await asyncio.wait_for(boards.reach({feed.site_id: place, uuid4(): place}), SECONDS)
        assert feed.offset == 0


async def test_a_client_is_not_set_back_while_the_log_can_not_be_read(desk: Desk) -> None:
    database = Unreachable(desk.database)
    async with boards_of(desk, poll_seconds=1_000, database=database) as boards:
        feed = boards.feeds[desk.device.site_id]
        assert feed.epoch is not None
        database.is_away = True
        with pytest.raises(StorageUnavailable):
            await boards.reach({feed.site_id: (feed.epoch, 1)})
        await boards.reach({feed.site_id: (feed.epoch, 0)})  # who knows no more than this hub is answered by it
