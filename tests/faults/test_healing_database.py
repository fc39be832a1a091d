"""A database that is restored or fails over: boards begin a new epoch, kiosks hand in again what it lacks."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from kiosk.identity import Identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import BadgeCredential, Kind
from protocol.values import to_binary
from storage.embedded.process import own_by_server
from tests.builders import badge_of
from tests.contract.connection import Connection, connect_person
from tests.faults.own_place import HEALED, Figures, OwnPlace, figures, rose
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

RIGHT_SECONDS: Final = 30.0
"""A database's start and the hubs' new connections to it included."""
QUICK: Final = Settings(backoff_base_seconds=0.2, backoff_cap_seconds=1.0, retry_delay_seconds=0.2)


@pytest.fixture
def hubs(near: ServingHub, far: ServingHub) -> list[ServingHub]:
    return [near, far]


@asynccontextmanager
async def a_kiosk(place: OwnPlace, hub: ServingHub, folder: Path, number: int) -> AsyncIterator[LinkedTerminal]:
    """The real one; its outbox keeps what was answered."""
    device = place.devices[number]
    identity = Identity.of(device.device_id, to_binary(device.private_key))
    terminal = LinkedTerminal(
        hub_url=hub.url, folder=folder / f"kiosk-{number}", identity=identity, settings=QUICK, lang="en"
    )
    await terminal.start()
    try:
        yield terminal
    finally:
        await terminal.stop()


async def recorded(place: OwnPlace, kiosk: LinkedTerminal, count: int) -> list[UUID]:
    """So many people's punches, each answered."""
    made = []
    for _ in range(count):
        async with asyncio.timeout(RIGHT_SECONDS):
            while not kiosk.state.clock_known:
                await asyncio.sleep(0.02)
            person = place.person(place.devices[0].site_id)
            ticket = await kiosk.punch(BadgeCredential(badge=badge_of(person)), Kind.IN)
            await ticket.answer()
            made.append(ticket.punch_id)
    return made


async def files_copied(place: OwnPlace, copy: Path) -> None:
    """The database's files as they are between a stop and a start."""
    await place.postgres.stop()
    subprocess.run(["cp", "-a", str(place.folder / "postgres" / "data"), str(copy)], check=True, timeout=60)
    await place.postgres.start()


async def put_back(place: OwnPlace, copy: Path, *, as_one_should: bool) -> None:
    """The files of `copy` in the place of newer ones; as one should means with a recovery, and so on a new timeline."""
    assert place.postgres.pid is not None
    os.kill(place.postgres.pid, signal.SIGQUIT)
    await place.postgres.stop()
    data = place.folder / "postgres" / "data"
    subprocess.run(["rm", "-r", str(data)], check=True, timeout=60)
    subprocess.run(["cp", "-a", str(copy), str(data)], check=True, timeout=60)
    await start_and_take_over(place) if as_one_should else await place.postgres.start()


async def start_and_take_over(place: OwnPlace) -> None:
    """As a standby of the files that are there, promoted."""
    signal_file = place.folder / "postgres" / "data" / "standby.signal"
    signal_file.touch()
    own_by_server(signal_file)
    await place.postgres.start()
    superuser = await asyncpg.connect(place.postgres.superuser_dsn)
    try:
        assert await superuser.fetchval("SELECT pg_promote(true, 30)")
    finally:
        await superuser.close()


async def punches_held(place: OwnPlace) -> set[UUID]:
    """In the database, each once."""
    reader = await asyncpg.connect(place.dsns.reader)
    try:
        rows = await reader.fetch("SELECT punch_id FROM punches")
    finally:
        await reader.close()
    found = [row["punch_id"] for row in rows]
    assert len(found) == len(set(found))
    return set(found)


