"""Up to when a board is complete, where the record is ahead of the board."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from server.services.terminals import Terminals
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
