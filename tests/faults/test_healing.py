"""Holes in streams, by each kind: the board becomes right in time, and `/metrics` says how it healed (section 5)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest
import redis.asyncio as redis

from tests.builders import badge_of
from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.punching import recorded
from tests.faults.bell_line import BellLine
from tests.faults.own_place import HEALED, Figures, OwnPlace, figures, redis_is, rose
from tests.faults.processes import frozen
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

LATE_SECONDS: Final = 2.0
TOLERANCE_SECONDS: Final = 1.0
ATTEMPTS: Final = 12
"""The look at the heads, once a second, may come before what a test waits for: then it is done again."""
HOLE_WAIT_SECONDS: Final = 0.05


@dataclass
class Watched:
    """A kiosk at one hub, a board at another."""

    place: OwnPlace
    kiosk: Connection
    journal: Journal
    far: ServingHub
    watcher: Connection

    @property
    def site_id(self) -> str:
        return self.place.devices[0].site_id

    async def punch(self) -> str:
        """Someone's next punch, recorded; who it was."""
        person = self.place.person(self.site_id)
        await recorded(self.kiosk, self.journal.punch({"badge": badge_of(person)}))
        return str(person.employee_id)

    async def shown(self, employee_id: str, seconds: float = LATE_SECONDS + TOLERANCE_SECONDS) -> None:
        board = self.watcher.board.sites[self.site_id]
        await self.watcher.wait_for(lambda: board.people[employee_id]["status"] == "in", seconds)

    async def is_right(self) -> None:
        """What was pushed adds up to what a fresh state says."""
        pushed = self.watcher.board.sites[self.site_id]
        async with connect_person(self.far.ws_url, await self.place.token(self.far)) as other:
            fresh = (await other.watch()).sites[self.site_id]
        async with asyncio.timeout(LATE_SECONDS + TOLERANCE_SECONDS):
            await self.watcher.wait_for(lambda: pushed.offset >= fresh.offset)
        assert (pushed.epoch, pushed.people) == (fresh.epoch, fresh.people)
        assert not self.watcher.board.stale


@asynccontextmanager
async def watched(place: OwnPlace, near: ServingHub, far: ServingHub) -> AsyncIterator[Watched]:
    device = place.devices[0]
    async with (
        connect_device(near.ws_url, device) as kiosk,
        connect_person(far.ws_url, await place.token(far)) as watcher,
    ):
        await watcher.watch()
        yield Watched(place, kiosk, Journal.of(device, kiosk.welcome["device"]), far, watcher)


@pytest.fixture
async def beside(place: OwnPlace, near: ServingHub, far: ServingHub) -> AsyncIterator[Watched]:
    await redis_is(far, "ok")
    async with watched(place, near, far) as made:
        yield made
        await made.is_right()


async def test_bells_lost_and_out_of_order(place: OwnPlace, near: ServingHub) -> None:
    """By a late bell, by offset and by head, each on the same line."""
    async with BellLine(place.valkey.url).relaying() as line:
        far = await place.start_hub(redis_url=line.url)
        async with watched(place, near, far) as world:
            await world.shown(await world.punch())
            await a_late_bell_needs_no_reading(world, line)
            await a_later_bell_tells_of_a_hole(world, line)
            await without_a_later_bell_the_head_does(world, line)
            await world.is_right()
        far.stop()


async def two_held_bells(world: Watched, line: BellLine) -> list[str]:
    line.hold()
    people = [await world.punch(), await world.punch()]
    await line.rung(2)
    return people


async def a_late_bell_needs_no_reading(world: Watched, line: BellLine) -> None:
    for _ in range(ATTEMPTS):
        before = await figures(world.far)
        people = await two_held_bells(world, line)
        line.let_go(1)
        await asyncio.sleep(HOLE_WAIT_SECONDS / 5)
        line.let_go(0)
        line.lose()
        for person in people:
            await world.shown(person)
        await asyncio.sleep(2 * HOLE_WAIT_SECONDS)
        after = await figures(world.far)
        if rose(before, after, f"{HEALED}{{late_bell}}") == 1:
            assert rose(before, after, f"{HEALED}{{offset}}") == 0
            return
    raise AssertionError("never by a late bell")


async def a_later_bell_tells_of_a_hole(world: Watched, line: BellLine) -> None:
    for _ in range(ATTEMPTS):
        before = await figures(world.far)
        people = await two_held_bells(world, line)
        begun = time.monotonic()
        line.let_go(1)
        line.lose()
        for person in people:
            await world.shown(person)
        elapsed = time.monotonic() - begun
        after = await figures(world.far)
        if rose(before, after, f"{HEALED}{{offset}}") == 1:
            print(f"by offset: {elapsed * 1000:.0f} ms after the later bell")
            assert elapsed >= HOLE_WAIT_SECONDS * 0.9, "the log isn't read before the bell had its time"
            return
    raise AssertionError("never by offset")


async def without_a_later_bell_the_head_does(world: Watched, line: BellLine) -> None:
    before = await figures(world.far)
    line.hold()
    begun = time.monotonic()
    await world.shown(await world.punch())
    print(f"by head: {time.monotonic() - begun:.2f} s after the punch")
    line.lose()
    assert rose(before, await figures(world.far), f"{HEALED}{{head}}") == 1


