"""Punches recorded in a real PostgreSQL: once each, in order, answered the same for ever, derived state beside them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from protocol.commands import PunchRecord
from protocol.errors import ErrorCode
from protocol.signing import punch_digest
from protocol.values import Captured, Kind, Outcome, Reason, from_binary
from server.errors import Refused
from server.services.batch import Settled
from server.services.preparation import badge_place
from storage.repositories.devices import keep_boot_clock
from tests.builders import HIRED_AT, a_punch, badge_of, resigned
from tests.server.services.desk import MINUTE, Desk, an_attendance, said

pytestmark = pytest.mark.integration


def refusal(answer: object) -> tuple[ErrorCode, dict[str, object] | None]:
    assert isinstance(answer, Refused), answer
    return answer.code, answer.details


async def test_a_day_in_one_batch(desk: Desk) -> None:
    answers = await desk.record(
        desk.punch(0), desk.punch(10, kind=Kind.BREAK_START), desk.punch(20), desk.punch(40), desk.punch(40.5)
    )
    settled = [answer for answer in answers if isinstance(answer, Settled)]
    assert [said(one.punch) for one in settled] == [
        (Outcome.RECORDED, None, Kind.IN),
        (Outcome.RECORDED, None, Kind.BREAK_START),
        (Outcome.RECORDED, None, Kind.BREAK_END),
        (Outcome.RECORDED, None, Kind.OUT),
        (Outcome.RECORDED, Reason.DEBOUNCED, Kind.OUT),
    ]
    last, debounced = settled[3].punch, settled[4].punch
    assert (debounced.same_as, debounced.occurred_at) == (last.punch_id, last.occurred_at)
    assert len({one.punch.recorded_at for one in settled}) == 1
    assert [one.worked_minutes for one in settled[-2:]] == [30, 30]
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()
    await desk.check_journals()


async def test_the_same_again_gets_the_same_answer_and_changes_nothing(desk: Desk) -> None:
    records = [desk.punch(0), desk.punch(30), desk.punch(30.2)]
    first = [answer for answer in await desk.record(*records) if isinstance(answer, Settled)]
    state = await desk.presence()
    other_hub = an_attendance(desk.database, desk.secrets, desk.directory)
    for attendance in (desk.attendance, other_hub):
        again = await desk.commit([desk.submission(record) for record in reversed(records)], attendance)
        assert again.answers == [replace(answer, duplicate=True) for answer in reversed(first)]
        assert not again.changes
    assert not any(one.duplicate for one in first)
    assert await desk.owner.fetchval("SELECT count(*) FROM punches") == 3
    assert await desk.presence() == state
    await desk.check_streams()


async def test_the_same_twice_in_one_batch_is_recorded_once(desk: Desk) -> None:
    record = desk.punch()
    first, second = await desk.record(record, record)
    assert isinstance(first, Settled)
    assert second == replace(first, duplicate=True)
    assert await desk.owner.fetchval("SELECT count(*) FROM punches") == 1


async def test_other_bytes_for_a_place_that_is_taken_are_a_conflict_and_audited(desk: Desk) -> None:
    record = desk.punch()
    forged_id = uuid4()
    await desk.record(record)
    (answer,) = await desk.record(resigned(desk.device, record, punch_id=str(forged_id), kind="out"))
    assert refusal(answer) == (ErrorCode.CONFLICT, None)
    audit = await desk.owner.fetch("SELECT actor, action, subject, details FROM audit WHERE action = 'punch.conflict'")
    assert [tuple(row)[:3] for row in audit] == [(f"device:{desk.device.device_id}", "punch.conflict", str(forged_id))]
    assert msgspec.json.decode(audit[0]["details"]) == {"log_id": str(desk.device.log_id), "seq": 1}
    # The journal is as it was: the next honest punch fits.
    assert (await desk.settle(desk.punch(30))).punch.reason is None


async def test_a_gap_is_out_of_order_and_says_what_is_missing(desk: Desk) -> None:
    first, second, third = desk.punch(0), desk.punch(10), desk.punch(20)
    answers = await desk.record(third, first, third, second)
    assert refusal(answers[0]) == (ErrorCode.OUT_OF_ORDER, {"expected_seq": 1})
    assert refusal(answers[2]) == (ErrorCode.OUT_OF_ORDER, {"expected_seq": 2})
    assert isinstance(answers[1], Settled)
    assert isinstance(answers[3], Settled)
    assert (await desk.settle(third)).punch.seq == 3


async def test_a_fork_is_held_and_the_journal_goes_on_from_it(desk: Desk) -> None:
    await desk.record(desk.punch(0))
    desk.device.digest = "A" * 43
    forked = (await desk.settle(desk.punch(10))).punch
    assert said(forked) == (Outcome.HELD, Reason.DEVICE_FORKED, None)
    assert said((await desk.settle(desk.punch(20))).punch) == (Outcome.RECORDED, None, Kind.OUT)


async def test_a_declared_loss_may_skip_places_which_then_stay_empty(desk: Desk) -> None:
    await desk.record(desk.punch(0))
    lost = desk.punch(10)
    after = msgspec.structs.replace(desk.punch(20), after_loss=True)
    assert said((await desk.settle(after)).punch) == (Outcome.HELD, Reason.DEVICE_FORKED, None)
    (answer,) = await desk.record(lost)
    assert refusal(answer) == (ErrorCode.OUT_OF_ORDER, {"expected_seq": 4})
    assert (await desk.settle(after)).duplicate
    await desk.check_journals()


async def test_a_late_arrival_moves_nobody_who_has_moved_since(desk: Desk) -> None:
    early, late = desk.devices[0], desk.devices[1]
    first = desk.punch(0, device=early)
    delayed = desk.punch(15, device=early, kind=Kind.BREAK_START)
    await desk.settle(first, early)
    await desk.settle(desk.punch(40, device=late, kind=Kind.OUT), late)
    head = await desk.owner.fetchval("SELECT head FROM streams WHERE site_id = $1", early.site_id)
    assert said((await desk.settle(delayed, early)).punch) == (Outcome.RECORDED, None, Kind.BREAK_START)
    assert await desk.owner.fetchval("SELECT head FROM streams WHERE site_id = $1", early.site_id) == head
    assert (await desk.presence())[desk.ana.employee_id][0] == "out"
    assert await desk.presence() == await desk.derived_presence()


async def test_a_visitor_stands_on_both_boards_and_leaves_the_foreign_one(desk: Desk) -> None:
    home, away = desk.device, desk.devices[2]
    assert home.site_id != away.site_id
    await desk.settle(desk.punch(0, device=away), away)
    assert {batch.site_id: [change.on_board for change in batch.changes] for batch in desk.changes} == {
        home.site_id: [True],
        away.site_id: [True],
    }
    desk.changes.clear()
    await desk.settle(desk.punch(20, device=home, kind=Kind.IN), home)
    assert {batch.site_id: batch.changes[0].on_board for batch in desk.changes} == {
        home.site_id: True,
        away.site_id: False,
    }
    assert (await desk.presence())[desk.ana.employee_id][2] == home.site_id


async def test_who_left_the_company_leaves_the_board_with_their_last_punch(desk: Desk) -> None:
    """It arrives late; a board read afresh doesn't have them either."""
    await desk.settle(desk.punch(0))
    await desk.owner.execute(
        "UPDATE employees SET deactivated_at = $2 WHERE employee_id = $1",
        desk.ana.employee_id,
        desk.now + 30 * MINUTE,
    )
    await desk.settle(desk.punch(10, captured=Captured.OFFLINE))
    await desk.check_streams()
    assert said((await desk.settle(desk.punch(40))).punch) == (Outcome.REFUSED, Reason.EMPLOYEE_INACTIVE, None)


