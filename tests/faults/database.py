"""The demo's database with the right to write, which `demo.json` doesn't give: faults need devices and plants."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.demo_file import DeviceKey
from tests.running_hub import RunningDemo


@asynccontextmanager
async def _as(demo: RunningDemo, user: str, secret: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The password lies in the folder of the demo's own PostgreSQL."""
    reader = urlsplit(demo.file.postgres_dsn)
    (path,) = demo.data.rglob(secret)
    connection = await asyncpg.connect(
        host=reader.hostname,
        port=reader.port,
        database=reader.path.lstrip("/"),
        user=user,
        password=path.read_text(),
    )
    try:
        yield connection
    finally:
        await connection.close()


def as_migrator(demo: RunningDemo) -> AbstractAsyncContextManager["asyncpg.Connection[asyncpg.Record]"]:
    return _as(demo, "attendance_migrator", "migrator.secret")


def as_superuser(demo: RunningDemo) -> AbstractAsyncContextManager["asyncpg.Connection[asyncpg.Record]"]:
    return _as(demo, "postgres", "superuser.secret")


@asynccontextmanager
async def as_reader(demo: RunningDemo) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def add_devices(demo: RunningDemo, count: int) -> list[DeviceKey]:
    """Active devices with keys of their own, spread over the sites."""
    devices = []
    async with as_migrator(demo) as database:
        for index in range(count):
            site = demo.file.sites[index % len(demo.file.sites)]
            key = Ed25519PrivateKey.generate()
            device_id = await database.fetchval(
                "INSERT INTO devices (site_id, name, public_key, status) VALUES ($1, $2, $3, 'active')"
                " RETURNING device_id",
                site.site_id,
                f"Fault test {index + 1}",
                key.public_key().public_bytes_raw(),
            )
            devices.append(DeviceKey(str(device_id), site.site_id, key.private_bytes_raw(), spare=False))
    return devices


async def retire_devices(demo: RunningDemo, devices: list[DeviceKey]) -> None:
    """Takes them out of what `complete_to` waits for."""
    async with as_migrator(demo) as database:
        await database.execute(
            "UPDATE devices SET retired = true, status = 'revoked', revoked_at = now()"
            " WHERE device_id = ANY($1::uuid[])",
            [device.device_id for device in devices],
        )
