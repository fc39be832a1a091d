"""What punches are judged by: read before anything is locked, and again under the locks, in the house's order.

Journals are the caller's to lock; then come streams, then presence rows, ids ascending. What must be known before
one can lock (whose badge, which boards) is read first and checked again under the lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, TypeVar, assert_never
from uuid import UUID

import msgspec

from protocol.values import Reason
from server.rules.punches import PunchRules
from server.rules.verdicts import Identified, Identity, Unidentified, holder_at
from server.services.batch import Judged, Resolved, Submission, history_window
from server.services.directory import Directory
from server.services.pins import PinResult, PinVerdict
from server.services.preparation import OpenedBadge, OpenedNumber, Unreadable
from storage.errors import StorageConflict, StorageError
from storage.models import BadgeHolder, Counted, PersonAtWork, Presence, SiteChanges
from storage.postgres import Connection, Database
from storage.repositories import people, presence, punches

_T = TypeVar("_T")
_RELOCKS: Final = 5
_NOT_RECOGNISED: Final = Unidentified(Reason.NOT_RECOGNISED)


class _UnknownSite(Exception):
    """A terminal stands at a site that another hub made a moment ago."""


class _LockMore(Exception):
    """Someone was at a site whose stream this transaction doesn't hold: begin again with it."""

    def __init__(self, site_ids: frozenset[UUID]) -> None:
        super().__init__()
        self.site_ids = site_ids


@dataclass(frozen=True, slots=True)
class Locked:
    """Streams and people as they are and stay until the commit; `people` also of those who aren't locked."""

    now: datetime
    epoch: UUID | None
    heads: Mapping[UUID, int]
    presence: dict[UUID, Presence]
    people: Mapping[UUID, PersonAtWork]
    resolved: Sequence[Resolved]

    def changes(self, judged: Judged) -> list[SiteChanges]:
        """What is told of the boards once it is committed."""
        return [
            SiteChanges(
                site_id=site_id, epoch=self.epoch, after=self.heads[site_id], changes=appended, committed_at=self.now
            )
            for site_id, appended in judged.changes.items()
            if self.epoch is not None
        ]

    async def write_changes(self, connection: Connection, judged: Judged) -> None:
        """Append to the streams, and move who moved."""
        if judged.moved:
            appended = {site_id: (self.heads[site_id], changes) for site_id, changes in judged.changes.items()}
            await presence.append_changes(connection, appended, self.now, list(judged.moved.values()))


