"""Acts upon people and places: what every hub must see of them, as soon as they are committed.

Boards learn in the act's own transaction, so that no punch comes between: streams are locked first, then presence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

from protocol.base import Reply, WriteCommand
from server.services.acts import Act, Actor, Acts
from server.services.directory import Directory
from server.services.ingest import BoardBell
from storage.errors import StorageConflict, StorageError
from storage.models import Change, Presence, SiteChanges
from storage.postgres import Connection, Database
from storage.repositories import people, presence

_R = TypeVar("_R", bound=Reply)
_T = TypeVar("_T")
_RELOCKS: Final = 5
_AT_ONCE: Final = 1_000
"""Rows in one statement: encoding or reading more of them at once would be felt by everyone else on this hub."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where someone who works here belongs."""

    site_id: UUID
    department_id: UUID


@dataclass(frozen=True, slots=True)
class Move:
    """A person before and after an act; null where they don't work here (any more)."""

    employee_id: UUID
    before: Home | None
    after: Home | None


class _LockMoreError(Exception):
    """Someone was at a site whose stream isn't locked: again with it."""

    def __init__(self, site_ids: frozenset[UUID]) -> None:
        super().__init__()
        self.site_ids = site_ids


@dataclass(slots=True)
class RosterAct:
    """An act under way; `moves` is what boards are told of at its end."""

    act: Act
    moves: list[Move] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        return self.act.connection


@dataclass(slots=True)
class _Done:
    version: int = 0
    changes: Sequence[SiteChanges] = ()


class RosterActs:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(self, database: Database, acts: Acts, directory: Directory, bell: BoardBell) -> None:
        self._database = database
        self._acts = acts
        self._directory = directory
        self._bell = bell

    async def do(
        self, actor: Actor, command: WriteCommand, answer: type[_R], perform: Callable[[RosterAct], Awaitable[_R]]
    ) -> _R:
        """As `Acts.do`; once it returns, this hub's directory has it, and boards are told."""
        done = _Done()

        async def whole(act: Act) -> _R:
            roster_act = RosterAct(act)
            reply = await perform(roster_act)
            version = await people.directory_version(act.connection)
            done.changes = await tell_boards(act.connection, roster_act.moves, version)
            done.version = version
            return reply

        reply = await self._acts.do(actor, command, answer, whole)
        with contextlib.suppress(StorageError):  # it is committed: whoever looks every second will see it then
            if done.version == 0:  # it was done before, perhaps on another hub
                async with self._database.connection() as connection:
                    done.version = await people.directory_version(connection)
            await self._directory.reach(done.version)
        if done.changes:
            self._bell.ring(done.changes)
        return reply


def slices(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """So many at a time as may be read or written at once."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


async def tell_boards(connection: Connection, moves: Sequence[Move], version: int) -> list[SiteChanges]:
    """Write what changes on boards, as the last thing before the commit: punches at these sites wait until then.

    `version` is the directory's, in which people are what they are now.
    """
    if not moves:
        return []
    more: frozenset[UUID] = frozenset()
    for _ in range(_RELOCKS):
        try:
            async with connection.transaction():  # what was locked in vain is given back
                return await _tell(connection, moves, version, more)
        except _LockMoreError as need:
            more |= need.site_ids
    raise StorageConflict("people kept moving while their boards were being locked")


async def _tell(
    connection: Connection, moves: Sequence[Move], version: int, more: frozenset[UUID]
) -> list[SiteChanges]:
    moves = sorted(moves, key=lambda move: move.employee_id.bytes)  # the order in which presence is locked
    homes = {home.site_id for move in moves for home in (move.before, move.after) if home is not None}
    sites = homes | more
    for some in slices(moves):
        at_work = await people.people_at_work(connection, [move.employee_id for move in some])
        sites |= {one.at_site_id for one in at_work.values() if one.at_site_id is not None}
    if not sites:
        return []
    epoch, heads = await presence.lock_streams(connection, list(sites))
    changes: dict[UUID, list[Change]] = {}
    for some in slices(moves):
        present = await presence.lock_presence(connection, [move.employee_id for move in some])
        if missed := frozenset(one.at_site_id for one in present.values() if one.at_site_id) - heads.keys():
            raise _LockMoreError(missed)
        for site_id, change in _changes(some, present):
            changes.setdefault(site_id, []).append(change)
    now = await presence.commit_clock(connection)
    for site_id, appended in changes.items():
        head = heads[site_id]
        for written in slices(appended):
            await presence.append_changes(connection, {site_id: (head, written)}, now)
            head += len(written)
    return [
        SiteChanges(
            site_id=site_id,
            epoch=epoch,
            after=heads[site_id],
            changes=appended,
            committed_at=now,
            directory_version=version,
        )
        for site_id, appended in changes.items()
    ]


def _changes(moves: Sequence[Move], present: Mapping[UUID, Presence]) -> Iterator[tuple[UUID, Change]]:
    for move in moves:
        person = present[move.employee_id]
        # On the board of the site where they belong, and on that of the site where they are.
        boards = {person.at_site_id} | ({move.after.site_id} if move.after else set())
        former = {move.before.site_id} if move.before else set()
        left = None
        if move.before and move.after and move.before.department_id != move.after.department_id:
            left = move.before.department_id
        for site_id in sorted(site for site in boards | former if site is not None):
            yield (
                site_id,
                Change(
                    move.employee_id,
                    on_board=site_id in boards,
                    status=person.status,
                    since=person.since,
                    at_site_id=person.at_site_id,
                    left_department_id=left,
                ),
            )
