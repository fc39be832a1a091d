"""Ways into a fresh database: as its owner, as a hub, and as the superuser who may pose as a replica."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from storage.bootstrap import DatabaseDsns
from tests.postgres import MigratedCluster


@pytest.fixture
async def owner(database_dsns: DatabaseDsns) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(database_dsns.migrator)
    yield connection
    await connection.close()


@pytest.fixture
async def hub(database_dsns: DatabaseDsns) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(database_dsns.hub_a)
    yield connection
    await connection.close()


@pytest.fixture
async def superuser(
    migrated_cluster: MigratedCluster, database_dsns: DatabaseDsns
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """In the test's own database."""
    path = urlsplit(database_dsns.hub_a).path
    connection = await asyncpg.connect(urlunsplit(urlsplit(migrated_cluster.superuser_dsn)._replace(path=path)))
    yield connection
    await connection.close()
