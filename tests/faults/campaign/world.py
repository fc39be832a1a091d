"""Everything that the campaign harms: PostgreSQL, Valkey and several hubs, with a fault proxy in every way between."""

import asyncio
import contextlib
import os
import random
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from server.secrets.local import open_key_file
from storage.bootstrap import DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres, EmbeddedValkey
from storage.migrate import migrate
from tests.faults.campaign.company import Staff, found_company
from tests.faults.campaign.proxy import Address, FaultProxy
from tests.faults.campaign.schedule import Plan
from tests.running_hub import ONE_MACHINE, ServingHub

# Below the range from which outgoing connections take theirs: a hub that is killed must find its port free again.
PORTS: Final = range(20_000, 32_000)
READY_SECONDS: Final = 30.0
START_ATTEMPTS: Final = 4
HUB_SETTINGS: Final = {
    **ONE_MACHINE,
    "ATTENDANCE_DEBOUNCE_SECONDS": "2",
    "ATTENDANCE_ACCESS_TOKEN_MINUTES": "60",
    "ATTENDANCE_LOGINS_PER_MINUTE": "1000",
    "ATTENDANCE_LOGIN_ATTEMPTS": "1000",
    "ATTENDANCE_LOGIN_ATTEMPTS_OF_NAME": "1000",
    "ATTENDANCE_LOGIN_ATTEMPTS_OF_ADDRESS": "1000",
    "ATTENDANCE_LOG_LEVEL": "warning",
}


def kept_port() -> int:
    """A loopback port that nobody else on this machine is likely to take while its owner is dead."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def through(url: str, address: Address) -> str:
    """The same URL by way of a proxy."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{credentials}{at}{address[0]}:{address[1]}"))


@dataclass
class Hub:
    """A hub's place: the process in it may die, its port and its proxies stay."""

    name: str
    port: int
    environment: dict[str, str]
    log: Path
    boards: FaultProxy
    to_postgres: FaultProxy
    to_valkey: FaultProxy
    process: ServingHub | None = None
    is_up: bool = False
    """Ready, as far as the campaign has brought it."""

    def begin(self) -> ServingHub:
        """Start a process in this place, on the main thread; it isn't ready yet."""
        self.process = ServingHub(self.environment, self.log, self.port)
        return self.process

    async def start(self) -> None:
        """Start until it is ready: one that meets a fault on the way up ends by itself, and is started again."""
        for attempt in range(START_ATTEMPTS):
            process = self.begin()
            try:
                await asyncio.to_thread(process.wait_ready, READY_SECONDS)
            except AssertionError:
                if attempt == START_ATTEMPTS - 1:
                    raise
            else:
                self.is_up = True
                return

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.process.pid


@dataclass
class World:
    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    dsns: DatabaseDsns
    staff: Staff
    hubs: list[Hub]
    kiosks: FaultProxy
    people: Path
    """A file in the form of `demo.json`."""
    addresses: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.addresses = (self.postgres.superuser_dsn, self.valkey.url)

    @property
    def kiosk_url(self) -> str:
        return f"http://127.0.0.1:{self.kiosks.port}"

    async def start_postgres(self) -> None:
        """Begin it again after its end, where it was."""
        await self.postgres.stop()
        await self.postgres.start()
        assert self.postgres.superuser_dsn == self.addresses[0], "PostgreSQL's port was taken meanwhile"

    async def start_valkey(self) -> None:
        await self.valkey.stop()
        await self.valkey.start()
        assert self.valkey.url == self.addresses[1], "Valkey's port was taken meanwhile"

    def stop_hubs(self) -> None:
        """Nothing writes to the database any more."""
        for hub in self.hubs:
            if hub.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(hub.pid, signal.SIGCONT)
                hub.process.kill()


@asynccontextmanager
async def running_world(folder: Path, dice: random.Random, *, plan: Plan) -> AsyncIterator[World]:
    """All of it, started; ended in order with the block. On the main thread alone."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(EmbeddedPostgres(folder / "postgres", shared_buffers_mb=64))
        valkey = await stack.enter_async_context(EmbeddedValkey(folder / "valkey"))
        dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
        await migrate(dsns.migrator)
        key_file = folder / "keys.json"
        staff = await found_company(
            dsns.migrator,
            open_key_file(key_file),
            sites=plan.sites,
            people_per_site=plan.people_per_site,
            kiosks=plan.kiosks,
            outsiders=plan.outsiders,
        )
        environment = {
            **HUB_SETTINGS,
            "ATTENDANCE_POSTGRES_DSN": dsns.hub_a,
            "ATTENDANCE_REDIS_URL": valkey.url,
            "ATTENDANCE_KEY_FILE": str(key_file),
            "ATTENDANCE_TOTP_REQUIRED_ROLES": "",  # people sign in here by password alone
        }
        places = [await _a_place(stack, folder, number, dice, environment) for number in range(1, plan.hubs + 1)]
        to_hubs = FaultProxy("kiosk-hub", [("127.0.0.1", hub.port) for hub in places], dice)
        await stack.enter_async_context(to_hubs.running())
        people = folder / "people.json"
        staff.write(people, url=f"http://127.0.0.1:{to_hubs.port}")
        world = World(folder, postgres, valkey, dsns, staff, places, to_hubs, people)
        stack.callback(world.stop_hubs)
        for hub in places:
            await hub.start()
        yield world


async def _a_place(
    stack: AsyncExitStack, folder: Path, number: int, dice: random.Random, environment: dict[str, str]
) -> Hub:
    """A hub's place with its proxies; `environment` is that of a hub without any."""

    async def proxy(name: str, backend: Address) -> FaultProxy:
        return await stack.enter_async_context(FaultProxy(name, [backend], dice).running())

    port = kept_port()
    postgres_dsn, redis_url = environment["ATTENDANCE_POSTGRES_DSN"], environment["ATTENDANCE_REDIS_URL"]
    to_postgres = await proxy("hub-postgres", _address(postgres_dsn))
    to_valkey = await proxy("hub-valkey", _address(redis_url))
    return Hub(
        name=f"hub {number}",
        port=port,
        environment={
            **environment,
            "ATTENDANCE_POSTGRES_DSN": through(postgres_dsn, to_postgres.address),
            "ATTENDANCE_REDIS_URL": through(redis_url, to_valkey.address),
        },
        log=folder / f"hub-{number}.log",
        boards=await proxy("board-hub", ("127.0.0.1", port)),
        to_postgres=to_postgres,
        to_valkey=to_valkey,
    )


def _address(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