class Board:
    """A watcher that does as section 5 says: on a head it can't use it watches again from where it stands."""

    def __init__(self, connection: Connection, site_id: str) -> None:
        self.connection = connection
        self.site_id = site_id
        self.epochs = [self.epoch]
        self.snapshots = 0

    @property
    def epoch(self) -> str:
        return self.connection.board.sites[self.site_id].epoch

    async def becomes(self, hub: ServingHub, place: OwnPlace) -> None:
        """Until it shows, of a new epoch, what a fresh state shows."""
        async with asyncio.timeout(RIGHT_SECONDS):
            while True:
                await self.connection.wait_for(lambda: bool(self.connection.board.stale), RIGHT_SECONDS)
                await self.connection.watch(after=self.connection.board.after())
                self.snapshots += not self.connection.board.sites[self.site_id].resumed
                self.epochs.append(self.epoch)
                if self.epoch != self.epochs[0]:
                    break
        async with connect_person(hub.ws_url, await place.token(hub)) as other:
            fresh = (await other.watch()).sites[self.site_id]
        mine = self.connection.board.sites[self.site_id]
        await self.connection.wait_for(lambda: mine.offset >= fresh.offset)
        assert (mine.epoch, mine.people) == (fresh.epoch, fresh.people)


async def everything_comes_back(
    place: OwnPlace, hubs: list[ServingHub], kiosks: list[LinkedTerminal], boards: list[Board], made: set[UUID]
) -> list[Figures]:
    """Boards are right in a new epoch; each punch that was ever answered is held once, whoever handed it in again."""
    del kiosks  # nobody touches them: an idle kiosk hands in again as well
    async with asyncio.timeout(RIGHT_SECONDS):
        while not await punches_held(place) >= made:
            await asyncio.sleep(0.1)
    assert await punches_held(place) == made
    for hub, board in zip(hubs, boards, strict=True):
        await board.becomes(hub, place)
        assert board.snapshots >= 1
    assert boards[0].epoch == boards[1].epoch
    return [await figures(hub) for hub in hubs]


@pytest.mark.parametrize("as_one_should", [True, False], ids=["recovered", "files put back"])
async def test_a_database_that_is_restored(
    place: OwnPlace, hubs: list[ServingHub], tmp_path: Path, as_one_should: bool
) -> None:
    """It lacks the last punches, which were answered; hubs and idle kiosks live on."""
    copy = place.folder / f"copy-{as_one_should}"
    async with (
        a_kiosk(place, hubs[0], tmp_path, 0) as here,
        a_kiosk(place, hubs[1], tmp_path, 1) as there,
        connect_person(hubs[0].ws_url, await place.token(hubs[0])) as first,
        connect_person(hubs[1].ws_url, await place.token(hubs[1])) as second,
    ):
        earlier = await punches_held(place)
        made = earlier | {*await recorded(place, here, 4), *await recorded(place, there, 2)}
        await files_copied(place, copy)
        lost = {*await recorded(place, here, 5), *await recorded(place, there, 3)}
        boards = []
        for connection in (first, second):
            await connection.watch()
            boards.append(Board(connection, place.devices[0].site_id))
        before = [await figures(hub) for hub in hubs]
        await put_back(place, copy, as_one_should=as_one_should)
        after = await everything_comes_back(place, hubs, [here, there], boards, made | lost)
        for earlier_figures, later_figures in zip(before, after, strict=True):
            assert rose(earlier_figures, later_figures, f"{HEALED}{{epoch}}") >= 1
            assert rose(earlier_figures, later_figures, "hub_closes_total{3010}") == 1
        more = {*await recorded(place, here, 1), *await recorded(place, there, 1)}
        assert await punches_held(place) == made | lost | more


async def test_a_standby_that_takes_over(place: OwnPlace, hubs: list[ServingHub], tmp_path: Path) -> None:
    """Nothing is lost, and boards begin a new epoch all the same: whether something is lost nobody knows at once."""
    async with (
        a_kiosk(place, hubs[0], tmp_path, 0) as kiosk,
        connect_person(hubs[0].ws_url, await place.token(hubs[0])) as first,
        connect_person(hubs[1].ws_url, await place.token(hubs[1])) as second,
    ):
        made = await punches_held(place) | {*await recorded(place, kiosk, 3)}
        boards = []
        for connection in (first, second):
            await connection.watch()
            boards.append(Board(connection, place.devices[0].site_id))
        before = [await figures(hub) for hub in hubs]
        assert place.postgres.pid is not None
        os.kill(place.postgres.pid, signal.SIGQUIT)
        await place.postgres.stop()
        await start_and_take_over(place)
        after = await everything_comes_back(place, hubs, [kiosk], boards, made)
        for earlier_figures, later_figures in zip(before, after, strict=True):
            assert rose(earlier_figures, later_figures, f"{HEALED}{{epoch}}") >= 1
