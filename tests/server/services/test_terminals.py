"""Up to when a board is complete, where the record is ahead of the board; looks that go on whatever happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from server.services.boards import Boards
from server.services.terminals import Terminals
from server.telemetry.metrics import Metrics
from storage.postgres import Connection, Database
from storage.repositories import devices, presence
from tests.server.services.desk import Desk

pytestmark = pytest.mark.integration


async def report(desk: Desk) -> None:
    """Every terminal of the first site says that it has nothing more to send."""
    for device in desk.devices:
        if device.site_id == desk.device.site_id:
            async with desk.database.connection() as connection:
                await devices.mark_welcomed(connection, device.device_id)
                await devices.keep_report(
                    connection, device.device_id, outbox_depth=0, oldest_unsent_at=None, version="1"
                )


async def test_a_report_counts_once_the_board_has_what_came_before_it(desk: Desk) -> None:
    site_id = desk.device.site_id
    async with desk.database.connection() as connection:
        epoch, _, _ = await presence.heads(connection)
    board: tuple[UUID | None, int] = (epoch, 0)
    terminals = Terminals(
        desk.database,
        lambda: datetime.now(UTC),
        lambda asked: board if asked == site_id else (epoch, 0),
        silent_after_seconds=90,
        poll_interval_seconds=1_000,
    )

    def complete_to() -> datetime | None:
        return terminals.completeness(site_id).complete_to

    await report(desk)
    await terminals._read()
    before = complete_to()
    assert before is not None

    punch = (await desk.settle(desk.punch())).punch
    await report(desk)
    await terminals._read()
    assert complete_to() == before, "the punch isn't on this board yet"
    await desk.settle(desk.punch(5))
    await report(desk)
    await terminals._read()  # what waits is kept: the board needs only come as far as the first punch
    board = (epoch, 1)
    after = complete_to()
    assert after is not None
    assert after >= punch.recorded_at
    board = (epoch, 2)
    await terminals._read()
    latest = complete_to()
    assert latest is not None
    assert latest > after


async def test_reports_of_another_epoch_do_not_count(desk: Desk) -> None:
    elsewhere = UUID(int=1)
    terminals = Terminals(
        desk.database,
        lambda: datetime.now(UTC),
        lambda _: (elsewhere, 99),
        silent_after_seconds=90,
        poll_interval_seconds=1_000,
    )
    await report(desk)
    await terminals._read()
    assert terminals.completeness(desk.device.site_id).complete_to is None


class Faulty(Database):
    """The next connections meet a bug of somebody's, as many as `bugs` says."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool, acquire_timeout_seconds=5)
        self.bugs = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self.bugs:
            self.bugs -= 1
            raise LookupError("not foreseen")
        async with super().connection() as connection:
            yield connection


async def test_after_a_bug_the_next_look_is_taken(desk: Desk) -> None:
    async with desk.database.connection() as connection:
        epoch, _, _ = await presence.heads(connection)
    faulty = Faulty(desk.database)
    terminals = Terminals(
        faulty, lambda: datetime.now(UTC), lambda _: (epoch, 0), silent_after_seconds=90, poll_interval_seconds=0.01
    )
    await terminals.start()
    faulty.bugs = 2
    await report(desk)
    async with asyncio.timeout(10):
        while terminals.completeness(desk.device.site_id).complete_to is None:
            await asyncio.sleep(0.01)
    await terminals.stop()
    assert faulty.bugs == 0


async def test_boards_are_looked_at_again_after_a_bug(desk: Desk) -> None:
    faulty = Faulty(desk.database)
    boards = Boards(
        faulty,
        desk.directory,
        Metrics(version="1"),
        resume_limit_changes=50,
        hole_wait_seconds=0.01,
        poll_interval_seconds=0.01,
    )
    await boards.start()
    faulty.bugs = 2
    await desk.settle(desk.punch())
    async with asyncio.timeout(10):
        while boards.position(desk.device.site_id)[1] < 1:
            await asyncio.sleep(0.01)
    await boards.stop()
    assert faulty.bugs == 0
