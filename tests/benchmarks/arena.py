"""PostgreSQL and Valkey of the benchmark's own, the sample company with more people, and hubs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import aiohttp
import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.values import DeviceStatus, Role, parse_time
from server.demo.company import Company, make_company
from server.demo.seed import seed
from server.secrets.local import open_key_file
from server.secrets.provider import SecretsProvider
from server.services.hashing import SlowHashes
from server.services.person_seal import Personal, seal_new
from server.settings import Settings
from storage.bootstrap import DATABASE, DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres, EmbeddedValkey
from storage.migrate import migrate
from storage.models import Device, Employee
from storage.repositories import enrolment, personal
from tests.benchmarks import machine
from tests.benchmarks.processes import Child
from tests.running_hub import ONE_MACHINE, free_port

PEOPLE: Final = 4_000
"""More than the sample company has, so that a person punches as often as people do; half at each of two sites."""
POSTGRES: Final = {"max_wal_size": "4GB", "checkpoint_timeout": "30min"}
"""No checkpoint amid a measurement; commits are as durable as ever."""
SHARED_BUFFERS_MB: Final = 1_024
_PRISTINE: Final = "pristine"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A device of the benchmark."""

    device_id: UUID
    site_id: UUID
    private_key: bytes


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub as its own process."""

    child: Child
    url: str

    @property
    def ws_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/ws"


@dataclass(slots=True)
class Arena:
    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    dsns: DatabaseDsns
    company: Company
    secrets: SecretsProvider
    badges: dict[UUID, list[str]]
    """Badges of the people who were added, by their home site."""
    turn: int = 0
    """How often the people of each busy site have punched, one after the other."""
    cores: machine.Cores = field(default_factory=machine.Cores.here)

    @property
    def busy_sites(self) -> list[UUID]:
        return list(self.badges)

    @property
    def quiet_site(self) -> UUID:
        """A site of eighty people: its boards are small."""
        return self.company.sites[2].site_id

    def postgres_seconds(self) -> float:
        """CPU time of PostgreSQL and all of its processes so far."""
        assert self.postgres.pid is not None
        return machine.tree_cpu_seconds(self.postgres.pid)

    @asynccontextmanager
    async def hub(
        self,
        name: str,
        *,
        pinned: bool = False,
        dsns: DatabaseDsns | None = None,
        module: str = "server",
        **settings: object,
    ) -> AsyncIterator[Hub]:
        """A hub with its default settings but for those named, and for limits that one machine would feel."""
        port = free_port()
        environment = {
            "ATTENDANCE_POSTGRES_DSN": (dsns or self.dsns).hub_a,
            "ATTENDANCE_REDIS_URL": self.valkey.url,
            "ATTENDANCE_KEY_FILE": str(self.folder / "keys.json"),
            "ATTENDANCE_ACCESS_TOKEN_MINUTES": "60",
            **ONE_MACHINE,
            "ATTENDANCE_TOTP_REQUIRED_ROLES": "",  # people sign in here by password alone
            **{f"ATTENDANCE_{key.upper()}": str(value) for key, value in settings.items()},
        }
        child = await Child.start(
            name,
            module,
            "serve",
            "--port",
            str(port),
            folder=self.folder,
            cores=self.cores.server if pinned else None,
            environment=environment,
        )
        hub = Hub(child, f"http://127.0.0.1:{port}")
        try:
            await child.serves(f"{hub.url}/ready")
            yield hub
        finally:
            await child.stop()

    async def token(self, hub: Hub) -> str:
        """An administrator's access token, good for an hour."""
        account = next(account for account in self.company.accounts if account.role is Role.ADMIN)
        body = {"username": account.username, "password": account.password, "client": "native"}
        async with aiohttp.ClientSession() as session, session.post(f"{hub.url}/api/login", json=body) as answer:
            token: str = (await answer.json())["access_token"]
            return token

    async def add_terminals(self, count: int, *all_dsns: DatabaseDsns) -> list[Terminal]:
        """Active devices, alternating between the two busy sites; the same in each database named."""
        sites = self.busy_sites
        made = [
            (uuid4(), sites[number % len(sites)], Ed25519PrivateKey.generate(), f"Bench {uuid4()}")
            for number in range(count)
        ]
        devices = [
            Device(device_id, site_id, name, key.public_key().public_bytes_raw(), DeviceStatus.ACTIVE, None, None)
            for device_id, site_id, key, name in made
        ]
        for dsns in all_dsns or (self.dsns,):
            connection = await asyncpg.connect(dsns.migrator)
            try:
                await enrolment.add_devices(connection, devices)
            finally:
                await connection.close()
        return [Terminal(device_id, site_id, key.private_bytes_raw()) for device_id, site_id, key, _ in made]

    async def fresh_database(self, name: str) -> DatabaseDsns:
        """The company, its people, and no punch."""
        await _copy_database(self.postgres.superuser_dsn, _PRISTINE, name)
        return replace(
            self.dsns,
            migrator=named(self.dsns.migrator, name),
            hub_a=named(self.dsns.hub_a, name),
            reader=named(self.dsns.reader, name),
        )


