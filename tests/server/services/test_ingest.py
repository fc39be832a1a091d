"""From a signed punch to its answer: order in a line, batches that fail for one, lines that break, a hub that ends."""

import threading
from collections import Counter as Counted
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from protocol.errors import ErrorCode, Invalid
from protocol.sealing import NumberCredential
from protocol.values import Kind, Outcome, Reason
from server.errors import Refused, as_refused
from server.services.batch import Settled
from server.services.hashing import SlowHashes
from server.services.ingest import Result
from server.services.pin_hashes import PinHashes
from server.services.preparation import Checked, Preparation
from storage.bootstrap import DatabaseDsns
from storage.errors import RowRefused, StorageUnavailable
from storage.postgres import Database
from storage.repositories.enrolment import set_pins
from tests.builders import a_punch
from tests.cut_line import Cut, CutLine
from tests.server.services.counter import SECONDS, open_counter
from tests.server.services.desk import Desk, a_preparation, an_attendance

pytestmark = pytest.mark.integration

PIN = "271828"


@pytest.fixture
def hashes() -> Iterator[SlowHashes]:
    made = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=64)
    yield made
    made.close()


def outcomes(answers: Sequence[tuple[int, Result]]) -> list[tuple[int, object]]:
    """(seq, kind, reason of refusal, or error code)"""
    found: list[tuple[int, object]] = []
    for seq, result in answers:
        if isinstance(result, Settled):
            found.append((seq, result.punch.reason or result.punch.kind))
        else:
            refused = as_refused(result)
            found.append((seq, refused.code if refused else type(result)))
    return found


async def test_a_line_is_answered_in_its_order(desk: Desk, hashes: SlowHashes) -> None:
    async with open_counter(desk, hashes, batch_max_punches=7) as counter:
        records = [desk.punch(minute) for minute in range(0, 59, 2)]
        for record in records:
            counter.submit(record)
        answers = await counter.answered(len(records))
    assert outcomes(answers) == [
        (number + 1, Kind.IN if number % 2 == 0 else Kind.OUT) for number in range(len(records))
    ]
    desk.changes += counter.rung
    await desk.check_streams()
    await desk.check_journals()


async def test_what_is_wrong_with_one_is_that_ones_answer(desk: Desk, hashes: SlowHashes) -> None:
    good, other = desk.punch(0), desk.devices[1]
    async with open_counter(desk, hashes) as counter:
        for record, device in [
            (msgspec.structs.replace(desk.punch(5, device=other), signature="A" * 86), other),
            (msgspec.structs.replace(good, sealed="AAAA"), desk.device),
            (msgspec.structs.replace(good, punch="{}"), desk.device),
            (desk.punch(9, device=desk.devices[2]), desk.device),
            (good, desk.device),
        ]:
            counter.submit(record, device)
        answers = [result for _, result in await counter.answered(5)]
    fields = {result.field for result in answers if isinstance(result, Invalid)}
    assert fields == {"signature", "sealed", "punch.punch_id"}
    assert [result.code for result in answers if isinstance(result, Refused)] == [ErrorCode.FORBIDDEN]
    (settled,) = [result for result in answers if isinstance(result, Settled)]
    assert settled.punch.kind is Kind.IN
    assert await desk.owner.fetchval("SELECT count(*) FROM punches") == 1


async def test_a_row_that_the_database_refuses_fails_alone(desk: Desk, hashes: SlowHashes) -> None:
    """Found by halving; what the device sent behind it waits for it, all others are recorded."""
    poisoned, others = desk.devices[0], desk.devices[1:]
    await desk.owner.execute(
        f"ALTER TABLE punches ADD CONSTRAINT poison CHECK (device_id <> '{poisoned.device_id}' OR seq <> 3)"
    )
    async with open_counter(desk, hashes) as counter:
        lines = {device.device_id: [desk.punch(m, device=device) for m in (0, 10, 20, 30)] for device in desk.devices}
        for number in range(4):
            for device in desk.devices:
                counter.submit(lines[device.device_id][number], device)
        answers = await counter.answered(16)
        bad = [(seq, result) for seq, result in answers if not isinstance(result, Settled)]
        assert [(seq, type(result)) for seq, result in bad] == [(3, RowRefused), (4, Refused)]
        assert isinstance(bad[1][1], Refused)
        assert bad[1][1].details == {"expected_seq": 3}
        await desk.owner.execute("ALTER TABLE punches DROP CONSTRAINT poison")
        # Once the fault is mended the kiosk's resending completes the journal.
        for record in lines[poisoned.device_id][1:]:
            counter.submit(record, poisoned)
        assert [isinstance(result, Settled) for _, result in (await counter.answered(19))[16:]] == [True] * 3
    counts = await desk.owner.fetch("SELECT count(*) FROM punches GROUP BY device_id")
    assert [row["count"] for row in counts] == [4] * (len(others) + 1)
    assert await desk.presence() == await desk.derived_presence()
    desk.changes += counter.rung
    await desk.check_streams()


