"""Numbers and badges with PINs: whose a punch is when its PIN was judged right, wrong, or not at all."""

from datetime import datetime
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from protocol.sealing import BadgeCredential, NumberCredential
from protocol.values import Captured, Outcome, Reason
from server.services.batch import Settled
from server.services.pins import PinResult, PinVerdict
from storage.models import StoredPunch
from storage.repositories.enrolment import assign_badges
from tests.builders import a_punch, badge_of
from tests.server.services.desk import MINUTE, Desk, said

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("result", "outcome", "reason"),
    [
        (PinResult.RIGHT, Outcome.RECORDED, None),
        (PinResult.WRONG, Outcome.REFUSED, Reason.NOT_RECOGNISED),
        (PinResult.THROTTLED, Outcome.REFUSED, Reason.PIN_THROTTLED),
    ],
)
async def test_a_number_is_whose_its_pin_says(
    desk: Desk, result: PinResult, outcome: Outcome, reason: Reason | None
) -> None:
    credential = NumberCredential(employee_number=desk.ana.employee_number, pin="123456")
    record = a_punch(desk.secrets, desk.device, credential)
    owner = desk.ana.employee_id if result is PinResult.RIGHT else None
    (answer,) = (await desk.commit([desk.submission(record, pin=PinVerdict(result, owner))])).answers
    assert isinstance(answer, Settled)
    assert said(answer.punch)[:2] == (outcome, reason)
    # Asked again, its PIN is not judged a second time.
    (again,) = (await desk.commit([desk.submission(record, pin=PinVerdict(PinResult.SEEN))])).answers
    assert again == replace(answer, duplicate=True)


async def with_pin(
    desk: Desk, badge: str, verdict: PinVerdict, *, at: datetime, captured: Captured = Captured.ONLINE
) -> StoredPunch:
    credential = BadgeCredential(badge=badge, pin="123456")
    record = a_punch(desk.secrets, desk.device, credential, at=at, captured=captured)
    (answer,) = (await desk.commit([desk.submission(record, pin=verdict)])).answers
    assert isinstance(answer, Settled)
    return answer.punch


def right(employee_id: UUID) -> PinVerdict:
    return PinVerdict(PinResult.RIGHT, employee_id)


async def test_a_badge_with_its_pin_is_its_holders(desk: Desk) -> None:
    badge, ana = badge_of(desk.ana), desk.ana.employee_id
    assert (await with_pin(desk, badge, right(ana), at=desk.now)).employee_id == ana
    wrong = await with_pin(desk, badge, PinVerdict(PinResult.WRONG), at=desk.now + 10 * MINUTE)
    assert said(wrong)[:2] == (Outcome.REFUSED, Reason.NOT_RECOGNISED)


async def test_a_right_pin_makes_no_revoked_badge_good(desk: Desk) -> None:
    """A card that was lost, and a temporary one that has expired."""
    badge, ana = badge_of(desk.ana), desk.ana.employee_id
    for column in ("revoked_at", "valid_until"):
        await desk.owner.execute("UPDATE badges SET revoked_at = NULL, valid_until = NULL")
        await desk.owner.execute(f"UPDATE badges SET {column} = $1", desk.now + 10 * MINUTE)
        before = await with_pin(desk, badge, right(ana), at=desk.now)
        after = await with_pin(desk, badge, right(ana), at=desk.now + 20 * MINUTE)
        assert said(before)[0] is Outcome.RECORDED
        assert said(after)[:2] == (Outcome.REFUSED, Reason.BADGE_REVOKED)


async def test_an_unknown_badge_stays_unknown_whatever_its_pin(desk: Desk) -> None:
    """An admin may still assign it: it is kept, as one without a PIN is."""
    wrong = PinVerdict(PinResult.WRONG)
    online = await with_pin(desk, "NOBODYS0BADGE", wrong, at=desk.now)
    offline = await with_pin(desk, "NOBODYS0BADGE", wrong, at=desk.now, captured=Captured.OFFLINE)
    assert said(online)[:2] == (Outcome.REFUSED, Reason.BADGE_UNKNOWN)
    assert said(offline)[:2] == (Outcome.HELD, Reason.BADGE_UNKNOWN)
    assert await desk.owner.fetchval("SELECT count(*) FROM unknown_badges") == 2


async def test_the_next_holders_pin_proves_nothing_of_the_last_ones_punch(desk: Desk) -> None:
    badge, ana, eva = badge_of(desk.ana), desk.company.employees[0], desk.company.employees[1]
    handed_on = desk.now + 10 * MINUTE
    await desk.owner.execute("UPDATE badges SET revoked_at = $2 WHERE employee_id = $1", ana.employee_id, handed_on)
    await assign_badges(desk.owner, [(desk.secrets.badge_hash(badge), eva.employee_id)], handed_on)
    hers = await with_pin(desk, badge, right(eva.employee_id), at=desk.now + 20 * MINUTE)
    assert (said(hers)[0], hers.employee_id) == (Outcome.RECORDED, eva.employee_id)
    earlier = await with_pin(desk, badge, right(eva.employee_id), at=desk.now, captured=Captured.OFFLINE)
    assert said(earlier)[:2] == (Outcome.HELD, Reason.PIN_WRONG)


async def test_a_pin_of_somebody_who_is_gone_from_the_books_is_nobodys(desk: Desk) -> None:
    credential = NumberCredential(employee_number="7", pin="123456")
    record = a_punch(desk.secrets, desk.device, credential, at=desk.now)
    (answer,) = (await desk.commit([desk.submission(record, pin=right(uuid4()))])).answers
    assert isinstance(answer, Settled)
    assert answer.punch.outcome is Outcome.REFUSED
