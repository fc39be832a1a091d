"""Section 4: the journal of a device, and everything that may break it."""

import pytest

from tests.contract.connection import Connection
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge
from tests.contract.primitives import ago, b64, uuid7
from tests.contract.punching import lasting, record, recorded, turned_away, verdict
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e


async def test_out_of_order_names_the_expected_seq(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    one, two, three = (journal.punch(badge(demo.take_employee())) for _ in range(3))
    for punch, expected in ((three, 1), (two, 1)):
        error = await turned_away(kiosk, punch)
        assert (error["code"], error["details"]["expected_seq"]) == ("out_of_order", expected)
    await recorded(kiosk, one)
    error = await turned_away(kiosk, three)
    assert (error["code"], error["details"]["expected_seq"]) == ("out_of_order", 2)
    await recorded(kiosk, two)
    await recorded(kiosk, three)


async def test_the_same_key_with_other_bytes_is_a_conflict(
    demo: RunningDemo, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    alternative = journal.punch(badge(employee), kind="out", append=False)
    original = journal.punch(badge(employee))
    outcome = await recorded(kiosk, original)
    error = await turned_away(kiosk, alternative)
    assert (error["code"], error["retry"]) == ("conflict", False)
    assert (await turned_away(kiosk, alternative))["code"] == "conflict"
    again = await record(kiosk, original)
    assert again["duplicate"]
    assert lasting(again) == lasting(outcome)
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))


async def test_a_broken_signature_is_invalid(
    demo: RunningDemo, spare: DeviceKey, other_spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    punch = journal.punch(badge(demo.take_employee()))
    foreign = Journal(spare.device_id, other_spare.private_key, journal.sealing_key)
    for broken in (
        b64(bytes(64)),
        b64(bytes(63)),
        b64(b""),
        foreign.signed(punch.text, b"").signature,
        journal.signed(punch.text + " ", b"").signature,
        journal.signed(punch.text.replace('"auto"', '"out"'), b"").signature,
    ):
        error = await kiosk.refusal("punch.record", **{**punch.fields(), "signature": broken})
        assert error["code"] == "invalid"
    await recorded(kiosk, punch)


async def test_the_bytes_are_signed_not_the_meaning(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    """White space and escapes of the kiosk's choosing are part of what it signed."""
    plain = journal.punch(badge(employee), append=False)
    text = "\n " + plain.text.replace('{"', '{ "').replace('"auto"', '"\\u0061uto"') + " "
    loose = journal.signed(text, b"", plain.members)
    await recorded(kiosk, type(loose)(text, loose.signature, plain.sealed, plain.members))


async def test_a_sealed_hash_that_does_not_match_is_invalid(
    demo: RunningDemo, kiosk: Connection, journal: Journal
) -> None:
    punch = journal.punch(badge(demo.take_employee()))
    other = journal.punch(badge(demo.take_employee()), append=False)
    for sealed in (other.sealed, b64(b""), punch.sealed[:-4], b64(b"garbage")):
        error = await kiosk.refusal("punch.record", **{**punch.fields(), "sealed": sealed})
        assert error["code"] == "invalid"
    await recorded(kiosk, punch)


async def test_a_foreign_device_is_forbidden(
    kiosk: Connection, other_journal: Journal, other_kiosk: Connection, employee: Employee
) -> None:
    punch = other_journal.punch(badge(employee))
    error = await turned_away(kiosk, punch)
    assert error["code"] == "forbidden"
    await recorded(other_kiosk, punch)


@pytest.mark.parametrize("previous", [b64(b"x" * 32), None])
async def test_a_foreign_previous_is_held_and_the_journal_goes_on(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal, previous: str | None
) -> None:
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))
    if previous is None:  # the hash of a punch of another journal, well-formed all the same
        elsewhere = Journal(spare.device_id, spare.private_key, journal.sealing_key)
        previous = elsewhere.punch(badge(demo.take_employee())).digest
    forked = journal.punch(badge(demo.take_employee()), previous=previous)
    outcome = await record(kiosk, forked)
    assert verdict(outcome) == ("held", "device_forked")
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))
    again = await record(kiosk, forked)
    assert again["duplicate"]
    assert lasting(again) == lasting(outcome)


