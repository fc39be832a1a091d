"""Judging a batch of punches in memory: facts read under lock come in, rows to write and answers go out.

No driver and no clock here; `services/attendance` loads the facts and writes the rows in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from protocol.errors import ErrorCode
from protocol.values import Captured, DeviceStatus, Outcome, Reason, Status
from server.errors import Refused
from server.rules.punches import (
    STATUS_AFTER,
    Place,
    PunchRules,
    insert,
    judge_kind,
    local_day,
    place_in_journal,
    worked_minutes,
)
from server.rules.verdicts import RECORD, Identified, Identity, Unidentified, Verdict, judge
from server.services.pins import PinVerdict
from server.services.preparation import OpenedBadge, Prepared
from storage.models import (
    Change,
    Counted,
    ForkSign,
    Journal,
    JournalKey,
    KeptSeal,
    PersonAtWork,
    Presence,
    PunchKey,
    StoredPunch,
)

_KEPT_SEALED = frozenset({Reason.SEAL_BROKEN, Reason.SEAL_UNAVAILABLE, Reason.PIN_UNCHECKED})
_FOR_WANT_OF_KEYS = frozenset({Reason.SEAL_UNAVAILABLE, Reason.PIN_UNCHECKED})
"""As what is wrong with a credential itself: a throttled PIN is held as unchecked too, and no key will help it."""


class Submission(msgspec.Struct, frozen=True):
    """A prepared punch and the verdict on its PIN, if it bears one."""

    prepared: Prepared
    pin: PinVerdict | None
    received_at: datetime


class Resolved(msgspec.Struct, frozen=True):
    """A submission with when it occurred and whose it is."""

    prepared: Prepared
    moment: datetime | None
    identity: Identity


class Settled(msgspec.Struct, frozen=True):
    """A punch that stands in the record; `worked_minutes` is null where nobody is to be named."""

    punch: StoredPunch
    duplicate: bool
    worked_minutes: int | None


Answer = Settled | Refused


@dataclass(slots=True)
class Facts:
    """What was read, everything that changes under lock. Judging writes its progress into these."""

    now: datetime
    journals: Mapping[JournalKey, Journal]
    recorded: dict[PunchKey, StoredPunch]
    people: Mapping[UUID, PersonAtWork]
    presence: dict[UUID, Presence]
    histories: Mapping[UUID, list[Counted]]


@dataclass(slots=True)
class Judged:
    """Answers in the order of the submissions, and the rows that make them true."""

    answers: list[Answer] = field(default_factory=list)
    punches: list[StoredPunch] = field(default_factory=list)
    begun: dict[UUID, UUID] = field(default_factory=dict)
    moved: dict[UUID, Presence] = field(default_factory=dict)
    changes: dict[UUID, list[Change]] = field(default_factory=dict)
    sealed: list[KeptSeal] = field(default_factory=list)
    unknown_badges: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    conflicts: list[tuple[PunchKey, UUID]] = field(default_factory=list)
    forks: dict[UUID, ForkSign] = field(default_factory=dict)


class Bench:
    """Judges one batch. `zone` gives a site's time zone."""

    def __init__(self, facts: Facts, rules: PunchRules, zone: Callable[[UUID], ZoneInfo]) -> None:
        self._facts = facts
        self._rules = rules
        self._zone = zone
        self.judged = Judged()

    def judge(self, resolved: Sequence[Resolved]) -> Judged:
        """Judge all, journal by journal, each in order: a punch sees what the ones before it changed."""
        # Of two punches at one moment the record puts that of the lower journal first: so must whoever judges them.
        order = sorted(range(len(resolved)), key=lambda place: resolved[place].prepared.journal)
        answers = {place: self._answer(resolved[place]) for place in order}
        self.judged.answers = [answers[place] for place in range(len(resolved))]
        return self.judged

    def _answer(self, resolved: Resolved) -> Answer:
        prepared = resolved.prepared
        journal = self._facts.journals.get(prepared.journal)
        if journal is None or journal.status is DeviceStatus.PENDING:
            return Refused(ErrorCode.FORBIDDEN, "not an active device")
        place = place_in_journal(
            journal.last_seq,
            journal.last_digest,
            seq=prepared.punch.seq,
            previous=prepared.previous,
            after_loss=prepared.after_loss,
        )
        match place:
            case Place.SEEN:
                return self._repeat(prepared, journal)
            case Place.AHEAD:
                return _out_of_order(journal)
            case Place.NEXT | Place.FORKED:
                return self._take(resolved, journal, place)
            case _:
                assert_never(place)

    def _repeat(self, prepared: Prepared, journal: Journal) -> Answer:
        stored = self._facts.recorded.get(prepared.key)
        if stored is None:  # below the head but never here: it was declared lost
            return _out_of_order(journal)
        if stored.digest != prepared.digest:
            self.judged.conflicts.append((prepared.key, prepared.punch.punch_id))
            self.judged.forks[journal.device_id] = ForkSign.CONFLICT
            return Refused(ErrorCode.CONFLICT, "other bytes for a place that is taken")
        return Settled(stored, duplicate=True, worked_minutes=self._worked(stored))

    def _take(self, resolved: Resolved, journal: Journal, place: Place) -> Answer:
        prepared = resolved.prepared
        verdict = judge(
            place=place,
            captured=prepared.punch.captured,
            revoked_at=journal.revoked_at,
            moment=resolved.moment,
            now=self._facts.now,
            future_tolerance=self._rules.future_tolerance,
            identity=resolved.identity,
        )
        stored = self._store(resolved, journal.site_id, self._facts.now, verdict)
        if place is Place.FORKED:
            self.judged.forks[journal.device_id] = ForkSign.FORKED
        elif self._is_older(journal):
            self.judged.forks.setdefault(journal.device_id, ForkSign.OLDER_JOURNAL)
        self._advance(journal, prepared)
        self._facts.recorded[prepared.key] = stored
        self.judged.punches.append(stored)
        self._let_in(resolved, stored)
        return Settled(stored, duplicate=False, worked_minutes=self._worked(stored))

    def judge_again(self, resolved: Resolved, first: StoredPunch, revoked_at: datetime | None) -> StoredPunch:
        """What a punch comes to that was held for want of keys, as of when it occurred; `first` is what was answered.

        Nobody stands at the screen any more: what is wrong with it is held for a person, as with an offline one.
        """
        verdict = judge(
            place=Place.NEXT,
            captured=Captured.OFFLINE,
            # Had the keys been there, a terminal's later end would have changed nothing.
            revoked_at=revoked_at if revoked_at is not None and revoked_at <= first.recorded_at else None,
            moment=resolved.moment,
            now=first.recorded_at,
            future_tolerance=self._rules.future_tolerance,
            identity=resolved.identity,
        )
        stored = self._store(resolved, first.site_id, first.recorded_at, verdict)
        self._let_in(resolved, stored)
        return stored

    def _let_in(self, resolved: Resolved, stored: StoredPunch) -> None:
        if stored.counted:
            self._count(stored)
        self._keep_beside(resolved, stored)

    def _is_older(self, journal: Journal) -> bool:
        """Whether a journal goes on though another was begun after it: a lone terminal never goes back."""
        begun_now = self.judged.begun.get(journal.device_id) == journal.log_id
        return journal.last_seq > 0 and not begun_now and journal.begun_last not in (None, journal.log_id)

    def _store(self, resolved: Resolved, site_id: UUID, recorded_at: datetime, verdict: Verdict) -> StoredPunch:
        prepared, punch = resolved.prepared, resolved.prepared.punch
        kind, reason, same_as = None, verdict.reason, None
        occurred_at = None if reason is Reason.CLOCK_UNKNOWN else resolved.moment
        if verdict == RECORD:
            assert isinstance(resolved.identity, Identified) and resolved.moment is not None  # noqa: S101, PT018 - what RECORD means
            history = self._facts.histories[resolved.identity.employee_id]
            what = judge_kind(punch.kind, resolved.moment, history, self._rules)
            kind, occurred_at, reason, same_as = what.kind, what.occurred_at, what.reason, what.same_as
        return StoredPunch(
            recorded_at=recorded_at,
            device_id=punch.device_id,
            log_id=punch.log_id,
            seq=punch.seq,
            punch_id=punch.punch_id,
            site_id=site_id,
            employee_id=resolved.identity.employee_id,
            outcome=verdict.outcome,
            reason=reason,
            kind=kind,
            occurred_at=occurred_at,
            captured=punch.captured,
            same_as=same_as,
            signed_text=prepared.text,
            signature=prepared.signature,
            digest=prepared.digest,
        )

    def _advance(self, journal: Journal, prepared: Prepared) -> None:
        if journal.last_seq == 0:
            self.judged.begun[journal.device_id] = journal.log_id
        journal.last_seq = prepared.punch.seq
        journal.last_digest = prepared.digest

    def _count(self, stored: StoredPunch) -> None:
        """Let a counted punch into the history and, if it is the person's latest, onto the boards."""
        assert stored.employee_id and stored.kind and stored.occurred_at  # noqa: S101, PT018 - what counted means
        insert(
            self._facts.histories[stored.employee_id],
            Counted(stored.occurred_at, stored.kind, stored.punch_id),
        )
        before = self._facts.presence[stored.employee_id]
        if before.since is not None and stored.occurred_at < before.since:
            return
        status = STATUS_AFTER[stored.kind]
        place = None if status is Status.OUT else stored.site_id
        after = Presence(stored.employee_id, status, stored.occurred_at, place)
        self._facts.presence[stored.employee_id] = self.judged.moved[stored.employee_id] = after
        person = self._facts.people[stored.employee_id]
        # Who left the company stands on no board but that of the place where they still are.
        boards = {place} if person.deactivated_at is not None else {person.site_id, place}
        for site_id in {site for site in (person.site_id, before.at_site_id, place) if site is not None}:
            self.judged.changes.setdefault(site_id, []).append(
                Change(after.employee_id, site_id in boards, after.status, after.since, after.at_site_id)
            )

    def _keep_beside(self, resolved: Resolved, stored: StoredPunch) -> None:
        prepared = resolved.prepared
        if stored.outcome is Outcome.HELD and stored.reason in _KEPT_SEALED:
            waits = isinstance(resolved.identity, Unidentified) and resolved.identity.reason in _FOR_WANT_OF_KEYS
            since = stored.recorded_at if waits else None
            self.judged.sealed.append(KeptSeal(prepared.key, prepared.punch.sealing_key_id, prepared.sealed, since))
        if stored.reason is Reason.BADGE_UNKNOWN and isinstance(prepared.opened, OpenedBadge):
            self.judged.unknown_badges.append((stored.device_id, stored.punch_id, prepared.opened.badge))

    def _worked(self, stored: StoredPunch) -> int | None:
        if stored.outcome is not Outcome.RECORDED or stored.employee_id is None or stored.occurred_at is None:
            return None
        history = self._facts.histories.get(stored.employee_id, [])
        day = local_day(stored.occurred_at, self._zone(stored.site_id))
        return worked_minutes(history, day, stored.occurred_at, self._rules)


def history_window(moment: datetime, zone: ZoneInfo, rules: PunchRules) -> tuple[datetime, datetime]:
    """The part of a person's history that a punch at `moment` is judged by, and its day's minutes reckoned from."""
    # A debounced punch takes the time, and so the day, of one that may lie before midnight.
    begin, _ = local_day(moment - rules.debounce, zone)
    return begin - rules.open_shift_limit, moment + rules.debounce + timedelta(seconds=1)


def _out_of_order(journal: Journal) -> Refused:
    return Refused(ErrorCode.OUT_OF_ORDER, details={"expected_seq": journal.last_seq + 1})
