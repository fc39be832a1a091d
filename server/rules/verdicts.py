"""Whether a punch is recorded, held for a person, or refused for good. Pure; the order of the questions matters.

Nothing that a kiosk signed is thrown away: held and refused punches stand in the record too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from protocol.values import Captured, Outcome, Reason
from server.rules.punches import Place
from storage.models import BadgeHolder


class Identified(msgspec.Struct, frozen=True):
    """The credential is this person's. `absences` is when they were gone, before they came back: from, until."""

    employee_id: UUID
    deactivated_at: datetime | None
    absences: tuple[tuple[datetime, datetime], ...] = ()

    def is_gone(self, moment: datetime) -> bool:
        """Whether they didn't work here at `moment`."""
        if self.deactivated_at is not None and self.deactivated_at <= moment:
            return True
        return any(since <= moment < until for since, until in self.absences)


class Unidentified(msgspec.Struct, frozen=True):
    """Nobody is known by this credential, or it could not be read or judged."""

    reason: Reason
    employee_id: UUID | None = None


Identity = Identified | Unidentified


class Verdict(msgspec.Struct, frozen=True):
    outcome: Outcome
    reason: Reason | None = None


RECORD: Final = Verdict(Outcome.RECORDED)

_UNREADABLE: Final = frozenset({Reason.SEAL_BROKEN, Reason.SEAL_UNAVAILABLE, Reason.PIN_UNCHECKED})
_PIN_FAULTS: Final = {
    # What a person at the screen gets, and what is kept when nobody can be told any more.
    Reason.NOT_RECOGNISED: (
        Verdict(Outcome.REFUSED, Reason.NOT_RECOGNISED),
        Verdict(Outcome.HELD, Reason.PIN_WRONG),
    ),
    Reason.PIN_THROTTLED: (
        Verdict(Outcome.REFUSED, Reason.PIN_THROTTLED),
        Verdict(Outcome.HELD, Reason.PIN_UNCHECKED),
    ),
}


def judge(
    *,
    place: Place,
    captured: Captured,
    revoked_at: datetime | None,
    moment: datetime | None,
    now: datetime,
    future_tolerance: timedelta,
    identity: Identity,
) -> Verdict:
    """Decide on a punch that its journal takes: `place` is NEXT or FORKED.

    `moment` is when it occurred (None: unknown), `now` when it is recorded, `revoked_at` the device's end.
    """
    if revoked_at is not None:
        signed_after = moment is not None and moment >= revoked_at
        return Verdict(Outcome.REFUSED if signed_after else Outcome.HELD, Reason.DEVICE_REVOKED)
    if place is Place.FORKED:
        return Verdict(Outcome.HELD, Reason.DEVICE_FORKED)
    if isinstance(identity, Unidentified) and (verdict := _judge_credential(identity.reason, captured)) is not None:
        return verdict
    if moment is None or moment > now + future_tolerance:
        return Verdict(Outcome.HELD, Reason.CLOCK_UNKNOWN)
    match identity:
        case Unidentified(reason=Reason.BADGE_UNKNOWN) if captured is Captured.OFFLINE:
            return Verdict(Outcome.HELD, Reason.BADGE_UNKNOWN)
        case Unidentified(reason=reason):
            return Verdict(Outcome.REFUSED, reason)
        case Identified() if identity.is_gone(moment):
            return Verdict(Outcome.REFUSED, Reason.EMPLOYEE_INACTIVE)
        case Identified():
            return RECORD


def _judge_credential(reason: Reason, captured: Captured) -> Verdict | None:
    """What is wrong with a credential whenever it was used; None where that depends on the moment."""
    if reason in _UNREADABLE:
        return Verdict(Outcome.HELD, reason)
    if reason in _PIN_FAULTS:
        online, offline = _PIN_FAULTS[reason]
        return online if captured is Captured.ONLINE else offline
    return None


def holder_at(holders: Sequence[BadgeHolder], moment: datetime) -> BadgeHolder | Unidentified:
    """Who held a badge at `moment`; `holders` is everyone who ever did, earliest first."""
    held = [holder for holder in holders if holder.assigned_at <= moment]
    if not held:
        return Unidentified(Reason.BADGE_UNKNOWN)
    last = held[-1]
    for end in (last.revoked_at, last.valid_until):
        if end is not None and end <= moment:
            return Unidentified(Reason.BADGE_REVOKED, last.employee_id)
    return last
