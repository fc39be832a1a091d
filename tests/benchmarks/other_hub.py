"""What another hub does to the one that is measured: commits changes of a site in PostgreSQL and rings through Redis.

So a board's change costs the measured hub nothing but what it is about: hearing, applying, encoding and writing it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from protocol.values import Status
from storage.bootstrap import DatabaseDsns
from storage.live_channel import LiveChannel
from storage.models import Change, Presence, SiteChanges
from storage.postgres import Database
from storage.repositories import presence
from tests.benchmarks.arena import Arena

BATCHES_PER_SECOND: Final = 100
"""A group commit takes some milliseconds; so often does another hub ring under load."""


class OtherHub:
    def __init__(self, database: Database, channel: LiveChannel, site_id: UUID, people: Sequence[UUID]) -> None:
        self._database = database
        self._channel = channel
        self._site_id = site_id
        self._people = people
        self._turn = 0

    def _next(self, count: int, since: datetime) -> list[Presence]:
        moved = []
        for turn in range(self._turn, self._turn + count):
            lap, place = divmod(turn, len(self._people))
            is_in = lap % 2 == 0
            moved.append(
                Presence(
                    self._people[place],
                    Status.IN if is_in else Status.OUT,
                    since,
                    self._site_id if is_in else None,
                )
            )
        self._turn += count
        return moved

    async def change(self, count: int) -> float:
        """Move `count` people, commit, ring; the monotonic time just before the bell. `since` is when it began."""
        moved = self._next(count, datetime.now(UTC))
        async with self._database.transaction() as connection:
            epoch, heads = await presence.lock_streams(connection, [self._site_id])
            await presence.lock_presence(connection, [person.employee_id for person in moved])
            now = await presence.commit_clock(connection)
            changes = [
                Change(person.employee_id, True, person.status, person.since, person.at_site_id) for person in moved
            ]
            await presence.append_changes(connection, {self._site_id: (heads[self._site_id], changes)}, now, moved)
        rang = time.monotonic()
        await self._channel.publish(
            [
                SiteChanges(
                    site_id=self._site_id, epoch=epoch, after=heads[self._site_id], changes=changes, committed_at=now
                )
            ]
        )
        return rang

    async def flow(self, changes_per_second: int, seconds: float) -> int:
        """Keep changing at this rate, in up to a hundred batches a second; how many changes it came to."""
        began = time.monotonic()
        done = 0
        while (elapsed := time.monotonic() - began) < seconds:
            due = int(elapsed * changes_per_second) - done
            if due > 0:
                count = min(due, len(self._people))
                await self.change(count)
                done += count
            await asyncio.sleep(max(0.0, 1 / BATCHES_PER_SECOND - (time.monotonic() - began - elapsed)))
        return done


@asynccontextmanager
async def other_hub(arena: Arena, site_id: UUID, dsns: DatabaseDsns | None = None) -> AsyncIterator[OtherHub]:
    database = await Database.connect((dsns or arena.dsns).hub_a, min_size=1, max_size=1)
    channel = LiveChannel(arena.valkey.url, on_changes=lambda _: None, on_gap=lambda: None)
    try:
        async with database.connection() as connection:
            people = [person.employee_id for person in await presence.board(connection, site_id)]
        yield OtherHub(database, channel, site_id, people)
    finally:
        await channel.stop()
        await database.close()