@pytest.mark.parametrize(("cut", "duplicate"), [(Cut.AFTER_COMMIT, True), (Cut.BEFORE_COMMIT, False)])
async def test_a_lost_reply_to_commit_is_settled_by_the_receipts(
    desk: Desk, hashes: SlowHashes, database_dsns: DatabaseDsns, cut: Cut, duplicate: bool
) -> None:
    async with CutLine(database_dsns.hub_a).relaying() as line:
        database = await Database.connect(line.url, min_size=1, max_size=2, acquire_timeout_seconds=5)
        attendance = an_attendance(database, desk.secrets, desk.directory)
        async with open_counter(desk, hashes, attendance=attendance) as counter:
            await counter.settle(desk.punch(0))
            line.arm(cut)
            answer = await counter.settle(desk.punch(10))
            assert line.cuts == 1
            assert isinstance(answer, Settled)
            assert (answer.duplicate, answer.punch.kind) == (duplicate, Kind.OUT)
            assert isinstance(await counter.settle(desk.punch(20)), Settled)
        await database.close()
    assert await desk.owner.fetchval("SELECT array_agg(seq ORDER BY seq) FROM punches") == [1, 2, 3]
    assert await desk.owner.fetchval("SELECT head FROM streams WHERE site_id = $1", desk.device.site_id) == 3
    assert await desk.presence() == await desk.derived_presence()


async def test_without_a_database_the_kiosk_is_told_to_come_back(desk: Desk, hashes: SlowHashes) -> None:
    async with open_counter(desk, hashes) as counter:
        await desk.database.close()
        answer = await counter.settle(desk.punch(0))
    assert isinstance(answer, StorageUnavailable)


async def test_a_slow_pin_delays_its_own_line_alone(desk: Desk, hashes: SlowHashes) -> None:
    kept = await PinHashes(desk.secrets, hashes).keep(desk.ana.employee_id, PIN)
    await set_pins(desk.owner, [(desk.ana.employee_id, kept)])
    by_number = a_punch(
        desk.secrets, desk.device, NumberCredential(employee_number=desk.ana.employee_number, pin=PIN), at=desk.now
    )
    behind, elsewhere = desk.punch(30), desk.punch(0, device=desk.devices[1], who=desk.company.employees[1])
    held_up = threading.Event()
    busy = hashes._executor.submit(held_up.wait, SECONDS)
    async with open_counter(desk, hashes) as counter:
        counter.submit(by_number)
        counter.submit(behind)
        counter.submit(elsewhere, desk.devices[1])
        (first,) = await counter.answered(1)
        assert isinstance(first[1], Settled)
        assert first[1].punch.device_id == desk.devices[1].device_id
        held_up.set()
        answers = await counter.answered(3)
    busy.result(1)
    assert outcomes(answers[1:]) == [(1, Kind.IN), (2, Kind.OUT)]


async def test_pins_are_counted_before_they_are_judged(desk: Desk, hashes: SlowHashes) -> None:
    """Of six at once five are judged and one is throttled; a number that nobody has is counted alike."""
    for number in (desk.ana.employee_number, "999"):
        async with open_counter(desk, hashes) as counter:
            for _ in range(6):
                counter.submit(a_punch(desk.secrets, desk.device, NumberCredential(employee_number=number, pin="0")))
            answers = await counter.answered(6)
        reasons = Counted(result.punch.reason for _, result in answers if isinstance(result, Settled))
        assert reasons == {Reason.NOT_RECOGNISED: 5, Reason.PIN_THROTTLED: 1}
        assert all(result.punch.outcome is Outcome.REFUSED for _, result in answers if isinstance(result, Settled))


async def test_a_full_queue_says_so_and_takes_nothing(desk: Desk, hashes: SlowHashes) -> None:
    class Stalled(Preparation):
        gate = threading.Event()

        def check(self, *arguments: object) -> Checked:
            self.gate.wait(SECONDS)
            return ready.check(*arguments)  # type: ignore[arg-type] # handed on as they came

    ready = a_preparation(desk.secrets)
    stalled = Stalled(desk.secrets, badge_pattern=ready._badge_pattern, number_pattern=ready._number_pattern)
    async with open_counter(desk, hashes, preparation=stalled, queue_max=3) as counter:
        records = [desk.punch(minute) for minute in range(0, 40, 10)]
        for record in records[:3]:
            counter.submit(record)
        with pytest.raises(Refused) as refusal:
            counter.submit(records[3])
        assert (refusal.value.code, refusal.value.code.retry) == (ErrorCode.OVERLOADED, True)
        stalled.gate.set()
        await counter.answered(3)
        assert isinstance(await counter.settle(records[3]), Settled)
        assert counter.ingest.depth == 0


async def test_a_hub_that_ends_answers_what_it_took(desk: Desk, hashes: SlowHashes) -> None:
    async with open_counter(desk, hashes) as counter:
        for minute in range(0, 50, 5):
            counter.submit(desk.punch(minute))
    assert len(counter.answers) == 10
    assert all(isinstance(result, Settled) for _, result in counter.answers)


async def test_a_client_that_can_not_be_answered_holds_up_nobody(desk: Desk, hashes: SlowHashes) -> None:
    async with open_counter(desk, hashes) as counter:
        counter.submit(desk.punch(0), instead=lambda _: [].pop())
        assert isinstance(await counter.settle(desk.punch(10)), Settled)
        assert counter.ingest.depth == 0
