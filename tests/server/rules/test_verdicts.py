"""Recorded, held or refused: the contract's table of reasons, question by question."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final
from uuid import UUID, uuid4

import pytest

from protocol.values import Captured, Outcome, Reason
from server.rules.punches import Place
from server.rules.verdicts import RECORD, Identified, Identity, Unidentified, Verdict, holder_at, judge
from storage.models import BadgeHolder

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
ANA: Final = UUID(int=1)
EVA: Final = UUID(int=2)
KNOWN: Final = Identified(ANA, None)
HELD, REFUSED = Outcome.HELD, Outcome.REFUSED
ONLINE, OFFLINE = Captured.ONLINE, Captured.OFFLINE


def judged(
    *,
    place: Place = Place.NEXT,
    captured: Captured = ONLINE,
    revoked_at: datetime | None = None,
    moment: datetime | None = NOW,
    identity: Identity = KNOWN,
) -> Verdict:
    return judge(
        place=place,
        captured=captured,
        revoked_at=revoked_at,
        moment=moment,
        now=NOW,
        future_tolerance=MINUTE,
        identity=identity,
    )


@pytest.mark.parametrize("captured", Captured)
@pytest.mark.parametrize("moment", [NOW, NOW - timedelta(days=90), NOW + MINUTE])
def test_a_known_person_at_a_known_time_is_recorded(captured: Captured, moment: datetime) -> None:
    assert judged(captured=captured, moment=moment) == RECORD


@pytest.mark.parametrize(
    ("reason", "online", "offline"),
    [
        (Reason.BADGE_UNKNOWN, REFUSED, HELD),
        (Reason.BADGE_REVOKED, REFUSED, REFUSED),
        (Reason.SEAL_BROKEN, HELD, HELD),
        (Reason.SEAL_UNAVAILABLE, HELD, HELD),
        (Reason.PIN_UNCHECKED, HELD, HELD),
    ],
)
def test_who_can_not_be_told_is_held_or_refused(reason: Reason, online: Outcome, offline: Outcome) -> None:
    assert judged(identity=Unidentified(reason)) == Verdict(online, reason)
    assert judged(identity=Unidentified(reason), captured=OFFLINE) == Verdict(offline, reason)


def test_a_wrong_pin_is_said_on_the_spot_and_kept_when_nobody_is_there_to_hear() -> None:
    wrong = Unidentified(Reason.NOT_RECOGNISED)
    assert judged(identity=wrong) == Verdict(REFUSED, Reason.NOT_RECOGNISED)
    assert judged(identity=wrong, captured=OFFLINE) == Verdict(HELD, Reason.PIN_WRONG)


def test_a_throttled_pin_is_said_on_the_spot_and_kept_unchecked_otherwise() -> None:
    throttled = Unidentified(Reason.PIN_THROTTLED)
    assert judged(identity=throttled) == Verdict(REFUSED, Reason.PIN_THROTTLED)
    assert judged(identity=throttled, captured=OFFLINE) == Verdict(HELD, Reason.PIN_UNCHECKED)


@pytest.mark.parametrize("moment", [None, NOW + MINUTE + timedelta(microseconds=1), NOW + timedelta(days=10_000)])
@pytest.mark.parametrize("captured", Captured)
@pytest.mark.parametrize("identity", [KNOWN, Unidentified(Reason.BADGE_UNKNOWN), Unidentified(Reason.BADGE_REVOKED)])
def test_what_has_no_credible_time_is_held(moment: datetime | None, captured: Captured, identity: Identity) -> None:
    """Whose badge it was depends on the moment too."""
    assert judged(moment=moment, captured=captured, identity=identity) == Verdict(HELD, Reason.CLOCK_UNKNOWN)


@pytest.mark.parametrize("reason", [Reason.SEAL_BROKEN, Reason.SEAL_UNAVAILABLE, Reason.PIN_UNCHECKED])
def test_a_credential_that_can_not_be_read_is_named_before_the_clock(reason: Reason) -> None:
    """It is kept sealed under its own reason: a later look may open it."""
    assert judged(moment=None, identity=Unidentified(reason)) == Verdict(HELD, reason)


def test_a_person_is_judged_as_of_the_moment() -> None:
    left = NOW - timedelta(days=1)
    gone = Identified(ANA, left)
    assert judged(identity=gone) == Verdict(REFUSED, Reason.EMPLOYEE_INACTIVE)
    assert judged(identity=gone, moment=left) == Verdict(REFUSED, Reason.EMPLOYEE_INACTIVE)
    assert judged(identity=gone, moment=left - MINUTE) == RECORD
    assert judged(identity=Identified(ANA, NOW + timedelta(days=9))) == RECORD


def test_who_came_back_was_gone_only_in_between() -> None:
    hour = timedelta(hours=1)
    back = Identified(ANA, None, absences=((NOW - 3 * hour, NOW - 2 * hour), (NOW - hour, NOW)))
    gone = Verdict(REFUSED, Reason.EMPLOYEE_INACTIVE)
    moments = [NOW - 4 * hour, NOW - 3 * hour, NOW - 2 * hour, NOW - hour, NOW - hour / 2, NOW]
    assert [judged(identity=back, moment=moment) for moment in moments] == [RECORD, gone, RECORD, gone, gone, RECORD]


@pytest.mark.parametrize(
    ("captured", "identity", "moment"),
    product(Captured, [KNOWN, *map(Unidentified, Reason)], [None, NOW, NOW + timedelta(days=1)]),
)
def test_a_fork_is_held_whatever_it_says(captured: Captured, identity: Identity, moment: datetime | None) -> None:
    verdict = judged(place=Place.FORKED, captured=captured, identity=identity, moment=moment)
    assert verdict == Verdict(HELD, Reason.DEVICE_FORKED)


@pytest.mark.parametrize(("place", "captured"), product([Place.NEXT, Place.FORKED], Captured))
def test_a_revoked_device_is_held_up_to_its_end_and_refused_after(place: Place, captured: Captured) -> None:
    end = NOW - timedelta(hours=1)
    for moment, outcome in [(end - timedelta(microseconds=1), HELD), (end, REFUSED), (NOW, REFUSED), (None, HELD)]:
        verdict = judged(place=place, captured=captured, revoked_at=end, moment=moment)
        assert verdict == Verdict(outcome, Reason.DEVICE_REVOKED)


ALLOWED: Final = {
    HELD: {
        Reason.BADGE_UNKNOWN,
        Reason.PIN_WRONG,
        Reason.PIN_UNCHECKED,
        Reason.SEAL_UNAVAILABLE,
        Reason.SEAL_BROKEN,
        Reason.CLOCK_UNKNOWN,
        Reason.DEVICE_FORKED,
        Reason.DEVICE_REVOKED,
    },
    REFUSED: {
        Reason.NOT_RECOGNISED,
        Reason.BADGE_UNKNOWN,
        Reason.BADGE_REVOKED,
        Reason.PIN_THROTTLED,
        Reason.EMPLOYEE_INACTIVE,
        Reason.DEVICE_REVOKED,
    },
}
"""The contract, section 4."""
CREDENTIAL_FAULTS: Final[tuple[Reason, ...]] = (
    Reason.BADGE_UNKNOWN,
    Reason.BADGE_REVOKED,
    Reason.SEAL_BROKEN,
    Reason.SEAL_UNAVAILABLE,
    Reason.PIN_UNCHECKED,
    Reason.PIN_THROTTLED,
    Reason.NOT_RECOGNISED,
)


def test_every_outcome_bears_a_reason_of_its_own() -> None:
    seen = set()
    gone: Identity = Identified(ANA, NOW - timedelta(days=1))
    for place, captured, revoked_at, moment, identity in product(
        [Place.NEXT, Place.FORKED],
        Captured,
        [None, NOW],
        [None, NOW - MINUTE, NOW, NOW + timedelta(hours=1)],
        [KNOWN, gone, *map(Unidentified, CREDENTIAL_FAULTS)],
    ):
        verdict = judged(place=place, captured=captured, revoked_at=revoked_at, moment=moment, identity=identity)
        if verdict.outcome is Outcome.RECORDED:
            assert verdict == RECORD
        else:
            assert verdict.reason in ALLOWED[verdict.outcome]
            seen.add((verdict.outcome, verdict.reason))
    assert seen == {(outcome, reason) for outcome, reasons in ALLOWED.items() for reason in reasons}


def holder(employee_id: UUID, since: int, *, revoked: int | None = None, until: int | None = None) -> BadgeHolder:
    return BadgeHolder(
        employee_id,
        NOW + since * MINUTE,
        None if until is None else NOW + until * MINUTE,
        None if revoked is None else NOW + revoked * MINUTE,
    )


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (-1, Unidentified(Reason.BADGE_UNKNOWN)),
        (0, ANA),
        (9, ANA),
        (10, Unidentified(Reason.BADGE_REVOKED, ANA)),
        (19, Unidentified(Reason.BADGE_REVOKED, ANA)),
        (20, EVA),
        (29, EVA),
        (30, Unidentified(Reason.BADGE_REVOKED, EVA)),
        (39, Unidentified(Reason.BADGE_REVOKED, EVA)),
        (40, ANA),
        (10_000, ANA),
    ],
)
def test_a_card_that_passes_from_hand_to_hand(at: int, found: UUID | Unidentified) -> None:
    holders = [holder(ANA, 0, revoked=10), holder(EVA, 20, until=30), holder(ANA, 40)]
    held = holder_at(holders, NOW + at * MINUTE)
    assert (held if isinstance(held, Unidentified) else held.employee_id) == found


def test_a_card_that_nobody_ever_held_is_unknown() -> None:
    assert holder_at([], NOW) == Unidentified(Reason.BADGE_UNKNOWN)
    assert holder_at([holder(uuid4(), 1)], NOW) == Unidentified(Reason.BADGE_UNKNOWN)


def test_whichever_end_comes_first_counts() -> None:
    assert holder_at([holder(ANA, 0, revoked=20, until=10)], NOW + 15 * MINUTE) == Unidentified(
        Reason.BADGE_REVOKED, ANA
    )
    assert holder_at([holder(ANA, 0, revoked=10, until=20)], NOW + 15 * MINUTE) == Unidentified(
        Reason.BADGE_REVOKED, ANA
    )
