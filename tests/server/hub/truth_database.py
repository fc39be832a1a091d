"""A stream's model behind asyncpg's face: the statements that boards are read with, each with its own moment."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg

from storage.repositories import presence
from tests.journey.memory_tables import Row
from tests.server.hub.stream_world import Truth

STATEMENT_SECONDS: Final = (0.0005, 0.01)
"""To the database, and as long again back from it."""


class TruthDatabase:
    """What stands for a pool. While it `is_down` every statement fails."""

    def __init__(self, chance: random.Random) -> None:
        self.truth = Truth()
        self.is_down = False
        self.ended: list[UUID] = []
        self._chance = chance
        self._epochs = 0

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator["TruthConnection"]:
        del timeout
        yield TruthConnection(self)

    async def way(self) -> None:
        await asyncio.sleep(self._chance.uniform(*STATEMENT_SECONDS))

    def restore(self, states_back: int) -> None:
        """To an earlier moment, in a new epoch."""
        backups = self.truth.backups
        self.truth.restore(backups[max(0, len(backups) - 1 - states_back)], self._new_epoch())

    def end_epoch(self, ended: UUID) -> UUID:
        """A hub believes that the database went back on its own timeline, which it never does here."""
        self.ended.append(ended)
        if self.truth.epoch == ended:
            self.truth.begin_epoch(self._new_epoch())
        return self.truth.epoch

    def _new_epoch(self) -> UUID:
        self._epochs += 1
        return uuid5(UUID(int=0), str(self._epochs))


class TruthConnection:
    """Statements are done somewhere between asking and answer; all of a snapshot as of its first."""

    def __init__(self, database: TruthDatabase) -> None:
        self._database = database
        self._snapshot: Truth | None = None
        self._is_snapshot = False

    @asynccontextmanager
    async def transaction(self, **how: object) -> AsyncIterator[None]:
        self._is_snapshot = "isolation" in how
        yield

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:  # noqa: ANN401 - a statement's own
        await self._database.way()
        self._check()
        truth = self._database.truth
        if self._is_snapshot:
            truth = self._snapshot = self._snapshot or truth.frozen()
        rows = ANSWERS[statement](truth, *arguments)
        await self._database.way()
        return rows

    async def fetchval(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - likewise
        assert statement == presence.END_EPOCH
        await self._database.way()
        self._check()
        return self._database.end_epoch(*arguments)

    def _check(self) -> None:
        if self._database.is_down:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")


def _changes_after(truth: Truth, site_id: UUID, epoch: UUID, after: int, limit: int) -> list[Row]:
    log = list(enumerate(truth.logs[site_id], start=1))
    return [
        Row(
            offset=offset,
            employee_id=change.employee_id,
            on_board=change.on_board,
            status=change.status,
            since=change.since,
            at_site_id=change.at_site_id,
            left_department_id=None,
        )
        for offset, change in log
        if offset > max(after, truth.pruned[site_id]) and epoch == truth.epoch
    ][:limit]


def _board(truth: Truth, site_id: UUID) -> list[Row]:
    return [
        Row(employee_id=one.employee_id, status=one.status, since=one.since, at_site_id=one.at_site_id)
        for one in truth.board(site_id).values()
    ]


def _heads(truth: Truth) -> list[Row]:
    return [
        Row(epoch=truth.epoch, directory_version=1, site_id=site_id, head=len(log))
        for site_id, log in truth.logs.items()
    ]


ANSWERS: Final[dict[str, Callable[..., list[Row]]]] = {
    presence.HEADS: _heads,
    presence.BOARD: _board,
    presence.CHANGES_AFTER: _changes_after,
}
