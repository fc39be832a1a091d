"""Every statement of the repositories is one that the real schema understands."""

import importlib
import pkgutil

import asyncpg
import pytest

import storage.repositories
from storage.bootstrap import DatabaseDsns
from storage.migrate import migrate, read_migrations


def statements() -> list[tuple[str, str]]:
    return [
        (f"{module.name}.{name}", text)
        for module in pkgutil.iter_modules(storage.repositories.__path__)
        for name, text in vars(importlib.import_module(f"storage.repositories.{module.name}")).items()
        if name.isupper() and isinstance(text, str) and not name.startswith("_")  # a fragment of several
    ]


@pytest.mark.integration
async def test_every_statement_can_be_prepared(database_dsns: DatabaseDsns) -> None:
    found = statements()
    assert len(found) > 20, "the statements moved: look for them where they are"
    connection = await asyncpg.connect(database_dsns.hub_a)
    refused = {}
    try:
        for name, text in found:
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                refused[name] = str(error)
    finally:
        await connection.close()
    assert not refused


@pytest.mark.integration
async def test_migrating_again_changes_nothing(database_dsns: DatabaseDsns) -> None:
    assert read_migrations()
    assert await migrate(database_dsns.migrator) == []