class Evidence:
    def __init__(self, database: Database, directory: Directory, rules: PunchRules) -> None:
        self._database = database
        self._directory = directory
        self._rules = rules

    async def in_transaction(self, work: Callable[[Connection, frozenset[UUID]], Awaitable[_T]]) -> _T:
        """Do `work` in a transaction, again with the sites whose streams it turned out to need.

        Raises StorageError; then nothing was done.
        """
        more: frozenset[UUID] = frozenset()
        for _ in range(_RELOCKS):
            try:
                async with self._database.transaction() as connection:
                    return await work(connection, more)
            except _LockMore as need:
                more |= need.site_ids
            except _UnknownSite:
                await self._read_directory()
        raise StorageConflict("people kept moving while their boards were being locked")

    async def know(self, employee_ids: Iterable[UUID | None]) -> None:
        """Whoever was made a moment ago, by another hub, is to be named in the answer and on boards."""
        if not self._directory.knows(employee_id for employee_id in employee_ids if employee_id is not None):
            with contextlib.suppress(StorageError):  # it is recorded: that comes first
                await self._read_directory()

    async def _read_directory(self) -> None:
        async with self._database.connection() as connection:
            version = await people.directory_version(connection)
        await self._directory.reach(version)

    async def identify(
        self, connection: Connection, submissions: Sequence[Submission], moments: Sequence[datetime | None]
    ) -> tuple[list[Resolved], dict[UUID, PersonAtWork]]:
        """Whose each punch is, at its moment; nothing is locked yet."""
        hashes = {one.prepared.opened.badge_hash for one in submissions if isinstance(one.prepared.opened, OpenedBadge)}
        holders = await people.badge_holders(connection, list(hashes)) if hashes else {}
        owners = [
            _owner(one, moment or one.received_at, holders) for one, moment in zip(submissions, moments, strict=True)
        ]
        employee_ids = {owner for owner in owners if isinstance(owner, UUID)}
        known = await people.people_at_work(connection, list(employee_ids)) if employee_ids else {}
        return [
            Resolved(one.prepared, moment, _identity(owner, known))
            for one, moment, owner in zip(submissions, moments, owners, strict=True)
        ], known

    def check_sites(self, site_ids: Iterable[UUID]) -> None:
        """Begin again where one of them isn't in the directory yet. Only within `in_transaction`."""
        if any(site_id not in self._directory.sites for site_id in site_ids):
            raise _UnknownSite

    async def lock(
        self,
        connection: Connection,
        resolved: Sequence[Resolved],
        known: Mapping[UUID, PersonAtWork],
        candidates: Collection[UUID],
        sites: frozenset[UUID],
    ) -> Locked:
        """Lock the streams and presence rows of the `candidates`, whose punches may count at `sites`."""
        wanted = set(sites)
        for person in (known[employee_id] for employee_id in candidates):
            wanted |= {site_id for site_id in (person.site_id, person.at_site_id) if site_id is not None}
        epoch, heads = await presence.lock_streams(connection, list(wanted)) if wanted else (None, {})
        present, locked = await presence.lock_people(connection, list(candidates)) if candidates else ({}, {})
        places = {site_id for person in locked.values() for site_id in (person.site_id, person.at_site_id) if site_id}
        if missed := frozenset(places - heads.keys()):
            raise _LockMore(missed)
        if any(known[employee_id] != person for employee_id, person in locked.items()):
            known = {**known, **locked}
            resolved = _as_they_are(resolved, known)
        now = await presence.commit_clock(connection)
        return Locked(now, epoch, heads, present, known, resolved)

    async def histories(
        self, connection: Connection, moments: Iterable[tuple[UUID, datetime, UUID]]
    ) -> dict[UUID, list[Counted]]:
        """What each person's punches (employee, moment, site) are judged by, and their day's minutes reckoned from."""
        zone = cache(self._directory.zone)  # a batch is of few sites
        windows: dict[UUID, tuple[datetime, datetime]] = {}
        for employee_id, moment, site_id in moments:
            since, until = history_window(moment, zone(site_id), self._rules)
            if (earlier := windows.get(employee_id)) is not None:
                since, until = min(since, earlier[0]), max(until, earlier[1])
            windows[employee_id] = (since, until)
        if not windows:
            return {}
        earliest = min(since for since, _ in windows.values())
        return await punches.histories(connection, windows, earliest - presence.CLOCK_SLACK)


def _owner(
    submission: Submission, moment: datetime, holders: Mapping[bytes, Sequence[BadgeHolder]]
) -> UUID | Unidentified:
    """Whose credential it was at `moment`. A right PIN makes no badge good that was nobody's, or is no longer."""
    match submission.prepared.opened:
        case Unreadable(reason=reason):
            return Unidentified(reason)
        case OpenedBadge(badge_hash=badge_hash):
            holder = holder_at(holders.get(badge_hash, ()), moment)
            if isinstance(holder, Unidentified):
                return holder
            if submission.pin is None:
                return holder.employee_id
            known = _known_by_pin(submission.pin)
            # The PIN was judged as the latest holder's: of an earlier one's punch it proves nothing.
            return known if isinstance(known, Unidentified) or known == holder.employee_id else _NOT_RECOGNISED
        case OpenedNumber():
            return Unidentified(Reason.PIN_UNCHECKED) if submission.pin is None else _known_by_pin(submission.pin)
        case _:
            assert_never(submission.prepared.opened)


def _known_by_pin(pin: PinVerdict) -> UUID | Unidentified:
    match pin:
        case PinVerdict(result=PinResult.RIGHT, employee_id=UUID() as employee_id):
            return employee_id
        case PinVerdict(result=PinResult.THROTTLED):
            return Unidentified(Reason.PIN_THROTTLED)
        case PinVerdict(result=PinResult.UNCHECKED | PinResult.SEEN):
            # What was seen is answered from the record; only one restored without it would ask once more.
            return Unidentified(Reason.PIN_UNCHECKED)
        case _:
            return _NOT_RECOGNISED


def _identity(owner: UUID | Unidentified, known: Mapping[UUID, PersonAtWork]) -> Identity:
    if isinstance(owner, Unidentified):
        return owner
    person = known.get(owner)
    if person is None:
        return Unidentified(Reason.BADGE_UNKNOWN)
    return Identified(owner, person.deactivated_at, person.absences)


def _as_they_are(resolved: Sequence[Resolved], known: Mapping[UUID, PersonAtWork]) -> list[Resolved]:
    """With people as they stand under the lock: since they were read, they may have been moved or let go."""
    return [
        msgspec.structs.replace(one, identity=_identity(one.identity.employee_id, known))
        if isinstance(one.identity, Identified) and one.identity.employee_id in known
        else one
        for one in resolved
    ]
