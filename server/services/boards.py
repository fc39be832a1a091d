"""Boards in memory: each site's people at one offset, and the last changes for those who resume.

Changes come from this hub's own commits, from other hubs' bells, and from the log wherever those leave a hole.
All that arrives is applied by offset, so it may come twice or in any order; what can't be applied is read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from uuid import UUID

import structlog

from server.services.directory import Directory
from server.telemetry.metrics import Healed, Metrics
from storage.errors import StorageError
from storage.models import Change, SiteChanges
from storage.postgres import Database
from storage.repositories import presence

_READ_AT_ONCE: Final = 2_000
_log = structlog.get_logger()


class SiteFeed:
    """One site's board at `offset` within `epoch`."""

    def __init__(self, site_id: UUID, *, kept_changes: int) -> None:
        self.site_id = site_id
        self.epoch: UUID | None = None
        self.offset = 0
        self.people: dict[UUID, Change] = {}
        self._recent: deque[Change] = deque(maxlen=kept_changes)
        self.healing: asyncio.Task[None] | None = None

    @property
    def is_read(self) -> bool:
        """Whether there is a board yet: a new site has none until it was read."""
        return self.epoch is not None

    def replace(self, epoch: UUID, offset: int, people: Sequence[Change], recent: Sequence[Change] = ()) -> None:
        """Start over from a fresh state; `recent` is the changes up to it, from which clients of any hub resume."""
        self.epoch, self.offset = epoch, offset
        self.people = {person.employee_id: person for person in people}
        self._recent.clear()
        self._recent.extend(recent)

    def apply(self, batch: SiteChanges) -> bool:
        """Apply what is new of a batch; False when there is a hole before it or it is of another epoch."""
        if batch.epoch != self.epoch or batch.after > self.offset:
            return False
        for change in islice(batch.changes, self.offset - batch.after, None):
            self.offset += 1
            self._recent.append(change)
            if change.on_board:
                self.people[change.employee_id] = change
            else:
                self.people.pop(change.employee_id, None)
        return True

    def can_resume(self, epoch: UUID, offset: int) -> bool:
        """Whether all changes after `offset` are still here."""
        return epoch == self.epoch and self.offset - len(self._recent) <= offset <= self.offset

    def since(self, offset: int) -> dict[UUID, Change]:
        """The changes after `offset`, the last of each person."""
        skipped = len(self._recent) - (self.offset - offset)
        return {change.employee_id: change for change in islice(self._recent, skipped, None)}


