"""The bell's own life, whatever one ringing meets."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

from server.services.bell import Bell
from server.services.boards import Boards
from storage.live_channel import LiveChannel
from storage.models import SiteChanges


class Channel:
    """Meets a bug once, then rings."""

    def __init__(self) -> None:
        self.rung: list[SiteChanges] = []
        self.tries = 0
        self.tried = asyncio.Event()

    async def publish(self, batches: Sequence[SiteChanges]) -> bool:
        self.tries += 1
        self.tried.set()
        if self.tries == 1:
            raise ValueError("a bug")
        self.rung += batches
        return True


class NoBoards:
    def committed(self, batches: Sequence[SiteChanges]) -> None:
        del batches


async def test_a_bell_that_met_a_bug_rings_again() -> None:
    channel = Channel()
    bell = Bell(cast("Boards", NoBoards()), cast("LiveChannel", channel))
    batch = SiteChanges(site_id=uuid4(), epoch=uuid4(), after=0, changes=[], committed_at=datetime.now(UTC))
    bell.start()
    for _ in range(2):
        channel.tried.clear()
        bell.ring([batch])
        async with asyncio.timeout(5):
            await channel.tried.wait()
    await bell.stop()
    assert channel.rung == [batch]
