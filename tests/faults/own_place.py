"""A company with servers of its own (PostgreSQL, Valkey) and hubs beside each other: all of it may be struck."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import aiohttp
import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from protocol.values import DeviceStatus, Role
from server.secrets.local import open_key_file
from server.services.hashing import SlowHashes
from storage.bootstrap import DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres, EmbeddedValkey
from storage.migrate import migrate
from storage.models import Device, Employee
from storage.repositories import accounts, enrolment
from tests.builders import HIRED_AT, Company, a_company, add_people, badge_of
from tests.contract.demo_file import Account, DeviceKey
from tests.contract.tokens import login
from tests.running_hub import ONE_MACHINE, ServingHub

METRICS_TOKEN: Final = "a-token-of-the-tests-own"
START_SECONDS: Final = 60.0


@dataclass
class OwnPlace:
    """`open` starts the servers, `start_hub` a hub on them, `close` ends all. Call both on the main thread."""

    company: Company
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="attendance-place-")))
    devices: list[DeviceKey] = field(default_factory=list)
    hubs: list[ServingHub] = field(default_factory=list)
    _next_person: int = 0

    @classmethod
    async def open(cls, *, people: int, devices: int, sites: int = 2) -> "OwnPlace":
        """`people` a site; `devices` in turn over the sites."""
        place = cls(a_company(sites=sites, people=people))
        place.folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
        place.postgres = EmbeddedPostgres(place.folder / "postgres", shared_buffers_mb=64)
        place.valkey = EmbeddedValkey(place.folder / "valkey")
        try:
            await asyncio.wait_for(place.postgres.start(), START_SECONDS)
            await asyncio.wait_for(place.valkey.start(), START_SECONDS)
            place.dsns = await bootstrap(place.postgres.superuser_dsn, place.postgres.role_passwords())
            await migrate(place.dsns.migrator)
            await place._enrol(devices)
        except BaseException:
            await place.close()
            raise
        return place

    postgres: EmbeddedPostgres = field(init=False)
    valkey: EmbeddedValkey = field(init=False)
    dsns: DatabaseDsns = field(init=False)

    async def _enrol(self, devices: int) -> None:
        secrets = open_key_file(self.folder / "keys.json")
        hashes = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=8)
        rows = []
        for number in range(devices):
            site_id, key = self.company.sites[number % len(self.company.sites)].site_id, Ed25519PrivateKey.generate()
            self.devices.append(DeviceKey(str(uuid4()), str(site_id), key.private_bytes_raw(), spare=True))
            public_key = key.public_key().public_bytes_raw()
            device_id = UUID(self.devices[-1].device_id)
            rows.append(
                Device(device_id, site_id, f"Terminal {number + 1}", public_key, DeviceStatus.ACTIVE, None, None)
            )
        connection = await asyncpg.connect(self.dsns.migrator)
        try:
            async with connection.transaction():
                await enrolment.add_sites(connection, self.company.sites)
                await enrolment.add_departments(connection, self.company.departments)
                await add_people(connection, secrets, self.company.employees)
                badges = [(secrets.badge_hash(badge_of(one)), one.employee_id) for one in self.company.employees]
                await enrolment.assign_badges(connection, badges, HIRED_AT)
                await enrolment.add_devices(connection, rows)
                await accounts.add_account(
                    connection,
                    accounts.Account(
                        account_id=uuid4(),
                        username=self.admin.username,
                        role=Role.ADMIN,
                        password_hash=await hashes.hash(self.admin.password.encode()),
                    ),
                )
        finally:
            hashes.close()
            await connection.close()

    @property
    def admin(self) -> Account:
        return Account("admin", "admin", "correct horse battery", None, None)

    async def token(self, hub: ServingHub) -> str:
        token: str = (await login(hub.url, self.admin))["access_token"]
        return token

    def person(self, site_id: str) -> Employee:
        """The next of a site's people: who was taken before comes again once all were."""
        people = [one for one in self.company.employees if str(one.site_id) == site_id]
        self._next_person += 1
        return people[self._next_person % len(people)]

    def begin_hub(self, *, redis_url: str | None = None, port: int | None = None, **settings: object) -> ServingHub:
        """A hub that isn't ready yet; `settings` are its fields by name."""
        environment = {
            "ATTENDANCE_POSTGRES_DSN": self.dsns.hub_a,
            "ATTENDANCE_REDIS_URL": redis_url or self.valkey.url,
            "ATTENDANCE_KEY_FILE": str(self.folder / "keys.json"),
            "ATTENDANCE_METRICS_TOKEN": METRICS_TOKEN,
            **ONE_MACHINE,
            "ATTENDANCE_TOTP_REQUIRED_ROLES": "",  # people sign in here by password alone
            **{f"ATTENDANCE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.hubs.append(ServingHub(environment, self.folder / f"hub-{len(self.hubs) + 1}.log", port))
        return self.hubs[-1]

    async def start_hub(
        self, *, redis_url: str | None = None, port: int | None = None, **settings: object
    ) -> ServingHub:
        """A hub that records, and hears its bell."""
        hub = self.begin_hub(redis_url=redis_url, port=port, **settings)
        await asyncio.to_thread(hub.wait_ready)
        await redis_is(hub, "ok")
        return hub

    async def close(self) -> None:
        for hub in self.hubs:
            hub.kill()
        if self.postgres.pid is not None:
            os.kill(self.postgres.pid, signal.SIGQUIT)  # at once: nobody will read what it would write in order
        for server in (self.valkey, self.postgres):
            await server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


async def redis_is(hub: ServingHub, state: str, seconds: float = 20) -> None:
    """Until `/ready` says so of Redis."""
    async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{hub.url}/ready") as answer:
                if (await answer.json())["redis"] == state:
                    return
            await asyncio.sleep(0.05)


Figures = Mapping[str, float]


async def figures(hub: ServingHub) -> Figures:
    """What `/metrics` says: by name, or by `name{value of its one label}`."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{hub.url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(sample.labels.values())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


HEALED: Final = "hub_holes_healed_total"


def rose(before: Figures, after: Figures, name: str) -> float:
    """By how much a counter did; one that was never touched may be missing."""
    return after.get(name, 0) - before.get(name, 0)