async def test_two_punches_of_one_moment_are_judged_as_the_record_orders_them(desk: Desk) -> None:
    first, second = sorted(desk.devices[:2], key=lambda device: device.device_id)
    out = desk.submission(desk.punch(0, device=second, kind=Kind.OUT), second)
    into = desk.submission(desk.punch(0, device=first, kind=Kind.IN), first)
    answers = (await desk.commit([out, into])).answers
    assert [answer.punch.kind for answer in answers if isinstance(answer, Settled)] == [Kind.OUT, Kind.IN]
    assert await desk.presence() == await desk.derived_presence()


def _punch(desk: Desk, badge: str, at: datetime, captured: Captured = Captured.ONLINE) -> PunchRecord:
    return a_punch(desk.secrets, desk.device, badge, at=at, captured=captured)


async def test_a_debounced_punch_past_midnight_has_the_hours_of_the_day_before(desk: Desk) -> None:
    midnight = desk.now.astimezone(ZoneInfo("Europe/Madrid")).replace(hour=0)
    day = [(Kind.IN, -16.5), (Kind.BREAK_START, -16.25), (Kind.BREAK_END, -14), (Kind.OUT, -10 / 3_600)]
    records = [
        a_punch(desk.secrets, desk.device, badge_of(desk.ana), kind=kind, at=midnight + timedelta(hours=hours))
        for kind, hours in day
    ]
    last = [await desk.settle(record) for record in records][-1]
    late = a_punch(desk.secrets, desk.device, badge_of(desk.ana), at=midnight + timedelta(seconds=10))
    debounced = await desk.settle(late)
    assert debounced.punch.reason is Reason.DEBOUNCED
    assert (last.worked_minutes, debounced.worked_minutes) == (15 + 839, 15 + 839)


