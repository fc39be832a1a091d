"""The attendance service as a hub's role runs it."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from server.secrets.local import open_key_file
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from tests.builders import a_company
from tests.server.services.bureau import Bureau, open_bureau
from tests.server.services.desk import Desk, open_desk


@pytest.fixture
async def desk(database_dsns: DatabaseDsns, tmp_path: Path) -> AsyncIterator[Desk]:
    """Two sites with three people and two terminals each, in a database of the test's own."""
    owner = await asyncpg.connect(database_dsns.migrator)
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    secrets = open_key_file(tmp_path / "keys.json")
    yield await open_desk(database, owner, secrets, a_company(sites=2, people=3), devices_per_site=2)
    await database.close()
    await owner.close()


@pytest.fixture
async def bureau(database_dsns: DatabaseDsns, tmp_path: Path) -> AsyncIterator[Bureau]:
    """Accounts and who looks after them, in a database of the test's own."""
    async with open_bureau(database_dsns, tmp_path) as opened:
        yield opened