async def test_a_gap_is_out_of_order_unless_it_follows_a_loss(
    demo: RunningDemo, kiosk: Connection, journal: Journal
) -> None:
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))
    for _ in range(3):  # set aside: never sent
        journal.punch(badge(demo.take_employee()))
    after = journal.punch(badge(demo.take_employee()))
    error = await turned_away(kiosk, after)
    assert (error["code"], error["details"]["expected_seq"]) == ("out_of_order", 2)
    error = await turned_away(kiosk, after, after_loss=False)
    assert error["code"] == "out_of_order"
    held = await record(kiosk, after, after_loss=True)
    assert verdict(held) == ("held", "device_forked")
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))
    again = await record(kiosk, after, after_loss=True)
    assert again["duplicate"]
    assert lasting(again) == lasting(held)
    error = await turned_away(kiosk, journal.punch(badge(demo.take_employee()), seq=99, append=False))
    assert error["details"]["expected_seq"] == 7


async def test_after_loss_with_a_foreign_previous_is_held(
    demo: RunningDemo, kiosk: Connection, journal: Journal
) -> None:
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))
    forked = journal.punch(badge(demo.take_employee()), previous=b64(b"y" * 32))
    assert verdict(await record(kiosk, forked, after_loss=True)) == ("held", "device_forked")
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))


async def test_after_loss_of_what_fits_changes_nothing(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    one, two = (journal.punch(badge(demo.take_employee())) for _ in range(2))
    for punch in (one, two):
        assert verdict(await record(kiosk, punch, after_loss=True)) == ("recorded", None)
    assert (await record(kiosk, one, after_loss=True))["duplicate"]


async def test_after_loss_may_begin_a_journal(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    """The very first punch of a log_id was set aside."""
    journal.punch(badge(demo.take_employee()))
    second = journal.punch(badge(demo.take_employee()))
    assert (await turned_away(kiosk, second))["details"]["expected_seq"] == 1
    assert verdict(await record(kiosk, second, after_loss=True)) == ("held", "device_forked")
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))


async def test_a_new_log_id_starts_at_one_and_the_old_one_goes_on_answering(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    old = journal.punch(badge(demo.take_employee()))
    outcome = await recorded(kiosk, old)
    new = Journal(spare.device_id, spare.private_key, journal.sealing_key, boot_id=journal.boot_id)
    await recorded(kiosk, new.punch(badge(demo.take_employee())))
    again = await record(kiosk, old)
    assert again["duplicate"]
    assert lasting(again) == lasting(outcome)


async def test_first_punch_has_no_previous(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    """`previous` is null exactly when seq is 1. The page lets a hub judge the rest as no punch, or hold it."""
    odd = journal.punch(badge(employee), previous=b64(b"z" * 32), append=False)
    answer = await kiosk.ask("punch.record", **odd.fields())
    assert answer.get("code") == "invalid" or verdict(answer) == ("held", "device_forked")


async def test_a_punch_id_twice_is_not_recorded_twice(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    """Another place in the journal under a punch_id that was used: no crash, no second row of that id."""
    first = journal.punch(badge(demo.take_employee()))
    await recorded(kiosk, first)
    twin = journal.punch(badge(demo.take_employee()), punch_id=first.punch_id, append=False)
    answer = await kiosk.ask("punch.record", **twin.fields())
    assert answer["type"] == "punch.outcome" or answer["code"] in {"conflict", "invalid"}, answer
    follower = journal.punch(badge(demo.take_employee()), append=False)
    answer = await kiosk.ask("punch.record", **follower.fields())
    assert answer["type"] == "punch.outcome" or answer["code"] in {"out_of_order", "conflict"}, answer


async def test_old_punches_may_come_late_in_one_log(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    """The journal orders by seq, not by time: a wall clock that jumps back is no fault."""
    for hours in (1, 30, 2):
        punch = journal.punch(badge(demo.take_employee()), at=ago(hours=hours), boot_id=uuid7())
        await recorded(kiosk, punch)