async def test_what_is_not_recorded_is_kept_with_its_reason(desk: Desk) -> None:
    known, unknown = badge_of(desk.ana), "NOBODYS0BADGE"
    undated = a_punch(desk.secrets, desk.device, known, dated=False)
    records = [
        (undated, Outcome.HELD, Reason.CLOCK_UNKNOWN),
        (_punch(desk, unknown, desk.now), Outcome.REFUSED, Reason.BADGE_UNKNOWN),
        (_punch(desk, unknown, desk.now, Captured.OFFLINE), Outcome.HELD, Reason.BADGE_UNKNOWN),
        (_punch(desk, "off the grammar", desk.now), Outcome.REFUSED, Reason.BADGE_UNKNOWN),
        (_punch(desk, known, datetime.now(UTC) + 2 * MINUTE), Outcome.HELD, Reason.CLOCK_UNKNOWN),
        (_punch(desk, known, datetime.max.replace(tzinfo=UTC)), Outcome.HELD, Reason.CLOCK_UNKNOWN),
        (_punch(desk, known, datetime.min.replace(tzinfo=UTC)), Outcome.HELD, Reason.CLOCK_UNKNOWN),
        (_punch(desk, known, HIRED_AT - MINUTE), Outcome.REFUSED, Reason.BADGE_UNKNOWN),
    ]
    answers = await desk.record(*(record for record, _, _ in records))
    for answer, (_, outcome, reason) in zip(answers, records, strict=True):
        assert isinstance(answer, Settled)
        assert said(answer.punch) == (outcome, reason, None)
        assert answer.worked_minutes is None
    assert set((await desk.presence()).values()) == {("out", None, None)}
    # A badge within the grammar may still be assigned: it is kept, encrypted, as long as that may take.
    kept = await desk.owner.fetch("SELECT punch_id, encrypted, expires_at - seen_at AS life FROM unknown_badges")
    assert len(kept) == 3
    assert all(row["life"] == timedelta(minutes=15) for row in kept)
    opened = desk.secrets.decrypt(kept[0]["encrypted"], badge_place(desk.device.device_id, kept[0]["punch_id"]))
    assert opened == unknown.encode()
    assert not await desk.owner.fetch("SELECT FROM sealed_credentials")


async def test_a_seal_that_does_not_open_is_kept_sealed(desk: Desk) -> None:
    moved = desk.punch(0)
    desk.device.seq, desk.device.digest = 0, None
    fields = {"sealed_sha256": msgspec.json.decode(moved.punch)["sealed_sha256"]}
    stolen = msgspec.structs.replace(resigned(desk.device, desk.punch(0), **fields), sealed=moved.sealed)
    second = desk.punch(1)
    resealed = msgspec.structs.replace(
        resigned(desk.device, second, sealing_key_id="unheard-of", previous=punch_digest(stolen.punch))
    )
    for number, record in enumerate((stolen, resealed), start=1):
        settled = await desk.settle(record)
        if number == 1:
            # The same journal place: it does open there, whoever made it.
            assert said(settled.punch) == (Outcome.RECORDED, None, Kind.IN)
        else:
            assert said(settled.punch) == (Outcome.HELD, Reason.SEAL_BROKEN, None)
    (kept,) = await desk.owner.fetch("SELECT seq, sealing_key_id, sealed FROM sealed_credentials")
    assert tuple(kept) == (2, "unheard-of", from_binary(resealed.sealed))


async def test_a_revoked_devices_punches_are_held_and_refused_by_its_end(desk: Desk) -> None:
    before, after = desk.punch(0), desk.punch(20)
    await desk.owner.execute(
        "UPDATE devices SET status = 'revoked', revoked_at = $2 WHERE device_id = $1",
        desk.device.device_id,
        desk.now + 10 * MINUTE,
    )
    assert said((await desk.settle(before)).punch) == (Outcome.HELD, Reason.DEVICE_REVOKED, None)
    assert said((await desk.settle(after)).punch) == (Outcome.REFUSED, Reason.DEVICE_REVOKED, None)


async def test_a_pending_device_records_nothing(desk: Desk) -> None:
    await desk.owner.execute("UPDATE devices SET status = 'pending' WHERE device_id = $1", desk.device.device_id)
    (answer,) = await desk.record(desk.punch(0))
    assert refusal(answer) == (ErrorCode.FORBIDDEN, None)
    assert not await desk.owner.fetch("SELECT FROM receipts")


async def test_any_hub_dates_a_punch_by_what_one_measured_of_its_boot(desk: Desk) -> None:
    async with desk.database.connection() as connection:
        await keep_boot_clock(
            connection, desk.device.device_id, desk.device.boot_id, hub_time=desk.now, monotonic_ms=50_000
        )
    punch = (await desk.settle(a_punch(desk.secrets, desk.device, badge_of(desk.ana), dated=False))).punch
    assert punch.occurred_at == desk.now + timedelta(seconds=10)


async def test_a_database_restored_without_a_journal_opens_it_again(desk: Desk) -> None:
    first, second = desk.punch(0), desk.punch(10)
    (answer,) = await desk.record(second)
    assert refusal(answer) == (ErrorCode.OUT_OF_ORDER, {"expected_seq": 1})
    await desk.owner.execute("DELETE FROM device_journals")
    assert said((await desk.settle(first)).punch) == (Outcome.RECORDED, None, Kind.IN)
    assert len(desk.conflicts) == 1
