"""Recording punches: one transaction for a batch, from locked journals to answers.

The order of locks is a law of the house: journals, then streams, then presence rows, ids ascending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from server.rules.punches import PunchRules, occurred_at
from server.rules.verdicts import Identified
from server.secrets.provider import SecretsProvider
from server.services.batch import Answer, Bench, Facts, Judged, Resolved, Settled, Submission
from server.services.directory import Directory
from server.services.evidence import Evidence, Locked
from server.services.unknown_badges import UnknownBadges
from storage.errors import StorageConflict
from storage.models import ForkSign, Journal, JournalKey, SiteChanges, StoredPunch
from storage.postgres import Connection, Database
from storage.repositories import devices, punches

_KNOWN_JOURNALS_MAX: Final = 100_000


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
        self._directory = directory
        self._rules = rules
        self._fork_quiet_minutes = fork_quiet_minutes
        self._evidence = Evidence(database, directory, rules)
        self._unknown_badges = UnknownBadges(secrets, timedelta(minutes=unknown_badge_minutes))
        self._known_journals: set[JournalKey] = set()

    async def record(self, submissions: Sequence[Submission]) -> Recorded:
        """Commit a batch and answer it. Raises StorageError; then nothing of the batch may be taken for recorded.

        Idempotent: what stands in the record already is answered as it was.
        """
        keys = sorted({one.prepared.journal for one in submissions})
        await self._open_journals(keys)
        recorded = await self._evidence.in_transaction(
            lambda connection, more: self._record(connection, submissions, keys, more)
        )
        await self._evidence.know(
            answer.punch.employee_id for answer in recorded.answers if isinstance(answer, Settled)
        )
        return recorded

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
        moments = await _moments(connection, submissions)
        resolved, known = await self._evidence.identify(connection, submissions, moments)
        journals = await punches.lock_journals(connection, keys)
        if missing := set(keys) - journals.keys():  # a restored database knows less than this hub did
            self._known_journals -= missing
            raise StorageConflict("journals that were here are gone: they must be opened again")
        self._evidence.check_sites(journal.site_id for journal in journals.values())
        seen = [
            one.prepared.key for one in resolved if one.prepared.punch.seq <= journals[one.prepared.journal].last_seq
        ]
        recorded = await punches.find_recorded(connection, seen) if seen else {}
        candidates = {
            one.identity.employee_id
            for one in resolved
            if isinstance(one.identity, Identified) and one.prepared.key not in recorded
        }
        kiosk_sites = {journal.site_id for journal in journals.values()} if candidates else set()
        locked = await self._evidence.lock(connection, resolved, known, candidates, more | kiosk_sites)
        judged_by = _judged_by(locked.resolved, recorded.values(), journals)
        facts = Facts(
            now=locked.now,
            journals=journals,
            recorded=recorded,
            people=locked.people,
            presence=locked.presence,
            histories=await self._evidence.histories(connection, judged_by),
        )
        zone = cache(self._directory.zone)  # a batch is of few sites
        judged = Bench(facts, self._rules, zone).judge(locked.resolved)
        await self._write(connection, judged, locked)
        return Recorded(judged.answers, locked.changes(judged), judged.forks)

    async def _write(self, connection: Connection, judged: Judged, locked: Locked) -> None:
        now = locked.now
        if judged.punches:
            await punches.append_punches(connection, now, judged.punches, judged.begun)
        await locked.write_changes(connection, judged)
        if judged.sealed:
            await punches.keep_sealed(connection, judged.sealed)
        await self._unknown_badges.keep(connection, judged.unknown_badges, now)
        if judged.conflicts:
            await punches.audit_conflicts(connection, judged.conflicts)
        if judged.forks:
            await devices.mark_forked(connection, judged.forks, now, quiet_minutes=self._fork_quiet_minutes)


async def _moments(connection: Connection, submissions: Sequence[Submission]) -> list[datetime | None]:
    """When each punch occurred, by its own clock or by what any hub measured of its boot."""
    undated = {
        (one.prepared.punch.device_id, one.prepared.punch.boot_id)
        for one in submissions
        if one.prepared.punch.clock is None
    }
    boots = await punches.boot_clocks(connection, list(undated)) if undated else {}
    told = (one.prepared.punch for one in submissions)
    return [occurred_at(punch, boots.get((punch.device_id, punch.boot_id))) for punch in told]


def _judged_by(
    resolved: Sequence[Resolved], recorded: Iterable[StoredPunch], journals: Mapping[JournalKey, Journal]
) -> list[tuple[UUID, datetime, UUID]]:
    """Of whom, around when and where a history is needed: for judging, and for the minutes of what is repeated."""
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
    return moments
