"""Recording punches: one transaction for a batch, from locked journals to answers.

The order of locks is a law of the house: journals, then streams, then presence rows, ids ascending. What a
batch must know before it can lock (whose badge, which boards) is read first and checked again under the lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Final, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from protocol.values import Reason
from server.rules.punches import PunchRules, occurred_at
from server.rules.verdicts import Identified, Identity, Unidentified, holder_at
from server.secrets.provider import SecretsProvider, SecretsUnavailable
from server.services.batch import Answer, Bench, Facts, Judged, Resolved, Settled, Submission, history_window
from server.services.directory import Directory
from server.services.pins import PinResult, PinVerdict
from server.services.preparation import OpenedBadge, OpenedNumber, Unreadable, badge_place
from storage.errors import StorageConflict, StorageError
from storage.models import (
    BadgeHolder,
    BootClock,
    Counted,
    ForkSign,
    Journal,
    JournalKey,
    PersonAtWork,
    SiteChanges,
    StoredPunch,
)
from storage.postgres import Connection, Database
from storage.repositories import devices, people, presence, punches

_RELOCKS: Final = 5
_KNOWN_JOURNALS_MAX: Final = 100_000
_NOT_RECOGNISED: Final = Unidentified(Reason.NOT_RECOGNISED)


class _UnknownSite(Exception):
    """A terminal stands at a site that another hub made a moment ago."""


class _LockMore(Exception):
    """Someone was at a site whose stream this transaction doesn't hold: begin again with it."""

    def __init__(self, site_ids: frozenset[UUID]) -> None:
        super().__init__()
        self.site_ids = site_ids


@dataclass(frozen=True, slots=True)
class Recorded:
    """Answers in the order of the submissions, what changed on the boards, and which devices may have a copy."""

    answers: list[Answer]
    changes: list[SiteChanges]
    forks: Mapping[UUID, ForkSign] = field(default_factory=dict)


