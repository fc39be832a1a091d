"""Two kiosks, two hubs, one database and the lines between them: the product's own parts on time that is the test's.

Real: the terminal with its outbox file, tickets, uplink, conversation, session and delivery; a hub's connection,
handshake, commands, ingest, preparation, attendance, rules and the repositories' functions. Stood in for: the
network (`network.py`), PostgreSQL (`memory_store.py`, held to the real one by `test_store.py`), threads and clocks.
"""

import asyncio
import contextlib
import random
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.clock import Boot
from kiosk.identity import Identity
from kiosk.link.client import LinkDown
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings as KioskSettings
from server.commands.registry import Commands
from server.hub.connection import Connection
from server.hub.connections import Connections
from server.hub.context import HubContext
from server.hub.outgoing import Flusher
from server.rules.punches import PunchRules
from server.secrets.local import LocalSecrets
from server.services.attendance import Attendance
from server.services.directory import Directory
from server.services.ingest import Ingest
from server.services.kiosks import Kiosks
from server.services.pins import PinCheck
from server.services.preparation import Preparation
from server.settings import Settings
from server.telemetry.metrics import Metrics
from storage.errors import StorageUnavailable
from storage.models import Department, Employee, Site, SiteChanges
from storage.postgres import Database
from tests.builders import ADevice, Company, enrol
from tests.journey.memory_store import MemoryStore, Trap
from tests.journey.memory_tables import Tables
from tests.journey.network import Line, as_any
from tests.journey.virtual_time import Process, ProcessIsGone, VirtualLoop

MEMORY: Final = Path("/dev/shm")
NAMES: Final = UUID(int=7)
HUB_SETTINGS: Final = Settings(
    postgres_dsn="postgresql://hub@nowhere/none",
    redis_url="redis://nowhere/0",
    key_file=Path("/nonexistent"),
    max_in_flight=5,
    # The bucket asks the machine's own clock, which stands still here.
    commands_per_second=1_000,
    account_check_interval_ms=4_000,
)
QUEUE_MAX: Final = 6
BATCH_MAX: Final = 3
KIOSK_SETTINGS: Final = KioskSettings(
    max_in_flight=8,
    refused_retry_seconds=20,
    backoff_cap_seconds=5,
    answered_kept_days=10 / 86_400,
    prune_interval_seconds=15,
    time_sync_samples=2,
)
METRICS: Final = Metrics(version="1")
"""One for all hubs: it decides nothing, and making it takes longer than a whole example."""


@dataclass
class Clocks:
    """How far each clock is from the true time."""

    kiosk_seconds: float = 0
    hub_seconds: dict[int, float] = field(default_factory=lambda: {0: 0.0, 1: 0.0})
    database_seconds: float = 0


@dataclass(frozen=True)
class VirtualBoot(Boot):
    loop: VirtualLoop
    booted_at: float

    def monotonic_ms(self) -> int:
        return 5_000 + int((self.loop.time() - self.booted_at) * 1_000)


