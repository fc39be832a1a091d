"""Section 4: what becomes of a punch, told to the kiosk and kept in PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge, badge_and_pin, boot_milliseconds, number_and_pin
from tests.contract.primitives import ago, moment, now, uuid7, wire_time
from tests.contract.punching import LASTING, lasting, record, record_all, recorded, turned_away, verdict
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e


async def test_a_punch_is_recorded_and_dated_by_its_clock(
    kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    clock = {"hub_time": "2026-11-23T09:00:00.000250Z", "monotonic_ms": 5_000, "uncertainty_ms": 7}
    punch = journal.punch(badge(employee), clock=clock, monotonic_ms=65_123, captured="offline")
    sent = now()
    outcome = await recorded(kiosk, punch)
    assert outcome["occurred_at"] == "2026-11-23T09:01:00.123250Z", "hub_time + (monotonic_ms - clock.monotonic_ms)"
    assert sent - timedelta(seconds=1) <= moment(outcome["recorded_at"]) <= now() + timedelta(seconds=1)
    assert outcome["employee"]["display_name"] == employee.display_name
    assert outcome["duplicate"] is False
    assert outcome["kind"] == "in"


async def test_a_receipt_means_a_row(
    demo: RunningDemo, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    punch = journal.punch(badge(employee))
    outcome = await recorded(kiosk, punch)
    database = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        row = await database.fetchrow("SELECT * FROM punches WHERE punch_id = $1", punch.punch_id)
        assert row is not None
        assert str(row["employee_id"]) == employee.employee_id
        assert (row["outcome"], row["reason"], row["kind"]) == ("recorded", None, outcome["kind"])
        assert row["occurred_at"] == moment(outcome["occurred_at"])
        assert row["recorded_at"] == moment(outcome["recorded_at"])
        kept = [bytes(value) if isinstance(value, bytes | memoryview) else value for value in row.values()]
        assert punch.text.encode() in kept or punch.text in kept, "what was signed is kept byte for byte"
        for statement in ("UPDATE punches SET kind = 'out'", "DELETE FROM punches", "TRUNCATE punches"):
            with pytest.raises(asyncpg.PostgresError):
                await database.execute(statement)
    finally:
        await database.close()


@pytest.mark.parametrize("make", [badge, badge_and_pin, number_and_pin])
async def test_each_credential_finds_its_person(
    kiosk: Connection, journal: Journal, employee: Employee, make: object
) -> None:
    assert callable(make)
    outcome = await recorded(kiosk, journal.punch(make(employee)))
    assert outcome["employee"]["display_name"] == employee.display_name


async def test_a_repetition_has_the_same_answer(
    demo: RunningDemo,
    second_hub: ServingHub,
    spare: DeviceKey,
    kiosk: Connection,
    journal: Journal,
) -> None:
    """Recorded, debounced, refused and held alike; on another socket and on another hub."""
    employee, unknown = demo.take_employee(), {"badge": "ZZZZ0000NONE"}
    punches = [
        journal.punch(badge(employee)),
        journal.punch(badge(employee)),
        journal.punch(unknown),
        journal.punch(unknown, captured="offline"),
        journal.punch(badge(employee), kind="break_end", at=ago(hours=5)),
    ]
    first = await record_all(kiosk, punches)
    assert [verdict(outcome) for outcome in first] == [
        ("recorded", None),
        ("recorded", "debounced"),
        ("refused", "badge_unknown"),
        ("held", "badge_unknown"),
        ("recorded", "unexpected_kind"),
    ]
    assert not any(outcome["duplicate"] for outcome in first)
    async with connect_device(demo.ws_url, spare) as neighbour, connect_device(second_hub.ws_url, spare) as elsewhere:
        for connection in (kiosk, neighbour, elsewhere):
            again = await record_all(connection, punches)
            assert all(outcome["duplicate"] for outcome in again)
            assert [lasting(outcome) for outcome in again] == [lasting(outcome) for outcome in first]
    database = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        count = await database.fetchval(
            "SELECT count(*) FROM punches WHERE punch_id = ANY($1::uuid[])", [punch.punch_id for punch in punches]
        )
    finally:
        await database.close()
    assert count == len(punches)


async def test_a_repetition_sent_at_the_same_moment_is_recorded_once(
    demo: RunningDemo, second_hub: ServingHub, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    punches = [journal.punch(badge(demo.take_employee())) for _ in range(2)]
    async with connect_device(second_hub.ws_url, spare) as elsewhere:
        answers = await asyncio.gather(
            record_all(kiosk, [punches[0], *punches]), record_all(elsewhere, [punches[0], punches[0], *punches])
        )
    for punch in punches:
        same = [outcome for outcomes in answers for outcome in outcomes if outcome["punch_id"] == punch.punch_id]
        assert sum(not outcome["duplicate"] for outcome in same) == 1
        assert len({str(lasting(outcome)) for outcome in same}) == 1


async def test_auto_alternates_and_counts_the_day(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    """In at 0, break from 3 to 6, out at 12 minutes: 9 minutes worked. All on one local day of the site."""
    zone = ZoneInfo(demo.file.site(spare.site_id).time_zone)
    midnight = now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = max(midnight.astimezone(UTC) + timedelta(seconds=1), ago(minutes=13))
    assert now() - begin > timedelta(minutes=12, seconds=5), "just after local midnight: run again in a quarter hour"

    def at(minutes: float) -> datetime:
        return begin + timedelta(minutes=minutes)

    first = await recorded(kiosk, journal.punch(badge(employee), at=at(0)))
    pause = await recorded(kiosk, journal.punch(badge(employee), at=at(3), kind="break_start"))
    back = await recorded(kiosk, journal.punch(badge(employee), at=at(6), kind="break_end"))
    last = await recorded(kiosk, journal.punch(badge(employee), at=at(12)))
    assert [outcome["kind"] for outcome in (first, pause, back, last)] == ["in", "break_start", "break_end", "out"]
    assert last["employee"]["worked_today_minutes"] == 9


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ([], "out"),
        ([], "break_start"),
        ([], "break_end"),
        (["in"], "in"),
        (["in"], "break_end"),
        (["in", "out"], "out"),
        (["in", "break_start"], "break_start"),
        (["in", "break_start"], "in"),
    ],
)
async def test_an_unexpected_kind_is_kept_as_said(
    kiosk: Connection, journal: Journal, employee: Employee, before: list[str], kind: str
) -> None:
    for index, expected in enumerate(before):
        await recorded(kiosk, journal.punch(badge(employee), kind=expected, at=ago(minutes=60 - 5 * index)))
    outcome = await record(kiosk, journal.punch(badge(employee), kind=kind, at=ago(minutes=20)))
    assert verdict(outcome) == ("recorded", "unexpected_kind")
    assert outcome["kind"] == kind


async def test_a_clock_of_null_needs_this_boots_sync(
    second_hub: ServingHub, spare: DeviceKey, kiosk: Connection, journal: Journal, demo: RunningDemo
) -> None:
    """Without a sync the punch is held; with one any hub dates it by that."""
    lost = await record(kiosk, journal.punch(badge(demo.take_employee()), clock=None))
    assert verdict(lost) == ("held", "clock_unknown")
    journal.boot_id = uuid7()
    monotonic_ms = boot_milliseconds()
    synced = await kiosk.result("time.sync", t0=wire_time(now()), boot_id=journal.boot_id, monotonic_ms=monotonic_ms)
    employee, other = demo.take_employee(), demo.take_employee()
    here = journal.punch(badge(employee), clock=None, monotonic_ms=monotonic_ms - 60_000)
    outcome = await recorded(kiosk, here)
    expected = moment(synced["t1"]) - timedelta(seconds=60)
    assert abs(moment(outcome["occurred_at"]) - expected) < timedelta(seconds=1)
    async with connect_device(second_hub.ws_url, spare) as elsewhere:
        there = await recorded(elsewhere, journal.punch(badge(other), clock=None, monotonic_ms=monotonic_ms - 60_000))
    assert abs(moment(there["occurred_at"]) - expected) < timedelta(seconds=1)
    assert verdict(await record(kiosk, here)) == ("recorded", None)


async def test_the_future_is_held(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    soon = journal.punch(badge(demo.take_employee()), at=now() + timedelta(seconds=45))
    assert verdict(await record(kiosk, soon)) == ("recorded", None)
    later = journal.punch(badge(demo.take_employee()), at=now() + timedelta(seconds=90))
    held = await record(kiosk, later)
    assert verdict(held) == ("held", "clock_unknown")
    again = await record(kiosk, later)
    assert {name: again[name] for name in LASTING} == lasting(held)


async def test_the_device_time_decides_nothing(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    punch = journal.punch(badge(employee), device_time="1999-01-01T00:00:00.000000Z")
    outcome = await recorded(kiosk, punch)
    assert abs(moment(outcome["occurred_at"]) - now()) < timedelta(seconds=30)


async def test_many_in_flight_are_all_answered(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    """Five times `max_in_flight` at once: the hub reads no further for a while, refuses none and keeps their order."""
    count = 5 * kiosk.welcome["limits"]["max_in_flight"]
    begin = ago(hours=count / 20)
    kinds = ("in", "out")
    punches = [
        journal.punch(badge(employee), at=begin + timedelta(minutes=2 * index), kind=kinds[index % 2])
        for index in range(count)
    ]
    outcomes = await record_all(kiosk, punches)
    assert [verdict(outcome) for outcome in outcomes] == [("recorded", None)] * count
    assert [outcome["kind"] for outcome in outcomes] == [kinds[index % 2] for index in range(count)]
    database = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        rows = await database.fetch(
            "SELECT seq, punch_id FROM punches WHERE device_id = $1 AND log_id = $2 ORDER BY seq",
            spare.device_id,
            journal.log_id,
        )
    finally:
        await database.close()
    assert [(row["seq"], str(row["punch_id"])) for row in rows] == [
        (index + 1, punch.punch_id) for index, punch in enumerate(punches)
    ]


async def test_one_fault_stops_only_what_builds_on_it(demo: RunningDemo, kiosk: Connection, journal: Journal) -> None:
    """With a broken punch in the middle of many in flight, what follows is out of order until it was mended."""
    punches = [journal.punch(badge(demo.take_employee())) for _ in range(4)]
    broken = {**punches[1].fields(), "signature": punches[0].signature}
    answers = [
        await kiosk.start("punch.record", **fields)
        for fields in (punches[0].fields(), broken, punches[2].fields(), punches[3].fields())
    ]
    replies = await asyncio.wait_for(asyncio.gather(*answers), 20)
    assert verdict(replies[0]) == ("recorded", None)
    assert [reply.get("code") for reply in replies[1:]] == ["invalid", "out_of_order", "out_of_order"]
    assert replies[2]["details"]["expected_seq"] == 2
    for punch in punches[1:]:
        await recorded(kiosk, punch)


async def test_a_person_may_not_punch_over_the_wire(admin: Connection, journal: Journal, employee: Employee) -> None:
    assert (await turned_away(admin, journal.punch(badge(employee))))["code"] == "forbidden"