class Attendance:
    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        directory: Directory,
        rules: PunchRules,
        *,
        unknown_badge_minutes: int,
        fork_quiet_minutes: int = 60,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._directory = directory
        self._rules = rules
        self._fork_quiet_minutes = fork_quiet_minutes
        self._unknown_badge_life = timedelta(minutes=unknown_badge_minutes)
        self._known_journals: set[JournalKey] = set()

    async def record(self, submissions: Sequence[Submission]) -> Recorded:
        """Commit a batch and answer it. Raises StorageError; then nothing of the batch may be taken for recorded.

        Idempotent: what stands in the record already is answered as it was.
        """
        keys = sorted({one.prepared.journal for one in submissions})
        await self._open_journals(keys)
        more: frozenset[UUID] = frozenset()
        for _ in range(_RELOCKS):
            try:
                async with self._database.transaction() as connection:
                    recorded = await self._record(connection, submissions, keys, more)
            except _LockMore as need:
                more |= need.site_ids
            except _UnknownSite:
                await self._read_directory()
            else:
                await self._know_people(recorded)
                return recorded
        raise StorageConflict("people kept moving while their boards were being locked")

    async def _know_people(self, recorded: Recorded) -> None:
        """Whoever was made a moment ago, by another hub, is to be named in the answer and on boards."""
        settled = (answer.punch.employee_id for answer in recorded.answers if isinstance(answer, Settled))
        if not self._directory.knows(employee_id for employee_id in settled if employee_id is not None):
            with contextlib.suppress(StorageError):  # it is recorded: that comes first
                await self._read_directory()

    async def _read_directory(self) -> None:
        async with self._database.connection() as connection:
            version = await people.directory_version(connection)
        await self._directory.reach(version)

    async def _open_journals(self, keys: Sequence[JournalKey]) -> None:
        if new := [key for key in keys if key not in self._known_journals]:
            async with self._database.connection() as connection:
                await punches.open_journals(connection, new)
            if len(self._known_journals) > _KNOWN_JOURNALS_MAX:
                self._known_journals.clear()
            self._known_journals.update(new)

    async def _record(
        self,
        connection: Connection,
        submissions: Sequence[Submission],
        keys: Sequence[JournalKey],
        more: frozenset[UUID],
    ) -> Recorded:
        resolved, known = await self._resolve(connection, submissions)
        journals = await punches.lock_journals(connection, keys)
        if missing := set(keys) - journals.keys():  # a restored database knows less than this hub did
            self._known_journals -= missing
            raise StorageConflict("journals that were here are gone: they must be opened again")
        if any(journal.site_id not in self._directory.sites for journal in journals.values()):
            raise _UnknownSite
        seen = [
            one.prepared.key for one in resolved if one.prepared.punch.seq <= journals[one.prepared.journal].last_seq
        ]
        recorded = await punches.find_recorded(connection, seen) if seen else {}
        candidates = {
            one.identity.employee_id: known[one.identity.employee_id]
            for one in resolved
            if isinstance(one.identity, Identified) and one.prepared.key not in recorded
        }
        kiosk_sites = {journal.site_id for journal in journals.values()} if candidates else set()
        sites = kiosk_sites | more
        for person in candidates.values():
            sites |= {site_id for site_id in (person.site_id, person.at_site_id) if site_id is not None}
        epoch, heads = await presence.lock_streams(connection, list(sites)) if sites else (None, {})
        present, locked = await presence.lock_people(connection, list(candidates)) if candidates else ({}, {})
        places = {site_id for person in locked.values() for site_id in (person.site_id, person.at_site_id) if site_id}
        if missed := frozenset(places - heads.keys()):
            raise _LockMore(missed)
        if any(known[employee_id] != person for employee_id, person in locked.items()):
            known |= locked
            resolved = _as_they_are(resolved, known)
        now = await presence.commit_clock(connection)
        zone = cache(self._directory.zone)  # a batch is of few sites
        facts = Facts(
            now=now,
            journals=journals,
            recorded=recorded,
            people=known,
            presence=present,
            histories=await self._histories(connection, resolved, recorded.values(), journals, zone),
        )
        judged = Bench(facts, self._rules, zone).judge(resolved)
        await self._write(connection, judged, heads, now)
        changes = [
            SiteChanges(site_id=site_id, epoch=epoch, after=heads[site_id], changes=appended, committed_at=now)
            for site_id, appended in judged.changes.items()
            if epoch is not None
        ]
        return Recorded(judged.answers, changes, judged.forks)

    async def _resolve(
        self, connection: Connection, submissions: Sequence[Submission]
    ) -> tuple[list[Resolved], dict[UUID, PersonAtWork]]:
        """When each punch occurred and whose it is; nothing is locked yet."""
        undated = {
            (one.prepared.punch.device_id, one.prepared.punch.boot_id)
            for one in submissions
            if one.prepared.punch.clock is None
        }
        boots = await punches.boot_clocks(connection, list(undated)) if undated else {}
        hashes = {one.prepared.opened.badge_hash for one in submissions if isinstance(one.prepared.opened, OpenedBadge)}
        holders = await people.badge_holders(connection, list(hashes)) if hashes else {}
        moments = [_moment(one, boots) for one in submissions]
        owners = [
            _owner(one, moment or one.received_at, holders) for one, moment in zip(submissions, moments, strict=True)
        ]
        employee_ids = {owner for owner in owners if isinstance(owner, UUID)}
        known = await people.people_at_work(connection, list(employee_ids)) if employee_ids else {}
        return [
            Resolved(one.prepared, moment, _identity(owner, known))
            for one, moment, owner in zip(submissions, moments, owners, strict=True)
        ], known

    async def _histories(
        self,
        connection: Connection,
        resolved: Sequence[Resolved],
        recorded: Iterable[StoredPunch],
        journals: Mapping[JournalKey, Journal],
        zone: Callable[[UUID], ZoneInfo],
    ) -> dict[UUID, list[Counted]]:
        """What each person's punches are judged by, and their day's minutes reckoned from."""
        moments = [
            (one.identity.employee_id, one.moment, journals[one.prepared.journal].site_id)
            for one in resolved
            if isinstance(one.identity, Identified) and one.moment is not None
        ]
        moments += [
            (punch.employee_id, punch.occurred_at, punch.site_id)
            for punch in recorded
            if punch.employee_id is not None and punch.occurred_at is not None
        ]
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

    async def _write(self, connection: Connection, judged: Judged, heads: Mapping[UUID, int], now: datetime) -> None:
        if judged.punches:
            await punches.append_punches(connection, now, judged.punches, judged.begun)
        if judged.moved:
            appended = {site_id: (heads[site_id], changes) for site_id, changes in judged.changes.items()}
            await presence.append_changes(connection, appended, now, list(judged.moved.values()))
        if judged.sealed:
            await punches.keep_sealed(connection, judged.sealed)
        if judged.unknown_badges and (rows := self._encrypted(judged.unknown_badges)):
            until = now + self._unknown_badge_life
            await punches.keep_unknown_badges(connection, rows, seen_at=now, expires_at=until)
        if judged.conflicts:
            await punches.audit_conflicts(connection, judged.conflicts)
        if judged.forks:
            await devices.mark_forked(connection, judged.forks, now, quiet_minutes=self._fork_quiet_minutes)

    def _encrypted(self, unknown_badges: Sequence[tuple[UUID, UUID, str]]) -> list[tuple[UUID, UUID, bytes]]:
        """Unknown badges as they are kept; none where the keys went meanwhile: the punches come first."""
        try:
            return [
                (device_id, punch_id, self._secrets.encrypt(badge.encode(), badge_place(device_id, punch_id)))
                for device_id, punch_id, badge in unknown_badges
            ]
        except SecretsUnavailable:
            return []


def _moment(submission: Submission, boots: Mapping[tuple[UUID, UUID], BootClock]) -> datetime | None:
    punch = submission.prepared.punch
    return occurred_at(punch, boots.get((punch.device_id, punch.boot_id)))


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
