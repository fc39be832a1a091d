"""People of an older database, whose names are in the clear: encrypted when a hub starts, before anybody is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog

from server.secrets.provider import SecretsProvider
from server.services.person_seal import key_for, personal_of
from storage.models import SealedPerson
from storage.postgres import Database
from storage.repositories import personal

_AT_ONCE: Final = 1_000
_log = structlog.get_logger()


async def adopt_people(database: Database, secrets: SecretsProvider) -> int:
    """Encrypt what is in the clear, a thousand people a transaction; how many there were. One hub at a time.

    What an older hub still writes meanwhile is taken by the next start. Raises StorageError, SecretsError.
    """
    count = 0
    while True:
        async with database.transaction() as connection:
            names = await personal.in_the_clear(connection, _AT_ONCE)
            if not names:
                break
            kept = await personal.find(connection, list(names))
            await personal.keep(connection, await asyncio.to_thread(_sealed, secrets, names, kept))
        count += len(names)
    if count:
        _log.info("people's names are encrypted now", count=count)
    return count


def _sealed(
    secrets: SecretsProvider, names: Mapping[UUID, str], kept: Mapping[UUID, SealedPerson]
) -> list[SealedPerson]:
    sealed = []
    for employee_id, name in names.items():
        had = kept.get(employee_id)
        sealed.append(key_for(secrets, employee_id, had).seal(personal_of(secrets, had, name)))
    return sealed
