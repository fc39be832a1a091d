"""What was held for want of keys is judged when they are back, and everybody sees what it came to."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from protocol.commands import PunchRecord
from protocol.sealing import BadgeCredential
from protocol.values import Captured, Kind, Outcome, Reason
from server.rules.punches import PunchRules
from server.secrets.provider import SecretsUnavailable
from server.services.batch import Settled
from server.services.hashing import SlowHashes
from server.services.pins import PinCheck
from server.services.preparation import OpenedNumber, badge_place
from server.services.second_look import SecondLook
from server.services.unknown_badges import UnknownBadges
from server.telemetry.metrics import Metrics
from storage.bootstrap import DatabaseDsns
from storage.models import SiteChanges, StoredPunch
from storage.postgres import Database
from storage.repositories import presence, punches
from tests.builders import ADevice, a_punch, badge_of
from tests.server.services.counter import PIN_LIMITS
from tests.server.services.desk import MINUTE, Desk, a_preparation, prepare, said
from tests.server.services.fading import PIN, FadingSecrets, by_number, fading_desk

pytestmark = pytest.mark.integration


@pytest.fixture
def hashes() -> Iterator[SlowHashes]:
    made = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=64)
    yield made
    made.close()


@pytest.fixture
def secrets(tmp_path: Path) -> FadingSecrets:
    return FadingSecrets.at(tmp_path / "keys.json")


@pytest.fixture
async def desk(database_dsns: DatabaseDsns, secrets: FadingSecrets, hashes: SlowHashes) -> AsyncIterator[Desk]:
    async with fading_desk(database_dsns, secrets, hashes) as opened:
        yield opened


class Hub:
    """A hub's second look; what it rings goes to the desk."""

    def __init__(self, desk: Desk, secrets: FadingSecrets, hashes: SlowHashes, database: Database) -> None:
        self.metrics = Metrics(version="1")
        self.pins = PinCheck(database, secrets, hashes, PIN_LIMITS)
        self._desk = desk
        self.look = SecondLook(
            database,
            secrets,
            directory=desk.directory,
            rules=PunchRules(),
            preparation=a_preparation(secrets),
            pins=self.pins,
            unknown_badges=UnknownBadges(secrets, 15 * MINUTE),
            metrics=self.metrics,
            bell=self,
            seconds=0.05,
            batch_max_punches=4,
        ).look

    def ring(self, batches: Sequence[SiteChanges]) -> None:
        self._desk.changes += batches

    async def judge(self, record: PunchRecord, device: ADevice | None = None) -> Settled:
        """A punch's whole way as it comes in."""
        device = device or self._desk.device
        prepared = prepare(a_preparation(self._desk.secrets), record, device)
        pin = await self.pins.judge(prepared) if self.pins.concerns(prepared) else None
        (answer,) = (await self._desk.commit([self._desk.submission(record, device, pin)])).answers
        assert isinstance(answer, Settled), answer
        return answer

    @property
    def waiting(self) -> float | None:
        return self.metrics.registry.get_sample_value("hub_punches_waiting_for_keys")


@pytest.fixture
def hub(desk: Desk, secrets: FadingSecrets, hashes: SlowHashes) -> Hub:
    return Hub(desk, secrets, hashes, desk.database)


async def listed(desk: Desk, **wanted: Any) -> list[StoredPunch]:  # noqa: ANN401 - the list's own filters
    """`punch.list`, two to a page, oldest first."""
    found: list[StoredPunch] = []
    filters = dict.fromkeys(
        ("site_ids", "employee_id", "device_id", "since", "until", "outcome", "within_employees", "after")
    )
    async with desk.database.connection() as connection:
        while page := await punches.list_punches(connection, **{**filters, **wanted, "limit": 2}):
            found += page
            last = page[-1]
            wanted["after"] = (last.occurred_at or last.recorded_at, last.punch_id, *last.key)
    return found[::-1]


async def waits(desk: Desk) -> dict[int, bool]:
    rows = await desk.owner.fetch("SELECT seq, waits_since IS NOT NULL AS waits FROM sealed_credentials")
    return {row["seq"]: row["waits"] for row in rows}