@asynccontextmanager
async def arena(folder: Path) -> AsyncIterator[Arena]:
    """Up for as long as the context lasts; `folder` must be one that an unprivileged PostgreSQL may pass through."""
    async with (
        EmbeddedPostgres(folder / "postgres", shared_buffers_mb=SHARED_BUFFERS_MB, settings=POSTGRES) as postgres,
        EmbeddedValkey(folder / "valkey") as valkey,
    ):
        dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
        await migrate(dsns.migrator)
        company = _company()
        secrets = open_key_file(folder / "keys.json")
        hashes = SlowHashes.from_settings(
            Settings(
                postgres_dsn=dsns.hub_a,
                redis_url=valkey.url,
                key_file=folder / "keys.json",
                argon2_iterations=1,  # nobody here has a secret that is worth seconds
                argon2_memory_kib=8,
            )
        )
        try:
            await seed(dsns.migrator, company, secrets, hashes.hash)
        finally:
            hashes.close()
        badges = await _add_people(dsns, company, secrets)
        await _copy_database(postgres.superuser_dsn, DATABASE, _PRISTINE)
        yield Arena(folder, postgres, valkey, dsns, company, secrets, badges)


async def _copy_database(superuser_dsn: str, template: str, name: str) -> None:
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER attendance_owner")
    finally:
        await connection.close()


def named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def _company() -> Company:
    """A sample company whose first two sites, where the punches are, fall to two writers (of two)."""
    while True:
        company = make_company()
        first, second, _ = company.sites
        if first.site_id.int % 2 != second.site_id.int % 2:
            return company


async def _add_people(dsns: DatabaseDsns, company: Company, secrets: SecretsProvider) -> dict[UUID, list[str]]:
    badges: dict[UUID, list[str]] = {}
    people: list[Employee] = []
    held: list[tuple[bytes, UUID]] = []
    for order, site in enumerate(company.sites[:2]):
        department = next(item.department_id for item in company.departments if item.site_id == site.site_id)
        badges[site.site_id] = [f"BENCH{order}{number:07d}" for number in range(PEOPLE // 2)]
        for number, badge in enumerate(badges[site.site_id]):
            person = Employee(
                uuid4(), f"7{order}{number:06d}", f"Bench {number}", site.site_id, department, active=True, badges=1
            )
            people.append(person)
            held.append((secrets.badge_hash(badge), person.employee_id))
    await _write_people(dsns, secrets, people, held, company.hired_at)
    return badges


async def _write_people(
    dsns: DatabaseDsns,
    secrets: SecretsProvider,
    people: Sequence[Employee],
    held: Sequence[tuple[bytes, UUID]],
    hired_at: str,
) -> None:
    connection = await asyncpg.connect(dsns.migrator)
    try:
        async with connection.transaction():
            await enrolment.add_employees(connection, people, parse_time(hired_at))
            await personal.keep(
                connection,
                [seal_new(secrets, one.employee_id, Personal(display_name=one.display_name)) for one in people],
            )
            await enrolment.assign_badges(connection, held, parse_time(hired_at))
    finally:
        await connection.close()


async def settle(seconds: float = 0.3) -> None:
    """Let what the last measurement left behind be done with."""
    await asyncio.sleep(seconds)
