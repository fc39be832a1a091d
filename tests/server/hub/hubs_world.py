"""Several hubs on one database, each with its own boards that heal themselves, on virtual time.

What hubs ring each other goes through a bell that delays, reorders, doubles and loses.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest import mock

import asyncpg

from server.hub.outgoing import Flusher
from server.hub.subscriptions import Switchboard
from server.rules.permissions import Scope
from server.services.bell import Bell
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.terminals import Terminals
from server.telemetry.metrics import Healed, Metrics
from storage.errors import StorageError
from storage.live_channel import LiveChannel
from storage.models import Department, SiteChanges
from storage.postgres import Database
from tests.journey.virtual_time import Process, VirtualLoop
from tests.server.hub.fakes import FakeDirectory, FakeTerminals
from tests.server.hub.stream_world import NORTH, PEOPLE, SITES, SOUTH, Truth
from tests.server.hub.truth_database import TruthDatabase
from tests.server.hub.wandering_client import WanderingClient

METRICS: Final = Metrics(version="1")
KEPT_CHANGES: Final = 6
READ_AT_ONCE: Final = 2
"""Of a hole: it is read in pieces, which end amid a batch."""
POLL_SECONDS: Final = 1.0
HOLE_WAIT_SECONDS: Final = 0.05
BELL_SECONDS: Final = (0.001, 0.08)


class _StaticDirectory(FakeDirectory):
    async def read(self, _version: int) -> None:
        """Names don't change here."""


class _Channel:
    """A hub's way to Redis, and from there to all hubs, itself among them."""

    def __init__(self, world: "HubsWorld") -> None:
        self._world = world

    async def publish(self, batches: Sequence[SiteChanges]) -> bool:
        await asyncio.sleep(0.001)
        if not self._world.bell_is_broken:
            self._world.spread(batches)
        return not self._world.bell_is_broken


class OneHub(Process):
    """What of a hub is between its commits and its sockets, as `server/app.py` puts it together.

    Heads are the machine's to send: what a client learns in time it learns from pushes.
    """

    def __init__(self, world: "HubsWorld") -> None:
        super().__init__()
        directory = cast("Directory", world.directory)
        self.metrics = METRICS
        self.boards = Boards(
            Database(cast("asyncpg.Pool[asyncpg.Record]", world.database), acquire_timeout_seconds=1),
            directory,
            METRICS,
            resume_limit_changes=KEPT_CHANGES,
            hole_wait_seconds=HOLE_WAIT_SECONDS,
            poll_interval_seconds=POLL_SECONDS,
        )
        self.switchboard = Switchboard(self.boards, directory, cast("Terminals", FakeTerminals()))
        self.flusher = Flusher()
        self.bell = Bell(self.boards, cast("LiveChannel", _Channel(world)))
        self.is_up = False
        self.start(self._run())

    async def _run(self) -> None:
        while not self.is_up:
            try:
                await self.boards.start()
            except StorageError:  # its process ends then, and is started again
                await asyncio.sleep(0.5)
            else:
                self.bell.start()
                self.boards.look(Healed.RECONNECT)
                self.is_up = True

    def behind(self, truth: Truth) -> list[tuple[object, ...]]:
        """Of each site whose board isn't what the log says: the place there, and here."""
        feeds = [(self.boards.feeds[site_id], len(log)) for site_id, log in truth.logs.items()]
        return [
            ((truth.epoch, head), (feed.epoch, feed.offset))
            for feed, head in feeds
            if (feed.epoch, feed.offset) != (truth.epoch, head) or feed.people != truth.board(feed.site_id)
        ]


class HubsWorld:
    def __init__(self, seed: int, scopes: Sequence[Scope]) -> None:
        self.loop = VirtualLoop()
        self.chance = random.Random(seed)
        self.database = TruthDatabase(self.chance)
        self.directory = _StaticDirectory(
            {site.site_id: site for site in SITES},
            {department: Department(department, SITES[0].site_id, "") for department in (NORTH, SOUTH)},
            {person.employee_id: person for person in PEOPLE},
        )
        self.bell_is_broken = False
        self.hubs: list[OneHub] = []
        self.clients = [WanderingClient(self.loop, lambda: self.truth, scope) for scope in scopes]
        self._ending = ExitStack()
        self._ending.enter_context(mock.patch("server.services.boards._READ_AT_ONCE", READ_AT_ONCE))
        self.log = self._ending.enter_context(mock.patch("server.services.boards._log"))
        self._ending.enter_context(mock.patch("server.services.bell._log"))
        # Rests between rounds, and how long a socket has been stuck, pass by the same clock as all else.
        clock = SimpleNamespace(monotonic=self.loop.time)
        self._ending.enter_context(mock.patch("server.hub.outgoing.time", clock))

    @property
    def truth(self) -> Truth:
        return self.database.truth

    def begin(self, hubs: int) -> None:
        def start() -> None:
            self.hubs = [OneHub(self) for _ in range(hubs)]

        self.call(start)
        self.run(0.3)
        for number, client in enumerate(self.clients):
            self.call(client.go_to, self.hubs[number % hubs])

    def spread(self, batches: Sequence[SiteChanges]) -> None:
        """By the bell: to each hub late, twice or never."""
        for hub in self.hubs:
            for batch in batches:
                for _ in range(self.chance.choice([0, 1, 1, 1, 1, 2])):
                    self.loop.call_later(self.chance.uniform(*BELL_SECONDS), self._heard, hub, batch)

    @staticmethod
    def _heard(hub: OneHub, batch: SiteChanges) -> None:
        if hub.alive and hub.is_up:
            hub.boards.heard(batch)

    def mend_bell(self) -> None:
        """Hubs listen again: what rang meanwhile they look for."""
        self.bell_is_broken = False
        for hub in self.hubs:
            if hub.is_up:
                hub.boards.look(Healed.RECONNECT)

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def call(self, act: Callable[..., object], *arguments: object, **named: Any) -> None:  # noqa: ANN401 - the act's own
        """On the loop, as the product is called."""

        async def do() -> None:
            act(*arguments, **named)

        self.loop.run_until_complete(do())

    def restart(self, number: int) -> None:
        """Its clients are cut off and stay so until they are led to a hub again."""
        old = self.hubs[number]
        for client in self.clients:
            if client.line is not None and client.line.hub is old:
                client.leave()
        old.kill()
        self.hubs[number] = OneHub(self)

    def faults(self) -> list[object]:
        """What must not be, whatever happens: bugs that hubs met, epochs ended for nothing, boards that never were."""
        wrong = [f"client {number}: {wrong}" for number, client in enumerate(self.clients) for wrong in client.wrong]
        return [*self.loop.faults, *self.log.error.call_args_list, *self.database.ended, *wrong]

    def close(self) -> None:
        for hub in self.hubs:
            self.call(hub.kill)
        self.run(0.01)
        self.loop.close()
        self._ending.close()