class Boards:
    """All sites' feeds, kept current. `on_advance` is told of each feed that moved or began anew."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        metrics: Metrics,
        *,
        resume_limit_changes: int,
        hole_wait_seconds: float,
        poll_interval_seconds: float,
    ) -> None:
        self._database = database
        self._directory = directory
        self._metrics = metrics
        self._kept_changes = resume_limit_changes
        self._hole_wait_seconds = hole_wait_seconds
        self._poll_interval_seconds = poll_interval_seconds
        self._polling: asyncio.Task[None] | None = None
        self._look_now = asyncio.Event()
        self.feeds: dict[UUID, SiteFeed] = {}
        self.on_advance: Callable[[SiteFeed], None] = lambda _: None

    async def start(self) -> None:
        """Read the directory and every board. Raises StorageError."""
        async with self._database.connection() as connection:
            _, version, heads = await presence.heads(connection)
        await self._directory.read(version)
        for site_id in heads:
            await self._reload(self._feed(site_id))
        self._polling = asyncio.create_task(self._poll(), name="heads")

    async def stop(self) -> None:
        tasks = [feed.healing for feed in self.feeds.values() if feed.healing] + [self._polling]
        for task in tasks:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def position(self, site_id: UUID) -> tuple[UUID | None, int]:
        """Epoch and offset of a site's board; no epoch while it isn't read."""
        feed = self.feeds.get(site_id)
        return (None, 0) if feed is None else (feed.epoch, feed.offset)

    def committed(self, batches: Sequence[SiteChanges]) -> None:
        """Take over what this hub committed."""
        for batch in batches:
            self._take(batch)

    def heard(self, batch: SiteChanges) -> None:
        """Take over what another hub rang (or our own bell, which is late then and changes nothing)."""
        lag = datetime.now(UTC) - batch.committed_at
        self._metrics.bell_heard(lag_seconds=lag.total_seconds())
        self._take(batch)

    def look(self) -> None:
        """Bells may have been missed: compare with PostgreSQL at once."""
        self._look_now.set()

    def _feed(self, site_id: UUID) -> SiteFeed:
        if (feed := self.feeds.get(site_id)) is None:
            feed = self.feeds[site_id] = SiteFeed(site_id, kept_changes=self._kept_changes)
        return feed

    def _take(self, batch: SiteChanges) -> None:
        feed = self.feeds.get(batch.site_id)
        if feed is None:  # a new site, or none at all: the database knows
            self.look()
            return
        if batch.epoch == feed.epoch and batch.offset <= feed.offset:
            return
        if feed.apply(batch):
            self.on_advance(feed)
        else:
            self._heal(feed, Healed.LOG)

    def _heal(self, feed: SiteFeed, kind: Healed) -> None:
        if feed.healing is None:
            feed.healing = asyncio.create_task(self._read_log(feed, kind), name="heal")
            feed.healing.add_done_callback(lambda _: setattr(feed, "healing", None))

    async def _read_log(self, feed: SiteFeed, kind: Healed) -> None:
        # A bell of another hub, or a commit of ours, may be on its way: reading at once would mostly read in vain.
        await asyncio.sleep(self._hole_wait_seconds)
        try:
            async with self._database.connection() as connection:
                epoch, _, heads = await presence.heads(connection)
            if epoch != feed.epoch:
                await self._reload(feed)
                self._metrics.hole_healed(kind)
            elif feed.offset >= heads.get(feed.site_id, 0):
                self._metrics.hole_healed(Healed.LATE_BELL)
            else:
                await self._catch_up(feed, heads[feed.site_id])
                self._metrics.hole_healed(kind)
        except StorageError as error:
            _log.warning("a board could not be healed yet", site_id=feed.site_id, fault=type(error).__name__)

    async def _catch_up(self, feed: SiteFeed, head: int) -> None:
        while feed.offset < head and feed.epoch is not None:
            after = feed.offset
            async with self._database.connection() as connection:
                changes = await presence.changes_after(connection, feed.site_id, after, _READ_AT_ONCE)
            if not changes:
                await self._reload(feed)
                return
            feed.apply(
                SiteChanges(
                    site_id=feed.site_id,
                    epoch=feed.epoch,
                    after=after,
                    changes=changes,
                    committed_at=datetime.now(UTC),
                )
            )
            self.on_advance(feed)

    async def _reload(self, feed: SiteFeed) -> None:
        async with self._database.transaction(snapshot=True) as connection:
            epoch, _, heads = await presence.heads(connection)
            people = await presence.board(connection, feed.site_id)
            offset = heads.get(feed.site_id, 0)
            oldest = max(0, offset - self._kept_changes)
            recent = await presence.changes_after(connection, feed.site_id, oldest, self._kept_changes)
        if epoch == feed.epoch and offset < feed.offset:
            return  # a commit of ours overtook the snapshot
        feed.replace(
            epoch,
            offset,
            [
                Change(
                    person.employee_id,
                    on_board=True,
                    status=person.status,
                    since=person.since,
                    at_site_id=person.at_site_id,
                )
                for person in people
            ],
            recent or (),
        )
        self.on_advance(feed)

    async def _poll(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_interval_seconds):
                    await self._look_now.wait()
            self._look_now.clear()  # before the look: what is asked for meanwhile is another one
            try:
                async with self._database.connection() as connection:
                    epoch, version, heads = await presence.heads(connection)
                await self._directory.read(version)
            except StorageError as error:
                _log.warning("heads could not be read", fault=type(error).__name__)
                continue
            except Exception as error:  # noqa: BLE001 - without this look a silent Redis would leave boards wrong for good
                _log.error("reading heads failed", exc_info=error)
                continue
            for site_id, head in heads.items():
                feed = self._feed(site_id)
                if feed.epoch != epoch or feed.offset < head:
                    self._heal(feed, Healed.POLL)