async def test_a_listening_connection_that_is_killed(beside: Watched, place: OwnPlace) -> None:
    """What rang until it was made anew is looked for at once."""
    async with redis.from_url(place.valkey.url) as server:
        for _ in range(ATTEMPTS):
            before = await figures(beside.far)
            await at_any_moment()
            await listeners_killed(server)
            person = await beside.punch()
            await beside.shown(person)
            await redis_is(beside.far, "ok")
            after = await figures(beside.far)
            assert rose(before, after, "hub_bell_losses_total{closed}") == 1
            if rose(before, after, f"{HEALED}{{reconnect}}") == 1:
                return
    raise AssertionError("never by a reconnect")


async def listeners_killed(server: redis.Redis) -> None:
    """The connections by which the two hubs listen; one of them may still be on its way back from the last kill."""
    async with asyncio.timeout(LATE_SECONDS + TOLERANCE_SECONDS):
        while len(await server.client_list(_type="pubsub")) < 2:
            await asyncio.sleep(0.05)
    assert await server.client_kill_filter(_type="pubsub", skipme=True) >= 2


async def at_any_moment() -> None:
    """So that attempts don't all meet the looks at the heads, once a second, in the same phase."""
    await asyncio.sleep(random.uniform(0, 0.5))


async def lateness(world: Watched, punches: int, pause_seconds: float) -> list[float]:
    """Seconds from a punch's receipt to the other hub's board, each."""
    late = []
    for _ in range(punches):
        person = await world.punch()
        begun = time.monotonic()
        await world.shown(person)
        late.append(time.monotonic() - begun)
        await asyncio.sleep(pause_seconds)
    return late


async def test_redis_killed_and_kept_away(beside: Watched, place: OwnPlace) -> None:
    """Boards are late by two seconds at most; once it is back, what it missed is found and bells ring again."""
    before = await figures(beside.far)
    pid = place.valkey.pid
    assert pid is not None
    await kill_valkey(place)
    late = await lateness(beside, 3, pause_seconds=0.37)
    print(f"Redis gone: boards late by {', '.join(f'{each:.2f}' for each in late)} s")
    assert max(late) <= LATE_SECONDS + TOLERANCE_SECONDS
    away = await figures(beside.far)
    assert rose(before, away, f"{HEALED}{{head}}") >= 1
    assert rose(before, away, "hub_bell_losses_total{closed}") == 1
    await place.valkey.start()
    await redis_is(beside.far, "ok")
    await bells_ring_again(beside)


async def kill_valkey(place: OwnPlace) -> None:
    """SIGKILL, and nobody starts it again."""
    assert place.valkey._process is not None
    place.valkey._process._process.kill()
    await place.valkey.stop()


async def bells_ring_again(world: Watched) -> None:
    """Punches are on the other hub's board long before anybody would look for them."""
    before = await figures(world.far)
    late = sorted(await lateness(world, 5, pause_seconds=0))
    print(f"with Redis again: {', '.join(f'{each * 1000:.0f}' for each in late)} ms")
    assert late[2] < 0.5
    assert rose(before, await figures(world.far), "hub_bell_lag_seconds_count") >= 5


async def test_a_redis_that_is_restarted(beside: Watched, place: OwnPlace) -> None:
    """It forgets who listened; whoever did comes back by himself, and looks."""
    for _ in range(ATTEMPTS):
        before = await figures(beside.far)
        restart = asyncio.create_task(restarted(place))
        people: list[str] = []
        while not restart.done():
            people.append(await beside.punch())
            await asyncio.sleep(0.05)
        await restart
        for person in people[-20:]:
            await beside.shown(person)
        await redis_is(beside.far, "ok")
        after = await figures(beside.far)
        assert rose(before, after, "hub_bell_losses_total{closed}") >= 1
        if rose(before, after, f"{HEALED}{{reconnect}}") >= 1:
            break
    else:
        raise AssertionError("never by a reconnect")
    await bells_ring_again(beside)


async def restarted(place: OwnPlace) -> None:
    await at_any_moment()
    await place.valkey.stop()
    await place.valkey.start()


async def test_a_redis_that_forgets_everything(beside: Watched, place: OwnPlace) -> None:
    """FLUSHALL takes nothing away that a board or a session needs: nothing is to heal."""
    before = await figures(beside.far)
    async with redis.from_url(place.valkey.url) as server:
        for _ in range(4):
            person = await beside.punch()
            await server.flushall()
            await beside.shown(person, 1.0)
    after = await figures(beside.far)
    assert holes(before, after) == {"late_bell": 0, "offset": 0, "head": 0, "reconnect": 0, "epoch": 0}
    assert rose(before, after, "hub_bell_losses_total{closed}") == 0


def holes(before: Figures, after: Figures) -> dict[str, float]:
    kinds = ("late_bell", "offset", "head", "reconnect", "epoch")
    return {kind: rose(before, after, f"{HEALED}{{{kind}}}") for kind in kinds}


async def test_a_redis_that_says_nothing(beside: Watched, place: OwnPlace) -> None:
    """Its sockets stay open: the hub's own probe tells, and the heads heal meanwhile."""
    before = await figures(beside.far)
    assert place.valkey.pid is not None
    with frozen([place.valkey.pid]):
        late = await lateness(beside, 3, pause_seconds=0.2)
        await redis_is(beside.far, "unavailable")
    print(f"Redis silent: boards late by {', '.join(f'{each:.2f}' for each in late)} s")
    assert max(late) <= LATE_SECONDS + TOLERANCE_SECONDS
    after = await figures(beside.far)
    assert rose(before, after, "hub_bell_losses_total{silent}") >= 1
    assert rose(before, after, f"{HEALED}{{head}}") >= 1
    await redis_is(beside.far, "ok")
    await bells_ring_again(beside)
