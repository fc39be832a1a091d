"""Forward-only migrations: numbered SQL files, each in its own transaction, checked against what was applied.

One migrator at a time (advisory lock). A file that changed after it was applied, or a gap in the numbers,
stops everything before anything is touched. A database that is ahead of this code is left alone: during a
rolling upgrade old hubs run on a newer schema.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from storage.errors import MigrationRefused

MIGRATIONS: Final = Path(__file__).parent / "migrations"
OWNER: Final = "attendance_owner"
_NAME: Final = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_LOCK: Final = 0x617474656E64  # "attend": any constant that nothing else in this database locks


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The files in order; raises MigrationRefused for a foreign name, a double or a gap."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        if (match := _NAME.fullmatch(path.name)) is None:
            raise MigrationRefused(f"{path.name} is not named NNNN_what_it_does.sql")
        found.append(Migration(int(match["version"]), match["name"], path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise MigrationRefused(f"{migration.version:04} stands where {expected:04} should")
    return found


async def migrate(dsn: str, migrations: list[Migration] | None = None) -> list[Migration]:
    """Bring the database up to date as the migrator role; returns what was applied now."""
    migrations = read_migrations() if migrations is None else migrations
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"SET ROLE {OWNER}")
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version    int PRIMARY KEY,
                name       text NOT NULL,
                checksum   text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
        rows = await connection.fetch("SELECT version, checksum FROM schema_migrations")
        applied: dict[int, str] = {row["version"]: row["checksum"] for row in rows}
        for migration in migrations:
            known = applied.get(migration.version, migration.checksum)
            if known != migration.checksum:
                raise MigrationRefused(f"{migration.version:04}_{migration.name} changed after it was applied")
        pending = [migration for migration in migrations if migration.version not in applied]
        if pending and applied and pending[0].version < max(applied):
            raise MigrationRefused(f"{pending[0].version:04} comes after {max(applied):04} was applied")
        for migration in pending:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.checksum,
                )
        return pending
    finally:
        await connection.close()
