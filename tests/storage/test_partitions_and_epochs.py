"""Room for the months to come, and an epoch that is bound to this very database."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from storage.bootstrap import DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres
from storage.embedded.process import own_by_server
from storage.migrate import migrate
from tests.storage.test_append_only import PUT_PUNCH

pytestmark = pytest.mark.integration


def months_from_now(count: int) -> list[str]:
    today = datetime.now(UTC)
    numbers = range(today.year * 12 + today.month - 1, today.year * 12 + today.month + count)
    return [f"punches_{number // 12:04}_{number % 12 + 1:02}" for number in numbers]


async def partitions(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'punches'::regclass ORDER BY 1"
    )
    return [row["name"] for row in rows]


async def test_the_months_ahead_have_their_partitions(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await partitions(hub) == [*months_from_now(3), "punches_default"]
    await hub.execute("SELECT ensure_punch_partitions(15)")
    assert await partitions(hub) == [*months_from_now(15), "punches_default"]
    await hub.execute("SELECT ensure_punch_partitions(15)")
    assert await partitions(hub) == [*months_from_now(15), "punches_default"]


async def test_partitions_follow_each_other_in_utc(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    await hub.execute("SET timezone = 'America/Argentina/Buenos_Aires'")
    await hub.execute("SELECT ensure_punch_partitions(5)")
    begin = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = (begin + timedelta(days=32 * 5)).replace(day=1)
    for moment in (begin - timedelta(microseconds=1), begin):
        await hub.execute(PUT_PUNCH, moment)
    rows = await hub.fetch("SELECT tableoid::regclass::text AS name FROM punches ORDER BY recorded_at")
    assert [row["name"] for row in rows] == months_from_now(5)[-2:]


async def test_a_row_that_fell_into_the_default_one_stays_and_stops_nobody(
    hub: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    ahead = datetime.now(UTC).replace(day=15) + timedelta(days=5 * 30.5)
    await hub.execute(PUT_PUNCH, ahead)
    await hub.execute("SELECT ensure_punch_partitions(8)")
    found = await partitions(hub)
    missing = set(months_from_now(8)) - set(found)
    assert missing == {ahead.strftime("punches_%Y_%m")}
    assert await hub.fetchval("SELECT count(*) FROM punches") == 1
    await hub.execute(PUT_PUNCH, ahead + timedelta(hours=1))
    assert await hub.fetchval("SELECT count(*) FROM punches") == 2


async def test_many_hubs_make_room_at_once(database_dsns: DatabaseDsns) -> None:
    async def ensure() -> None:
        connection = await asyncpg.connect(database_dsns.hub_a)
        try:
            await connection.execute("SELECT ensure_punch_partitions(9)")
        finally:
            await connection.close()

    async with asyncio.timeout(30):
        await asyncio.gather(*(ensure() for _ in range(4)))


async def epoch(connection: "asyncpg.Connection[asyncpg.Record]") -> UUID:
    found: UUID = await connection.fetchval("SELECT current_epoch()")
    return found


async def test_all_hubs_count_in_one_epoch(
    database_dsns: DatabaseDsns, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    connections = await asyncio.gather(*(asyncpg.connect(database_dsns.hub_a) for _ in range(5)))
    epochs = await asyncio.gather(*map(epoch, connections))
    assert len(set(epochs)) == 1
    assert await epoch(connections[0]) == epochs[0]
    assert await owner.fetchval("SELECT count(*) FROM stream_epochs") == 1
    await asyncio.gather(*(connection.close() for connection in connections))


@pytest.mark.parametrize("moved", ["system_identifier = system_identifier + 1", "timeline = timeline + 1"])
async def test_another_database_counts_in_another_epoch(
    hub: "asyncpg.Connection[asyncpg.Record]", owner: "asyncpg.Connection[asyncpg.Record]", moved: str
) -> None:
    """As a copy restored elsewhere finds its original's row, and a standby that of the server it replaced."""
    before = await epoch(hub)
    # Whatever that server's clock said: an epoch that begins in the future is no reason to begin one a call.
    await owner.execute(f"UPDATE stream_epochs SET {moved}, begun_at = begun_at + interval '1 year'")
    after = await epoch(hub)
    assert after != before
    assert [await epoch(hub) for _ in range(3)] == [after] * 3


async def test_a_standby_that_takes_over_counts_anew_at_once(tmp_path: Path) -> None:
    """Before its first checkpoint, which a busy server may take minutes for."""
    server = EmbeddedPostgres(tmp_path / "server", shared_buffers_mb=64)
    await server.start()
    dsns = await bootstrap(server.superuser_dsn, server.role_passwords())
    await migrate(dsns.migrator)
    connection = await asyncpg.connect(dsns.hub_a)
    before = await epoch(connection)
    await connection.close()
    superuser = await asyncpg.connect(server.superuser_dsn)
    await superuser.execute("CHECKPOINT")
    await superuser.execute("CREATE TABLE much AS SELECT repeat('x', 500) AS t FROM generate_series(1, 20000)")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGQUIT)
    await server.stop()
    await superuser.close()
    signal_file = tmp_path / "server" / "data" / "standby.signal"
    signal_file.touch()
    own_by_server(signal_file)
    async with server:
        superuser = await asyncpg.connect(server.superuser_dsn)
        connection = await asyncpg.connect(dsns.hub_a)
        assert await connection.fetchval("SELECT pg_is_in_recovery()")
        assert await epoch(connection) == before
        assert await superuser.fetchval("SELECT pg_promote(true, 30)")
        assert await superuser.fetchval("SELECT timeline_id FROM pg_control_checkpoint()") == 1, "too late to tell"
        assert await epoch(connection) != before
        await connection.close()
        await superuser.close()
        os.kill(server.pid, signal.SIGQUIT)
