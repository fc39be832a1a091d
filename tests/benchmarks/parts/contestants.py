"""Whoever takes punches: hubs, the naive design and the ceiling, each driven through `prepare` and `run`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from protocol.values import format_time, to_binary
from server.secrets.local import utc_now
from server.settings import Settings
from storage.bootstrap import DatabaseDsns
from tests.benchmarks.arena import Arena, named
from tests.benchmarks.ceiling import Plan as CeilingPlan
from tests.benchmarks.clients.kiosks import Device, Plan
from tests.benchmarks.peers.naive_server import SCHEMA
from tests.benchmarks.processes import Child, Meter, profiled
from tests.running_hub import free_port

CORES: Final = len(os.sched_getaffinity(0))
BEGIN_DAYS_AGO: Final = 60
"""Before all that is punched in a run, four hours of it a lap."""


def begin(days_ago: int = BEGIN_DAYS_AGO) -> str:
    """A full hour so long ago."""
    return format_time(utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(days=days_ago))


async def devices(arena: Arena, count: int, *dsns: DatabaseDsns) -> list[Device]:
    sites = arena.busy_sites
    return [
        Device(terminal.device_id, sites.index(terminal.site_id), to_binary(terminal.private_key))
        for terminal in await arena.add_terminals(count, *dsns)
    ]


@asynccontextmanager
async def kiosks(
    arena: Arena,
    name: str,
    urls: Sequence[str],
    held: Sequence[Device],
    *,
    naive: bool = False,
    crypto: bool = True,
    days_ago: int = BEGIN_DAYS_AGO,
) -> AsyncIterator[Child]:
    """A process with a kiosk on each device, connected."""
    plan = Plan(
        urls=list(urls),
        naive=naive,
        crypto=crypto,
        devices=list(held),
        badges=list(arena.badges.values()),
        begin=begin(days_ago),
    )
    path = arena.folder / f"plan-{name}.json"
    path.write_bytes(msgspec.json.encode(plan))
    client = await Child.start(
        f"kiosks-{name}", "tests.benchmarks.clients.kiosks", str(path), folder=arena.folder, cores=arena.cores.load
    )
    try:
        await client.answer()
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def naive(arena: Arena) -> AsyncIterator[tuple[Child, str]]:
    """The naive design on a database of its own in the same PostgreSQL; its process and its address."""
    connection = await asyncpg.connect(arena.postgres.superuser_dsn)
    try:
        await connection.execute("CREATE DATABASE naive")
    finally:
        await connection.close()
    dsn = named(arena.postgres.superuser_dsn, "naive")
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()
    port = free_port()
    server = await Child.start(
        "naive", "tests.benchmarks.peers.naive_server", str(port), arena.valkey.url, dsn, folder=arena.folder
    )
    try:
        await server.listens(port)
        yield server, f"ws://127.0.0.1:{port}/ws"
    finally:
        await server.stop()


@asynccontextmanager
async def ceiling(arena: Arena, held: Sequence[Device]) -> AsyncIterator[Child]:
    connection = await asyncpg.connect(arena.dsns.migrator)
    try:
        rows = await connection.fetch("SELECT badge_hash, employee_id FROM badges")
        owners: dict[bytes, UUID] = {row["badge_hash"]: row["employee_id"] for row in rows}
    finally:
        await connection.close()
    hashes = {badge: arena.secrets.badge_hash(badge) for site_badges in arena.badges.values() for badge in site_badges}
    settings = Settings(postgres_dsn="x", redis_url="x", key_file=arena.folder)
    plan = CeilingPlan(
        dsn=arena.dsns.hub_a,
        devices=list(held),
        sites=arena.busy_sites,
        badges=list(arena.badges.values()),
        holders={badge: (owners[hashed], to_binary(hashed)) for badge, hashed in hashes.items()},
        begin=begin(),
        writers=settings.writers,
        threads=settings.crypto_threads,
        batch=settings.batch_max_punches,
    )
    path = arena.folder / "plan-ceiling.json"
    path.write_bytes(msgspec.json.encode(plan))
    child = await Child.start("ceiling", "tests.benchmarks.ceiling", str(path), folder=arena.folder)
    try:
        await child.answer()
        yield child
    finally:
        await child.stop()


async def timed(
    arena: Arena,
    driven: Child,
    total: int,
    command: str,
    arguments: Mapping[str, object] | None = None,
    *,
    server: Child | None = None,
) -> dict[str, Any]:
    """Run what is prepared: punches a second, CPU a punch of the server (else of `driven`), and who was busy."""
    server = server or driven
    with (
        profiled(server, driven.name),
        Meter(server=server.cpu_seconds, clients=driven.cpu_seconds, postgres=arena.postgres_seconds) as meter,
    ):
        answer = await driven.ask(command, **(arguments or {}))
    return {
        **answer,
        "per_second": total / answer["seconds"],
        "cpu_us": meter.cpu["server"] / total * 1e6,
        "postgres_us": meter.cpu["postgres"] / total * 1e6,
        "server": meter.share("server"),
        "clients": 0.0 if server is driven else meter.share("clients"),
        "postgres": meter.share("postgres"),
        "busy_cores": meter.busy_cores,
    }
