"""The order of locks is a law of the house: journals, then streams, then presence rows, ids ascending in each.

Somebody holds one row; a batch waits for it. What it holds by then, and what it hasn't touched yet, is its order.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest

from protocol.values import Kind
from server.services.attendance import Recorded
from storage.bootstrap import DatabaseDsns
from storage.models import Change
from storage.repositories.punches import open_journals
from tests.server.services.desk import MINUTE, Desk

pytestmark = pytest.mark.integration

SECONDS = 20


@dataclass(frozen=True)
class Row:
    """A row that a batch locks."""

    table: str
    column: str
    key: UUID

    def locking(self) -> str:
        return f"SELECT FROM {self.table} WHERE {self.column} = '{self.key}' FOR UPDATE"


def rows_in_order(desk: Desk) -> list[Row]:
    """Everything that a batch of all terminals and people locks, in the order in which it must."""
    devices = sorted(device.device_id for device in desk.devices)
    sites = sorted(site.site_id for site in desk.company.sites)
    people = sorted(employee.employee_id for employee in desk.company.employees[: len(devices)])
    return [
        *(Row("device_journals", "device_id", device_id) for device_id in devices),
        *(Row("streams", "site_id", site_id) for site_id in sites),
        *(Row("presence", "employee_id", employee_id) for employee_id in people),
    ]


async def a_batch(desk: Desk) -> Recorded:
    """Each terminal's next punch, each by another person."""
    pairs = list(zip(desk.devices, desk.company.employees, strict=False))
    return await desk.commit(
        [desk.submission(desk.punch(0, device=device, who=who), device) for device, who in reversed(pairs)]
    )


@asynccontextmanager
async def held(desk: Desk, row: Row) -> AsyncIterator[None]:
    async with desk.owner.transaction():
        await desk.owner.execute(row.locking())
        yield


async def is_waited_for(desk: Desk) -> None:
    async with asyncio.timeout(SECONDS):
        while not await desk.owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.01)


async def free(dsn: str, rows: Sequence[Row]) -> list[bool]:
    """Which of the rows nobody holds."""
    found = []
    connection = await asyncpg.connect(dsn)
    try:
        for row in rows:
            try:
                await connection.execute(f"{row.locking()} NOWAIT")
            except asyncpg.LockNotAvailableError:
                found.append(False)
            else:
                found.append(True)
    finally:
        await connection.close()
    return found


async def test_locks_are_taken_in_the_order_of_the_law(desk: Desk, database_dsns: DatabaseDsns) -> None:
    rows = rows_in_order(desk)
    async with desk.database.connection() as connection:
        await open_journals(connection, [(device.device_id, device.log_id) for device in desk.devices])
    for place, row in enumerate(rows):
        async with held(desk, row):
            batch = asyncio.create_task(a_batch(desk))
            await is_waited_for(desk)
            found = await free(database_dsns.migrator, rows)
            assert found == [False] * (place + 1) + [True] * (len(rows) - place - 1), row
        async with asyncio.timeout(SECONDS):
            assert len((await batch).answers) == len(desk.devices)


async def test_who_was_moved_meanwhile_is_taken_off_the_board_where_they_are(desk: Desk) -> None:
    """Known under the locks only: the batch begins again with that board's stream too."""
    elsewhere = desk.company.sites[1].site_id
    await desk.settle(desk.punch(0, kind=Kind.OUT))
    journal = Row("device_journals", "device_id", desk.device.device_id)
    other = await desk.database._pool.acquire()
    desk.changes.clear()
    async with desk.owner.transaction():
        await desk.owner.execute(journal.locking())
        punching = asyncio.create_task(desk.settle(desk.punch(20, kind=Kind.IN)))
        await is_waited_for(desk)
        await other.execute(
            "UPDATE presence SET status = 'in', at_site_id = $2, since = $3 WHERE employee_id = $1",
            desk.ana.employee_id,
            elsewhere,
            desk.now + 10 * MINUTE,
        )
    await desk.database._pool.release(other)
    async with asyncio.timeout(SECONDS):
        settled = await punching
    moved: dict[UUID, list[Change]] = {batch.site_id: batch.changes for batch in desk.changes}
    assert [change.on_board for change in moved[desk.device.site_id]] == [True]
    assert [change.on_board for change in moved[elsewhere]] == [False]
    assert (await desk.presence())[desk.ana.employee_id][1] == settled.punch.occurred_at
