"""What goes wrong at a statement of a hub."""

import asyncpg

from tests.journey.memory_store import AFTER_COMMIT
from tests.journey.virtual_time import ProcessIsGone
from tests.journey.world import HubProcess


class Trap:
    """Snaps before the statement that follows `statements` others, or behind the first commit that follows.

    `times` statements in a row, of whatever transaction, or so many commits.
    """

    def __init__(self, hub: HubProcess, statements: int, *, times: int, behind_commit: bool) -> None:
        self.hub = hub
        self.left = statements
        self.behind_commit = behind_commit
        self.times = times

    def __call__(self, statement: str) -> None:
        self.left -= 1
        if self.left < 0 and self.times > 0 and (statement == AFTER_COMMIT) == self.behind_commit:
            self.times -= 1
            self.snap()

    def snap(self) -> None:
        raise NotImplementedError


class LineToDatabaseBreaks(Trap):
    def snap(self) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class HubDies(Trap):
    def snap(self) -> None:
        self.hub.kill()
        raise ProcessIsGone
