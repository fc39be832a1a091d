"""All boards of a hub, kept current.

Changes come from this hub's own commits, from other hubs' bells, and from the log wherever those leave a hole.
All that arrives is applied by offset, so it may come twice or in any order; what can't be applied is read.
A database that was put back to an earlier state is told by its new epoch, or by what this hub remembers of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from server.secrets.provider import SecretsUnavailable
from server.services.directory import Directory
from server.services.site_feed import SiteFeed
from server.telemetry.metrics import Healed, Metrics
from storage.errors import StorageError, StorageUnavailable
from storage.models import Change, SiteChanges
from storage.postgres import Database
from storage.repositories import presence

_READ_AT_ONCE: Final = 2_000
_LOOKS_TO_REACH: Final = 2
_log = structlog.get_logger()


async def _nothing() -> None:
    pass


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
        self._look_because = Healed.HEAD
        self._went_back = False
        self.epoch: UUID | None = None
        """What the database counts in, as of the last look."""
        self.feeds: dict[UUID, SiteFeed] = {}
        self.on_new_epoch: Callable[[], Awaitable[object]] = _nothing
        """What a database that was restored must go through; again at each look until it succeeds."""
        self._is_new_epoch = False
        self.on_advance: Callable[[SiteFeed], None] = lambda _: None

    async def start(self) -> None:
        """Read the directory and every board. Raises StorageError."""
        async with self._database.connection() as connection:
            self.epoch, version, heads = await presence.heads(connection)
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
            feed = self.feeds.get(batch.site_id)
            if feed is not None and feed.contradicts(batch):  # what was just committed is what the database holds
                self._went_back = True
                self.look()
            self._take(batch)

    def heard(self, batch: SiteChanges) -> None:
        """Take over what another hub rang (or our own bell, which is late then and changes nothing)."""
        lag = datetime.now(UTC) - batch.committed_at
        self._metrics.bell_heard(lag_seconds=lag.total_seconds())
        self._take(batch)

    def look(self, because: Healed = Healed.HEAD) -> None:
        """Bells may have been missed: compare with PostgreSQL at once. A hole that is found counts as `because`."""
        if because is not Healed.HEAD:
            self._look_because = because
        self._look_now.set()

    async def reach(self, positions: Mapping[UUID, tuple[UUID, int]]) -> None:
        """Come as far as other hubs have brought a client already, whose bells may be late or lost here.

        Places that the database doesn't have are passed over. Raises StorageUnavailable where the log can't be read:
        what this hub has would set the client's board back.
        """
        for _ in range(_LOOKS_TO_REACH):  # one that is under way may have looked too early
            behind = [
                feed
                for site_id, (epoch, offset) in positions.items()
                if (feed := self.feeds.get(site_id)) is not None and feed.is_behind(epoch, offset)
            ]
            for feed in behind:
                self._heal(feed, Healed.HEAD)
            healing = [asyncio.shield(feed.healing) for feed in behind if feed.healing is not None]
            if not healing:
                return
            if not all(await asyncio.gather(*healing)):
                raise StorageUnavailable("the boards are behind, and the log can't be read")

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
        if batch.epoch == feed.epoch and not self._can_name(batch):
            feed.must_read(batch)
            self._heal(feed, Healed.NAMES)
        elif feed.apply(batch):
            self.on_advance(feed)
        else:
            self._heal(feed, Healed.OFFSET if batch.epoch == feed.epoch else Healed.EPOCH)

    def _can_name(self, batch: SiteChanges) -> bool:
        """Whether its people are known here as they were when it was committed: by name, and by department."""
        people = (change.employee_id for change in batch.changes)
        return batch.directory_version <= self._directory.version and self._directory.knows(people)

    async def begin(self, site_id: UUID) -> SiteFeed | None:
        """The feed of a site; None where there is no such site. One that was made a moment ago is read first.

        Raises StorageUnavailable where it can't be read.
        """
        feed = self.feeds.get(site_id)
        if feed is not None and feed.is_read:
            return feed
        if site_id not in self._directory.sites:
            return None
        feed = self._feed(site_id)
        self._heal(feed, Healed.HEAD)
        if feed.healing is not None and not await asyncio.shield(feed.healing):
            raise StorageUnavailable("the site's board can't be read")
        return feed

    def _heal(self, feed: SiteFeed, kind: Healed) -> None:
        if feed.healing is None:
            feed.healing = asyncio.create_task(self._close_hole(feed, kind), name="heal")

    async def _close_hole(self, feed: SiteFeed, kind: Healed) -> bool:
        """Whether the log could be read, where it had to be."""
        try:
            while True:
                # Another hub's bell, or a commit of ours, may be on its way: reading at once is mostly reading in vain.
                await asyncio.sleep(self._hole_wait_seconds)
                if kind is Healed.OFFSET and not feed.has_hole:
                    self._metrics.hole_healed(Healed.LATE_BELL)
                    return True
                await self._read_log(feed, kind)
                if not feed.has_hole:
                    return True
                kind = Healed.OFFSET  # told of while the log was read
        except StorageError as error:
            _log.warning("a board could not be healed yet", site_id=feed.site_id, fault=type(error).__name__)
            return False
        finally:
            feed.healing = None

    async def _read_log(self, feed: SiteFeed, kind: Healed) -> None:
        async with self._database.connection() as connection:
            epoch, version, heads = await presence.heads(connection)
        await self._directory.reach(version)
        if epoch != feed.epoch:
            await self._reload(feed)
            self._metrics.hole_healed(Healed.EPOCH)
        elif feed.offset < heads.get(feed.site_id, 0):
            await self._catch_up(feed, heads[feed.site_id])
            self._metrics.hole_healed(kind)

    async def _catch_up(self, feed: SiteFeed, head: int) -> None:
        while feed.offset < head and (epoch := feed.epoch) is not None:
            after = feed.offset
            async with self._database.connection() as connection:
                changes = await presence.changes_after(connection, feed.site_id, epoch, after, _READ_AT_ONCE)
            if not changes:
                await self._reload(feed)
                return
            changes = changes[: head - after]  # of what came since `head` was read, people may not be known yet
            feed.apply(
                SiteChanges(
                    site_id=feed.site_id,
                    epoch=epoch,
                    after=after,
                    changes=changes,
                    committed_at=datetime.now(UTC),
                )
            )
            self.on_advance(feed)

    async def _reload(self, feed: SiteFeed) -> None:
        async with self._database.transaction(snapshot=True) as connection:
            epoch, version, heads = await presence.heads(connection)
            people = await presence.board(connection, feed.site_id)
            offset = heads.get(feed.site_id, 0)
            oldest = max(0, offset - self._kept_changes)
            recent = await presence.changes_after(connection, feed.site_id, epoch, oldest, self._kept_changes)
        await self._directory.reach(version)
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
            kind, self._look_because = self._look_because, Healed.HEAD
            try:
                await self._look(kind)
            except StorageError as error:
                _log.warning("heads could not be read", fault=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - without this look a silent Redis would leave boards wrong for good
                _log.error("reading heads failed", exc_info=error)

    async def _welcome_epoch(self) -> None:
        try:
            await self.on_new_epoch()
        except SecretsUnavailable as error:
            _log.warning("what a restored database must forget isn't known yet", fault=type(error).__name__)
        else:
            self._is_new_epoch = False

    async def _look(self, kind: Healed) -> None:
        reached = {site_id: (feed.epoch, feed.offset) for site_id, feed in self.feeds.items()}
        async with self._database.connection() as connection:
            epoch, version, heads = await presence.heads(connection)
            if self._went_back or any(
                reached_epoch == epoch and heads.get(site_id, offset) < offset
                for site_id, (reached_epoch, offset) in reached.items()
            ):
                # Put back to an earlier state on its own timeline: only who saw the later one can tell.
                _log.warning("the database went back: its streams begin a new epoch", epoch=epoch)
                epoch = await presence.end_epoch(connection, epoch)
                self._went_back = False
        if epoch != self.epoch:
            self._directory.forget()  # its versions count anew as well
            self._is_new_epoch = True
        self.epoch = epoch
        if self._is_new_epoch:
            await self._welcome_epoch()
        await self._directory.read(version)
        for site_id, head in heads.items():
            feed = self._feed(site_id)
            if feed.epoch != epoch or feed.offset < head:
                self._heal(feed, kind)