class HubProcess(Process):
    def __init__(self, world: "World", number: int) -> None:
        super().__init__()
        self.number = number
        self.is_up = False
        self.lines: list[Line] = []
        self.rung: list[SiteChanges] = []
        self._world = world
        database = Database(as_any(world.store.pool(self._trap)), acquire_timeout_seconds=5)
        self._directory = Directory(database, world.secrets)
        self._ingest = Ingest(
            Attendance(database, world.secrets, self._directory, PunchRules(), unknown_badge_minutes=15),
            Preparation(
                world.secrets, badge_pattern=HUB_SETTINGS.badge_pattern, number_pattern=HUB_SETTINGS.number_pattern
            ),
            PinCheck(database, world.secrets, as_any(None), as_any(None)),
            METRICS,
            self,
            writers=1 + number,
            batch_max_punches=BATCH_MAX,
            queue_max=QUEUE_MAX,
            crypto_threads=1,
        )
        self.context = HubContext(
            hub_id=UUID(int=1_000 + number),
            version="1",
            started_at=world.loop.now(),
            clock=lambda: world.loop.now() + timedelta(seconds=world.clocks.hub_seconds[number]),
            settings=HUB_SETTINGS,
            database=database,
            live_channel=as_any(None),
            secrets=world.secrets,
            metrics=METRICS,
            directory=self._directory,
            boards=as_any(SimpleNamespace(epoch=world.store.tables.epoch)),
            terminals=as_any(None),
            switchboard=as_any(SimpleNamespace(tick=lambda: None)),
            flusher=Flusher(),
            accounts=as_any(SimpleNamespace(revalidate=_nobody)),
            kiosks=Kiosks(database, world.secrets, self._directory),
            ingest=self._ingest,
            acts=as_any(None),
            pairing=as_any(None),
            fleet=as_any(None),
            roster=as_any(None),
            erasure=as_any(None),
            badges=as_any(None),
            places=as_any(None),
            people_import=as_any(None),
            account_admin=as_any(None),
            own_account=as_any(None),
            sessions=as_any(None),
        )
        self._connections = Connections(self.context)
        self.start(self._begin())

    def ring(self, batches: Any) -> None:  # noqa: ANN401 - as the bell it stands for
        self.rung += batches

    async def _begin(self) -> None:
        """As whoever looks after hubs does it: started again until it finds its database."""
        while not self.is_up:
            with contextlib.suppress(StorageUnavailable):
                await self._directory.read(1)
                self._ingest.start()
                self._connections.start()
                self.is_up = True

    def serve(self, line: Line) -> None:
        self.lines.append(line)
        line.transport.on_write = partial(self._world.watcher.hub_said, line)
        connection = Connection(self.context, as_any(line.socket), as_any(line.transport), Commands(dict))
        self.start(self._connections.serve(connection))

    async def drain(self) -> None:
        """As `server/app.py` ends a hub."""
        self.context.draining = True
        await self._ingest.drain(5)
        await self._connections.drain(5)
        self.kill()

    def kill(self) -> None:
        if self.alive:
            super().kill()
            for line in self.lines:
                line.hub_is_gone()

    def _trap(self, statement: str) -> None:
        if self._world.trap is not None and self._world.trapped_hub == self.number:
            self._world.trap(statement)


async def _nobody(_session_ids: object) -> dict[UUID, object]:
    return {}


class KioskProcess(Process):
    """A terminal on its data folder, from its start to its end."""

    def __init__(self, world: "World", device: ADevice, folder: Path, boot: VirtualBoot) -> None:
        super().__init__()
        self.device = device
        self.folder = folder
        self.boot = boot
        self.line: Line | None = None
        self.statements_left: int | None = None
        self._world = world
        world.booting = boot
        self.terminal = LinkedTerminal(
            hub_url=str(device.device_id),
            folder=folder,
            identity=Identity(device.device_id, device.key),
            settings=KIOSK_SETTINGS,
            lang="es",
        )
        self.started = self.start(self.terminal.start())

    def kill(self, *, already_copied: bool = False) -> None:
        """Power is gone: what lies on the disk at this moment is what the next process finds."""
        if not self.alive:
            return
        if not already_copied:
            self.copy_disk()
        super().kill()
        if self.line is not None:
            self.line.kiosk_is_gone()

    def copy_disk(self) -> None:
        self.after = self.folder.with_name(f"{self.folder.name}+")
        shutil.copytree(self.folder, self.after, ignore=shutil.ignore_patterns("lock"))

    def close(self) -> None:
        """Free what the test's own process holds for it."""
        outbox = self.terminal._outbox
        if outbox is not None:
            outbox._outbox.close()
            outbox._lock.release()
            self.terminal._outbox = None

    def statement(self) -> None:
        """Called before each statement of its outbox."""
        if not self.alive:
            raise ProcessIsGone
        if self.statements_left is not None:
            self.statements_left -= 1
            if self.statements_left < 0:
                self.statements_left = None
                self.kill()
                raise ProcessIsGone


class Watcher:
    """Who looks at everything that is said; the checks are the machine's."""

    def hub_said(self, line: Line, frame: bytes) -> None: ...

    def kiosk_said(self, kiosk: KioskProcess, line: Line, frame: bytes) -> None: ...

    def kiosk_heard(self, kiosk: KioskProcess, line: Line, frame: str) -> None: ...

    def logged(self, what: str, fault: object) -> None:
        """An error in the log of a hub or of a kiosk's link: a bug, whatever broke around it."""


