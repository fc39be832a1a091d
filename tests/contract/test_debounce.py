"""Section 4: two scans are one act; what comes late; what `auto` makes of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.contract.connection import Connection
from tests.contract.demo_file import Employee
from tests.contract.journal import Journal, Punch, badge
from tests.contract.primitives import Message, ago
from tests.contract.punching import record, recorded, verdict
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

BEGIN_MINUTES_AGO = 90


async def record_each(
    connection: Connection, journal: Journal, employee: Employee, acts: Sequence[tuple[str, float]], begin: datetime
) -> list[tuple[Punch, Message]]:
    """Punches of one person as (kind, seconds after `begin`), sent one by one."""
    made = []
    for kind, seconds in acts:
        punch = journal.punch(badge(employee), kind=kind, at=begin + timedelta(seconds=seconds), captured="offline")
        made.append((punch, await record(connection, punch)))
    return made


CASES: dict[str, tuple[list[tuple[str, float]], list[int | None], list[str]]] = {
    # acts in order of arrival; for each the index of the punch that it is the same as; the kinds answered
    "auto again": ([("auto", 0), ("auto", 30)], [None, 0], ["in", "in"]),
    "auto at 59 s": ([("auto", 0), ("auto", 59)], [None, 0], ["in", "in"]),
    "auto at 61 s": ([("auto", 0), ("auto", 61)], [None, None], ["in", "out"]),
    "same kind": ([("in", 0), ("in", 20)], [None, 0], ["in", "in"]),
    "same kind as what auto was": ([("auto", 0), ("in", 20)], [None, 0], ["in", "in"]),
    "another kind": ([("in", 0), ("break_start", 20)], [None, None], ["in", "break_start"]),
    "auto after another kind": ([("in", 0), ("out", 20), ("auto", 40)], [None, None, 1], ["in", "out", "out"]),
    "earlier by its clock": ([("in", 0), ("auto", -30)], [None, 0], ["in", "in"]),
    "at the same moment": ([("in", 0), ("auto", 0)], [None, 0], ["in", "in"]),
    "three in a row": ([("auto", 0), ("auto", 20), ("auto", 40)], [None, 0, 0], ["in", "in", "in"]),
    "a debounced one does not prolong": (
        [("auto", 0), ("auto", 50), ("auto", 100)],
        [None, 0, None],
        ["in", "in", "out"],
    ),
    "the nearest, later": ([("auto", 0), ("auto", 100), ("auto", 70)], [None, None, 1], ["in", "out", "out"]),
    "the nearest, earlier": ([("auto", 0), ("auto", 100), ("auto", 30)], [None, None, 0], ["in", "out", "in"]),
    "the same kind, later": ([("in", 0), ("out", 100), ("out", 70)], [None, None, 1], ["in", "out", "out"]),
}


@pytest.mark.parametrize("name", CASES)
async def test_debounce(kiosk: Connection, journal: Journal, employee: Employee, name: str) -> None:
    acts, same_as, kinds = CASES[name]
    made = await record_each(kiosk, journal, employee, acts, ago(minutes=BEGIN_MINUTES_AGO))
    assert [outcome["kind"] for _, outcome in made] == kinds
    for (_, outcome), index in zip(made, same_as, strict=True):
        if index is None:
            assert verdict(outcome) == ("recorded", None), outcome
            continue
        original, first = made[index]
        assert verdict(outcome) == ("recorded", "debounced")
        assert outcome["same_as"] == original.punch_id
        assert outcome["occurred_at"] == first["occurred_at"]
    again = [await record(kiosk, punch) for punch, _ in made]
    assert [outcome["same_as"] for outcome in again] == [outcome["same_as"] for _, outcome in made]


async def test_people_do_not_debounce_each_other(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    begin = ago(minutes=BEGIN_MINUTES_AGO)
    for seconds in range(5):
        punch = journal.punch(badge(demo.take_employee()), at=begin + timedelta(seconds=seconds))
        assert (await recorded(kiosk, punch))["kind"] == "in"


async def test_debounce_holds_across_devices_and_journals(
    kiosk: Connection, other_kiosk: Connection, journal: Journal, other_journal: Journal, employee: Employee
) -> None:
    begin = ago(minutes=BEGIN_MINUTES_AGO)
    first = journal.punch(badge(employee), at=begin)
    await recorded(kiosk, first)
    outcome = await record(other_kiosk, other_journal.punch(badge(employee), at=begin + timedelta(seconds=10)))
    assert (verdict(outcome), outcome["same_as"]) == (("recorded", "debounced"), first.punch_id)


async def test_a_held_punch_debounces_nothing(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    begin = ago(minutes=BEGIN_MINUTES_AGO)
    await record(kiosk, journal.punch(badge(employee), at=begin, sealing_key_id="no-such-key"))
    assert (await recorded(kiosk, journal.punch(badge(employee), at=begin + timedelta(seconds=5))))["kind"] == "in"


async def status_of(connection: Connection, site_id: str, employee_id: str) -> Message | None:
    """The person as the roll call of a site has them; None for someone who isn't inside."""
    answer = await connection.result("rollcall.get", site_id=site_id)
    return next((person for person in answer["inside"] if person["employee_id"] == employee_id), None)


async def test_what_arrives_late_changes_presence_only_if_it_is_the_latest(
    admin: Connection, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    site_id, employee_id = employee.site_id, employee.employee_id
    entered = await recorded(kiosk, journal.punch(badge(employee), kind="in", at=ago(minutes=30)))
    person = await status_of(admin, site_id, employee_id)
    assert person is not None
    assert (person["status"], person["since"]) == ("in", entered["occurred_at"])
    await record(kiosk, journal.punch(badge(employee), kind="in", at=ago(minutes=80), captured="offline"))
    await record(kiosk, journal.punch(badge(employee), kind="out", at=ago(minutes=50), captured="offline"))
    late = await status_of(admin, site_id, employee_id)
    assert late is not None
    assert (late["status"], late["at_site_id"]) == ("in", site_id), "an older out changes nothing"
    pause = await recorded(kiosk, journal.punch(badge(employee), kind="break_start", at=ago(minutes=20)))
    person = await status_of(admin, site_id, employee_id)
    assert person is not None
    assert (person["status"], person["since"]) == ("break", pause["occurred_at"])
    left = await recorded(kiosk, journal.punch(badge(employee), kind="out", at=ago(minutes=10)))
    assert await status_of(admin, site_id, employee_id) is None
    again = await record(kiosk, journal.punch(badge(employee), kind="in", at=ago(minutes=15), captured="offline"))
    assert again["outcome"] == "recorded"
    assert await status_of(admin, site_id, employee_id) is None, f"out since {left['occurred_at']}"


async def test_a_person_is_judged_as_of_the_punch(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    """`auto` from before what is already known asks what the person was then, not what they are now."""
    await recorded(kiosk, journal.punch(badge(employee), kind="in", at=ago(minutes=60)))
    await recorded(kiosk, journal.punch(badge(employee), kind="out", at=ago(minutes=20)))
    between = await record(kiosk, journal.punch(badge(employee), at=ago(minutes=40), captured="offline"))
    assert between["kind"] == "out", "at that time the person was in"
    before = await record(kiosk, journal.punch(badge(employee), at=ago(minutes=80), captured="offline"))
    assert before["kind"] == "in", "at that time the person was out"