async def test_a_day_without_keys_counts_once_they_are_back(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    """In by badge, out by PIN, back by badge with PIN; then a live punch is judged by all of it."""
    records = [
        desk.punch(0),
        by_number(desk, 10),
        a_punch(secrets, desk.device, BadgeCredential(badge=badge_of(desk.ana), pin=PIN), at=desk.now + 20 * MINUTE),
        desk.punch(20.5),
        desk.punch(21, who=desk.company.employees[1]),
    ]
    last = desk.punch(50)
    secrets.go(forgotten=True)
    first = [await hub.judge(record) for record in records]
    assert {said(answer.punch) for answer in first} == {(Outcome.HELD, Reason.SEAL_UNAVAILABLE, None)}
    with pytest.raises(SecretsUnavailable):
        secrets.badge_hash("x")
    assert await hub.look() == 0
    assert hub.waiting == 5
    secrets.come_back()
    assert await hub.look() == 5
    assert hub.waiting == 0
    assert not await desk.owner.fetch("SELECT FROM sealed_credentials")
    assert [said(punch) for punch in sorted(await listed(desk), key=lambda punch: punch.seq)] == [
        (Outcome.RECORDED, None, Kind.IN),
        (Outcome.RECORDED, None, Kind.OUT),
        (Outcome.RECORDED, None, Kind.IN),
        (Outcome.RECORDED, Reason.DEBOUNCED, Kind.IN),
        (Outcome.RECORDED, None, Kind.IN),
    ]
    assert (await desk.presence())[desk.ana.employee_id][0] == "in"
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()
    await desk.check_journals()
    # What was answered stands; what comes next is judged by what it came to, hours included.
    again = await hub.judge(records[0])
    assert (again.duplicate, again.punch) == (True, first[0].punch)
    settled = await hub.judge(last)
    assert (said(settled.punch), settled.worked_minutes) == ((Outcome.RECORDED, None, Kind.OUT), 40)
    assert await hub.look() == 0


async def test_lists_and_the_curve_show_what_it_came_to(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    records = [desk.punch(0), desk.punch(5, who=desk.company.employees[1]), by_number(desk, 10, "000000")]
    secrets.go(forgotten=True)
    for record in records:
        await hub.judge(record)
    assert len(await listed(desk, outcome=Outcome.HELD)) == 3
    secrets.come_back()
    await hub.look()
    assert [punch.seq for punch in await listed(desk, outcome=Outcome.RECORDED)] == [1, 2]
    assert [punch.seq for punch in await listed(desk, outcome=Outcome.HELD)] == [3]
    assert [punch.seq for punch in await listed(desk, employee_id=desk.ana.employee_id)] == [1]
    assert [punch.seq for punch in await listed(desk, within_employees=[desk.company.employees[1].employee_id])] == [2]
    assert [punch.seq for punch in await listed(desk, since=desk.now + MINUTE)] == [2, 3]
    assert not await listed(desk, site_ids=[desk.company.sites[1].site_id])
    async with desk.database.connection() as connection:
        curve = await presence.headcount(
            connection,
            desk.device.site_id,
            since=desk.now - MINUTE,
            until=desk.now + 9 * MINUTE,
            step_minutes=5,
            lookback_minutes=960,
            department_ids=None,
        )
    assert curve == [(0, 0), (1, 0), (2, 0)]


async def test_it_is_judged_by_the_rules_of_any_other(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    """Nobody stands at the screen any more: what is wrong is held for a person, as with an offline punch."""
    unknown, bea, carla = "B0000000", desk.company.employees[1], desk.company.employees[2]
    records = [
        by_number(desk, 0, "000000"),
        a_punch(secrets, desk.device, unknown, at=desk.now),
        a_punch(secrets, desk.device, badge_of(desk.ana), at=desk.now, dated=False),
        desk.punch(5, who=bea),
        desk.punch(15, who=carla),
    ]
    secrets.go(forgotten=True)
    for record in records:
        await hub.judge(record)
    # One's badge is taken away after that, another leaves before it.
    revoked, left = desk.now + 10 * MINUTE, desk.now + 10 * MINUTE
    await desk.owner.execute("UPDATE badges SET revoked_at = $2 WHERE employee_id = $1", bea.employee_id, revoked)
    await desk.owner.execute("UPDATE employees SET deactivated_at = $2 WHERE employee_id = $1", carla.employee_id, left)
    secrets.come_back()
    assert await hub.look() == 5
    found = {punch.seq: said(punch) for punch in await listed(desk)}
    assert found == {
        1: (Outcome.HELD, Reason.PIN_WRONG, None),
        2: (Outcome.HELD, Reason.BADGE_UNKNOWN, None),
        3: (Outcome.HELD, Reason.CLOCK_UNKNOWN, None),
        4: (Outcome.RECORDED, None, Kind.IN),
        5: (Outcome.REFUSED, Reason.EMPLOYEE_INACTIVE, None),
    }
    (kept,) = await desk.owner.fetch("SELECT punch_id, encrypted FROM unknown_badges")
    place = badge_place(desk.device.device_id, kept["punch_id"])
    assert secrets.decrypt(kept["encrypted"], place) == unknown.encode()


async def test_a_late_one_moves_nobody_who_moved_since(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    held, live = desk.punch(0), desk.punch(30, kind=Kind.OUT)
    secrets.go(forgotten=True)
    await hub.judge(held)
    secrets.come_back()
    await hub.judge(live)
    before = await desk.presence()
    assert await hub.look() == 1
    assert await desk.presence() == before == await desk.derived_presence()
    assert [punch.kind for punch in await listed(desk)] == [Kind.IN, Kind.OUT]


async def test_what_was_throttled_is_for_a_person_to_decide(desk: Desk, hub: Hub) -> None:
    """Offline and throttled while the keys were there: no key will help it, and none is tried."""
    for minute in range(5):
        await hub.judge(by_number(desk, minute, "000000"))
    throttled = await hub.judge(by_number(desk, 6, captured=Captured.OFFLINE))
    assert throttled.punch.reason is Reason.PIN_UNCHECKED
    assert await waits(desk) == {6: False}
    assert await hub.look() == 0
    assert [punch.reason for punch in await listed(desk, outcome=Outcome.HELD)] == [Reason.PIN_UNCHECKED]
    assert await waits(desk) == {6: False}


async def test_guesses_are_throttled_at_the_second_look_too(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    secrets.go()
    for minute in range(7):
        await hub.judge(by_number(desk, minute, "000000" if minute < 6 else PIN))
    secrets.come_back()
    assert await hub.look() == 7
    reasons = [punch.reason for punch in await listed(desk)]
    assert reasons == [Reason.PIN_WRONG] * 5 + [Reason.PIN_UNCHECKED] * 2
    assert await waits(desk) == {6: False, 7: False}
    assert await hub.look() == 0


async def test_keys_that_go_again_leave_the_rest_waiting(
    desk: Desk, secrets: FadingSecrets, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.go()
    for minute in range(0, 12, 2):
        await hub.judge(by_number(desk, minute))
    secrets.come_back()
    judge_again, judged = hub.pins.judge_again, 0

    async def until_they_go(prepared: Any) -> Any:  # noqa: ANN401 - handed on as it comes
        nonlocal judged
        assert isinstance(prepared.opened, OpenedNumber)
        if judged == 2:
            secrets.go()
        judged += 1
        return await judge_again(prepared)

    monkeypatch.setattr(hub.pins, "judge_again", until_they_go)
    with pytest.raises(SecretsUnavailable):
        await hub.look()
    assert hub.waiting == 4
    assert sorted(await waits(desk)) == [3, 4, 5, 6]
    secrets.come_back()
    judged = 3
    assert await hub.look() == 4
    assert [punch.kind for punch in await listed(desk)] == [Kind.IN, Kind.OUT] * 3
    assert await desk.presence() == await desk.derived_presence()


async def test_two_hubs_at_once_judge_each_once(
    desk: Desk, secrets: FadingSecrets, hashes: SlowHashes, hub: Hub, database_dsns: DatabaseDsns
) -> None:
    records = [
        (desk.punch(minute, device=device, who=who), device)
        for minute in range(0, 55, 5)
        for device, who in zip(desk.devices, desk.company.employees, strict=False)
    ]
    secrets.go(forgotten=True)
    for record, device in records:
        await hub.judge(record, device)
    secrets.come_back()
    other = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    with structlog.testing.capture_logs() as logged:
        done = await asyncio.gather(hub.look(), Hub(desk, secrets, hashes, other).look())
    assert not logged, "who comes second finds nothing to do"
    await other.close()
    assert sum(done) == len(records)
    resolutions = await desk.owner.fetch("SELECT count(*) FROM punch_resolutions WHERE outcome = 'recorded'")
    assert resolutions[0]["count"] == len(records)
    kinds: dict[object, list[Kind | None]] = {}
    for punch in await listed(desk):
        kinds.setdefault(punch.employee_id, []).append(punch.kind)
    assert list(kinds.values()) == [[Kind.IN, Kind.OUT] * 5 + [Kind.IN]] * 4
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()


async def test_one_that_can_not_be_judged_stops_no_other(desk: Desk, secrets: FadingSecrets, hub: Hub) -> None:
    records = [desk.punch(minute) for minute in range(0, 50, 10)]
    secrets.go(forgotten=True)
    for record in records:
        await hub.judge(record)
    secrets.come_back()
    await desk.owner.execute("ALTER TABLE punch_resolutions ADD CONSTRAINT poison CHECK (seq <> 2)")
    assert await hub.look() == 4
    assert await waits(desk) == {2: True}
    await desk.owner.execute("ALTER TABLE punch_resolutions DROP CONSTRAINT poison")
    assert await hub.look() == 1
    assert await desk.presence() == await desk.derived_presence()
    await desk.check_streams()
