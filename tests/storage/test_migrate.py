"""Migrations: forward only, whole or not at all, one migrator at a time, and no file changes once it was applied."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from storage.bootstrap import DatabaseDsns
from storage.errors import MigrationRefused
from storage.migrate import Migration, migrate, read_migrations

pytestmark = pytest.mark.integration

KNOWN: Final = read_migrations()
NEXT: Final = len(KNOWN) + 1
ADDED: Final = Migration(NEXT, "made_once", "CREATE TABLE made_once (made int); INSERT INTO made_once VALUES (1)")


async def test_many_migrators_at_once_apply_each_file_once(
    database_dsns: DatabaseDsns, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with asyncio.timeout(30):
        applied = await asyncio.gather(*(migrate(database_dsns.migrator, [*KNOWN, ADDED]) for _ in range(4)))
    assert sorted(applied, key=len) == [[], [], [], [ADDED]]
    assert await owner.fetchval("SELECT count(*) FROM made_once") == 1
    assert await migrate(database_dsns.migrator, [*KNOWN, ADDED]) == []


async def test_a_file_that_changed_stops_everything(
    database_dsns: DatabaseDsns, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    changed = [replace(KNOWN[0], sql=f"{KNOWN[0].sql}\n-- harmless?"), *KNOWN[1:]]
    with pytest.raises(MigrationRefused, match=f"0001_{KNOWN[0].name} changed"):
        await migrate(database_dsns.migrator, [*changed, ADDED])
    assert await owner.fetchval("SELECT to_regclass('made_once')") is None


async def test_a_file_that_comes_too_late_stops_everything(
    database_dsns: DatabaseDsns, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, 'of_another_branch', 'x')", NEXT + 1
    )
    with pytest.raises(MigrationRefused, match=f"{NEXT:04} comes after {NEXT + 1:04}"):
        await migrate(database_dsns.migrator, [*KNOWN, ADDED])
    assert await owner.fetchval("SELECT to_regclass('made_once')") is None


async def test_a_database_that_is_ahead_is_left_alone(database_dsns: DatabaseDsns) -> None:
    """During a rolling upgrade old code starts on the newer schema."""
    await migrate(database_dsns.migrator, [*KNOWN, ADDED])
    assert await migrate(database_dsns.migrator, KNOWN) == []


async def test_a_file_that_fails_leaves_nothing_and_may_be_mended(
    database_dsns: DatabaseDsns, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    broken = replace(ADDED, sql=f"{ADDED.sql}; SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database_dsns.migrator, [*KNOWN, broken])
    assert await owner.fetchval("SELECT to_regclass('made_once')") is None
    assert await migrate(database_dsns.migrator, [*KNOWN, ADDED]) == [ADDED]


async def test_all_belongs_to_the_owner(hub: "asyncpg.Connection[asyncpg.Record]") -> None:
    foreign = await hub.fetch(
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND pg_get_userbyid(relowner) <> 'attendance_owner'
        UNION ALL
        SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            AND pg_get_userbyid(proowner) <> 'attendance_owner'
        """
    )
    assert not foreign


async def test_a_hub_may_not_migrate(database_dsns: DatabaseDsns) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await migrate(database_dsns.hub_a)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["0001_first.sql", "0003_third.sql"], "0003 stands where 0002 should"),
        (["0002_second.sql"], "0002 stands where 0001 should"),
        (["0001_first.sql", "0001_other.sql"], "0001 stands where 0002 should"),
        (["0001_first.sql", "notes.sql"], "notes.sql is not named"),
        (["1_first.sql"], "1_first.sql is not named"),
        (["0001_First.sql"], "0001_First.sql is not named"),
    ],
)
def test_files_are_numbered_without_a_gap(tmp_path: Path, names: list[str], complaint: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationRefused, match=complaint):
        read_migrations(tmp_path)


def test_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("0002_second.sql", "0001_first.sql", "README.md"):
        (tmp_path / name).write_text(f"-- {name}")
    first, second = read_migrations(tmp_path)
    assert (first.version, first.name, first.sql) == (1, "first", "-- 0001_first.sql")
    assert (second.version, second.name) == (2, "second")
    assert first.checksum != second.checksum
