"""A real PostgreSQL for tests: one server for the run, a fresh migrated database for each test that asks."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from storage.bootstrap import DATABASE, DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

START_SECONDS: Final = 60.0
_NUMBERS: Final = count(1)


@dataclass(frozen=True)
class MigratedCluster:
    """A running server whose database `attendance` is bootstrapped and migrated, and is copied, never used."""

    superuser_dsn: str
    dsns: DatabaseDsns

    async def fresh(self) -> DatabaseDsns:
        """The roles' ways into a database of its own (some 50 ms)."""
        name = f"attendance_{next(_NUMBERS)}"
        connection = await asyncpg.connect(self.superuser_dsn)
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE} OWNER attendance_owner")
        finally:
            await connection.close()
        return replace(
            self.dsns,
            migrator=_named(self.dsns.migrator, name),
            hub_a=_named(self.dsns.hub_a, name),
            reader=_named(self.dsns.reader, name),
        )


@pytest.fixture(scope="session")
def migrated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MigratedCluster]:
    """One server for the whole run, started when the first test asks."""
    server = EmbeddedPostgres(_folder(tmp_path_factory), shared_buffers_mb=32)
    with asyncio.Runner() as runner:
        runner.run(asyncio.wait_for(server.start(), START_SECONDS))
        try:
            dsns = runner.run(bootstrap(server.superuser_dsn, server.role_passwords()))
            runner.run(migrate(dsns.migrator))
            yield MigratedCluster(server.superuser_dsn, dsns)
        finally:
            if server.pid is not None:
                # At once: an orderly end would write all these databases to disk, half a second each, for nobody.
                os.kill(server.pid, signal.SIGQUIT)
            runner.run(server.stop())


@pytest.fixture
async def database_dsns(migrated_cluster: MigratedCluster) -> DatabaseDsns:
    """A fresh database of the test's own."""
    return await migrated_cluster.fresh()


def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("postgres") / "server"


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
