"""The record can't be rewritten: not by a hub (privilege), not by its owner, not by a replica's role (triggers)."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import asyncpg
import pytest

pytestmark = pytest.mark.integration

FAR_AHEAD: Final = datetime.now(UTC) + timedelta(days=400)
KEPT: Final = ("punches", "receipts", "audit", "punch_resolutions")
PUT_PUNCH: Final = """
INSERT INTO punches (recorded_at, device_id, log_id, seq, punch_id, site_id, outcome, captured, counted, signed_text,
                     signature)
VALUES ($1, gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'held', 'online', false,
        '{}', '')
"""
PUT_RESOLUTION: Final = """
INSERT INTO punch_resolutions (device_id, log_id, seq, recorded_at, punch_id, site_id, outcome, counted, resolved_at,
                               resolved_by)
VALUES (gen_random_uuid(), gen_random_uuid(), 1, now(), gen_random_uuid(), gen_random_uuid(), 'held', false, now(),
        'hub')
"""


@pytest.fixture
async def written(hub: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Tables that hold a row a hub wrote: those, the partition of this month, and the default one."""
    for moment in (datetime.now(UTC), FAR_AHEAD):
        await hub.execute(PUT_PUNCH, moment)
    await hub.execute("INSERT INTO receipts VALUES (gen_random_uuid(), gen_random_uuid(), 1, '', now())")
    await hub.execute("INSERT INTO audit (actor, action) VALUES ('somebody', 'did something')")
    await hub.execute(PUT_RESOLUTION)
    month = datetime.now(UTC).strftime("punches_%Y_%m")
    return [*KEPT, month, "punches_default"]


def rewritings(table: str) -> list[str]:
    columns = {"receipts": "digest = 'x'", "audit": "actor = 'nobody'", "punch_resolutions": "reason = 'x'"}
    column = columns.get(table, "signed_text = 'x'")
    return [
        f"UPDATE {table} SET {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
        f"WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT * FROM gone",
    ]


async def refusals(connection: "asyncpg.Connection[asyncpg.Record]", tables: list[str]) -> dict[str, str]:
    """What the server says to each attempt; fails where one passes."""
    said = {}
    for table in tables:
        before = await connection.fetchval(f"SELECT count(*) FROM {table}")
        assert before, f"{table} is empty: nothing could be rewritten"
        for statement in rewritings(table):
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError as refusal:
                said[statement] = str(refusal)
            else:
                pytest.fail(f"passed: {statement}")
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == before
    return said


async def test_a_hub_has_no_right_to_rewrite(hub: "asyncpg.Connection[asyncpg.Record]", written: list[str]) -> None:
    for table in written[: len(KEPT)]:
        said = await refusals(hub, [table])
        assert all("permission denied" in text for text in said.values())
    for partition in written[len(KEPT) :]:  # past the parent a hub may not even read
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await hub.fetch(f"SELECT FROM {partition}")
        for statement in rewritings(partition):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await hub.execute(statement)


async def test_the_owner_is_refused(owner: "asyncpg.Connection[asyncpg.Record]", written: list[str]) -> None:
    said = await refusals(owner, written)
    assert all("is append-only" in text for text in said.values())


async def test_an_upsert_is_a_rewriting_too(owner: "asyncpg.Connection[asyncpg.Record]", written: list[str]) -> None:
    assert written
    for statement in (
        "INSERT INTO receipts TABLE receipts ON CONFLICT (device_id, log_id, seq) DO UPDATE SET digest = 'x'",
        "INSERT INTO audit TABLE audit ON CONFLICT (audit_id) DO UPDATE SET actor = 'nobody'",
        "MERGE INTO punches p USING punches q ON p.punch_id = q.punch_id WHEN MATCHED THEN DELETE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(statement)


async def test_a_superuser_as_a_replica_is_refused(
    superuser: "asyncpg.Connection[asyncpg.Record]", written: list[str]
) -> None:
    """`session_replication_role = replica` silences ordinary triggers; these are always on, on each partition."""
    await superuser.execute("SET session_replication_role = replica")
    said = await refusals(superuser, written)
    assert all("is append-only" in text for text in said.values())


async def test_a_partition_of_months_to_come_is_guarded_as_well(
    hub: "asyncpg.Connection[asyncpg.Record]", superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await hub.execute("SELECT ensure_punch_partitions(14)")
    await hub.execute(PUT_PUNCH, FAR_AHEAD)
    partition = FAR_AHEAD.strftime("punches_%Y_%m")
    await superuser.execute("SET session_replication_role = replica")
    said = await refusals(superuser, [partition])
    assert all("is append-only" in text for text in said.values())


async def test_a_place_in_a_journal_is_taken_once(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Also across months, where the punches' own table, parted by time, could not see it."""
    put = "INSERT INTO receipts VALUES ($1, $2, 1, '', $3)"
    device_id, log_id = uuid4(), uuid4()
    await hub.execute(put, device_id, log_id, datetime.now(UTC))
    with pytest.raises(asyncpg.UniqueViolationError):
        await hub.execute(put, device_id, log_id, FAR_AHEAD)
    await hub.execute(put, device_id, uuid4(), FAR_AHEAD)