class World:
    def __init__(self, secrets: LocalSecrets, watcher: Watcher, seed: int) -> None:
        self.loop = VirtualLoop()
        self.secrets = secrets
        self.watcher = watcher
        self.chance = random.Random(seed)
        self.clocks = Clocks()
        self.root = Path(tempfile.mkdtemp(prefix="journey-", dir=MEMORY if MEMORY.is_dir() else None))
        self.company, self.devices = a_small_company()
        self.store = MemoryStore(
            Tables(
                clock=lambda: self.loop.now() + timedelta(seconds=self.clocks.database_seconds), epoch=UUID(int=500)
            ),
            chance=self.chance,
        )
        self.trap: Trap | None = None
        self.trapped_hub = 0
        self.route = {device.device_id: 0 for device in self.devices}
        """Where a kiosk's address leads."""
        self._ids = 0
        self.booting = self._boot()
        self.hubs: list[HubProcess] = []
        self.kiosks: list[KioskProcess] = []

    async def begin(self) -> None:
        await enrol(as_any(await self._owner()), self.secrets, self.company, self.devices)
        self.hubs = [HubProcess(self, number) for number in range(2)]
        for number, device in enumerate(self.devices):
            folder = self.root / str(number)
            folder.mkdir()
            self.kiosks.append(KioskProcess(self, device, folder, self._boot()))

    async def _owner(self) -> object:
        async with self.store.pool().acquire(timeout=1) as connection:
            return connection

    def new_id(self, _moment: datetime | None = None) -> UUID:
        """Ids that are the same whenever the same steps are taken."""
        self._ids += 1
        return uuid5(NAMES, str(self._ids))

    def _boot(self) -> VirtualBoot:
        return VirtualBoot(self.new_id(), survives_process=True, loop=self.loop, booted_at=self.loop.time())

    def wall_clock(self) -> datetime:
        return self.loop.now() + timedelta(seconds=self.clocks.kiosk_seconds)

    @asynccontextmanager
    async def connect(self, address: str, _settings: KioskSettings) -> AsyncIterator[Any]:
        """In the place of `kiosk.link.client.connect`."""
        kiosk = next(one for one in self.kiosks if str(one.device.device_id) == address)
        hub = self.hubs[self.route[kiosk.device.device_id]]
        if not hub.is_up or not hub.alive or hub.context.draining:
            raise LinkDown("the hub can't be reached")
        kiosk.line = line = Line(self.chance)
        line.wire.on_send = partial(self.watcher.kiosk_said, kiosk, line)
        line.wire.on_receive = partial(self.watcher.kiosk_heard, kiosk, line)
        hub.serve(line)
        try:
            yield line.wire
        finally:
            line.kiosk_is_gone()

    def restart_kiosk(self, number: int, *, reboot: bool) -> None:
        old = self.kiosks[number]
        old.kill()
        old.close()
        boot = self._boot() if reboot else old.boot
        self.kiosks[number] = KioskProcess(self, old.device, old.after, boot)

    def restart_hub(self, number: int) -> None:
        self.hubs[number].kill()
        self.hubs[number] = HubProcess(self, number)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def close(self) -> None:
        for process in [*self.hubs, *self.kiosks]:
            self.loop.call_soon(process.kill)
        self.run(0.01)
        for kiosk in self.kiosks:
            kiosk.close()
        self.loop.close()
        shutil.rmtree(self.root)


def a_small_company() -> tuple[Company, list[ADevice]]:
    """Two sites with two people and one terminal each; the same ids and keys every time."""
    sites = [Site(_id(f"site {number}"), f"Site {number}", "Europe/Madrid") for number in range(2)]
    departments = [Department(_id(f"department of {site.name}"), site.site_id, "All") for site in sites]
    employees = [
        Employee(
            _id(f"person {number}"),
            str(number + 1),
            f"Person {number + 1}",
            sites[number % 2].site_id,
            departments[number % 2].department_id,
            active=True,
            badges=1,
        )
        for number in range(4)
    ]
    devices = [
        ADevice(
            site.site_id,
            device_id=_id(f"device at {site.name}"),
            key=Ed25519PrivateKey.from_private_bytes(bytes([number + 1]) * 32),
        )
        for number, site in enumerate(sites)
    ]
    return Company(sites, departments, employees), devices


def _id(name: str) -> UUID:
    return uuid5(NAMES, name)
