"""Signs that two terminals are at work with one key: seen, dated, audited, and told to who watches the hub."""

from copy import copy
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from protocol.values import Outcome, Reason
from server.services.batch import Settled
from storage.models import ForkSign
from tests.builders import ADevice, resigned
from tests.server.services.desk import Desk, said

pytestmark = pytest.mark.integration


def a_copy(device: ADevice) -> ADevice:
    """Another terminal with the same folder: its key, and its journal as it was at that moment."""
    return copy(device)


async def forked(desk: Desk) -> object:
    return await desk.owner.fetchval("SELECT forked_at FROM devices WHERE device_id = $1", desk.device.device_id)


async def audited(desk: Desk) -> list[tuple[str, str, object]]:
    rows = await desk.owner.fetch(
        "SELECT actor, subject, after FROM audit WHERE action = 'device.forked' ORDER BY audit_id"
    )
    return [(row["actor"], row["subject"], msgspec.json.decode(row["after"])) for row in rows]


async def test_a_lone_terminal_is_no_copy_also_where_it_begins_a_new_journal(desk: Desk) -> None:
    await desk.record(desk.punch(0), desk.punch(10))
    desk.device.log_id, desk.device.seq, desk.device.digest = uuid4(), 0, None
    recorded = await desk.commit([desk.submission(desk.punch(20)), desk.submission(desk.punch(30))])
    recorded_later = await desk.commit([desk.submission(desk.punch(40))])
    assert not recorded.forks
    assert not recorded_later.forks
    assert await forked(desk) is None
    assert await audited(desk) == []


async def test_a_copy_that_goes_on_with_the_journal_is_held_and_alarmed_once(desk: Desk) -> None:
    await desk.record(desk.punch(0))
    clone = a_copy(desk.device)
    await desk.record(desk.punch(10))
    clone.seq += 1  # as if it had lost the same number of punches, so that its place is free
    (answer,) = (second := await desk.commit([desk.submission(desk.punch(20, device=clone))])).answers
    assert isinstance(answer, Settled)
    assert said(answer.punch) == (Outcome.HELD, Reason.DEVICE_FORKED, None)
    assert second.forks == {desk.device.device_id: ForkSign.FORKED}
    first_seen = await forked(desk)
    assert first_seen is not None
    (again,) = await desk.record(desk.punch(30))
    assert again is not None
    expected = [("hub", str(desk.device.device_id), {"sign": "forked"})]
    assert await audited(desk) == expected
    clone.seq, clone.digest = desk.device.seq, "A" * 43
    await desk.record(desk.punch(40, device=clone))
    assert await forked(desk) > first_seen  # type: ignore[operator]  # both are moments
    assert await audited(desk) == expected, "one alarm an hour is enough to be seen"
    await desk.owner.execute("UPDATE devices SET forked_at = forked_at - $1::interval", timedelta(minutes=61))
    await desk.record(desk.punch(50, device=clone), desk.punch(51, device=clone))
    clone.digest = "B" * 42 + "A"
    await desk.record(desk.punch(52, device=clone))
    assert len(await audited(desk)) == 2


async def test_other_bytes_for_a_place_are_a_sign(desk: Desk) -> None:
    record = desk.punch(0)
    await desk.record(record)
    recorded = await desk.commit([desk.submission(resigned(desk.device, record, kind="out"))])
    assert recorded.forks == {desk.device.device_id: ForkSign.CONFLICT}
    assert await audited(desk) == [("hub", str(desk.device.device_id), {"sign": "conflict"})]


async def test_a_copy_that_keeps_a_journal_of_its_own_shows_by_the_older_one_going_on(desk: Desk) -> None:
    await desk.record(desk.punch(0))
    clone = a_copy(desk.device)
    clone.log_id, clone.seq, clone.digest = uuid4(), 0, None
    assert not (await desk.commit([desk.submission(desk.punch(10, device=clone))])).forks
    recorded = await desk.commit([desk.submission(desk.punch(20))])
    assert recorded.forks == {desk.device.device_id: ForkSign.OLDER_JOURNAL}
    (answer,) = recorded.answers
    assert isinstance(answer, Settled)
    assert answer.punch.outcome is Outcome.RECORDED, "it fits its journal: a sign, and no more"
    assert await audited(desk) == [("hub", str(desk.device.device_id), {"sign": "older_journal"})]


async def test_a_punch_that_is_sent_again_is_no_sign(desk: Desk) -> None:
    record = desk.punch(0)
    await desk.record(record)
    desk.device.log_id, desk.device.seq, desk.device.digest = uuid4(), 0, None
    await desk.record(desk.punch(10))
    assert not (await desk.commit([desk.submission(record)])).forks
