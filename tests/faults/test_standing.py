"""A device, a badge, a person that is not, or no longer, active: what their punches become (section 4)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.contract.connection import connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge, number_and_pin
from tests.contract.primitives import ago, now
from tests.contract.punching import lasting, record, recorded, turned_away, verdict
from tests.faults.database import add_devices, as_migrator, retire_devices
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

NOTICED_SECONDS = 5.0


@pytest.fixture
async def owner(demo: RunningDemo) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    async with as_migrator(demo) as connection:
        yield connection


@pytest.fixture
async def device(demo: RunningDemo) -> AsyncIterator[DeviceKey]:
    (added,) = await add_devices(demo, 1)
    yield added
    await retire_devices(demo, [added])


async def test_a_revoked_device(
    demo: RunningDemo, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Its live socket ends; it may sign in to hand over what it has: held if signed before, refused if after."""
    async with connect_device(demo.ws_url, device) as connection:
        journal = Journal.of(device, connection.welcome["device"])
        kept = journal.punch(badge(demo.take_employee()))
        outcome = await recorded(connection, kept)
        await owner.execute(
            "UPDATE devices SET status = 'revoked', revoked_at = now() WHERE device_id = $1", device.device_id
        )
        code = await connection.closed(NOTICED_SECONDS + 1)
        assert code is not None
        assert 3000 <= code < 4000
    revoked_at = now()
    async with connect_device(demo.ws_url, device) as connection:
        assert connection.welcome["device"]["status"] == "revoked"
        again = await record(connection, kept)
        assert again["duplicate"]
        assert lasting(again) == lasting(outcome)
        before = journal.punch(badge(demo.take_employee()), at=ago(minutes=10), captured="offline")
        assert verdict(await record(connection, before)) == ("held", "device_revoked")
        after = journal.punch(badge(demo.take_employee()), at=revoked_at + timedelta(seconds=1))
        assert verdict(await record(connection, after)) == ("refused", "device_revoked")
        report = await connection.refusal("device.report", outbox_depth=0, oldest_unsent_at=None, version="1")
        assert report["code"] == "forbidden"
        assert (await connection.refusal("time.sync"))["code"] in {"forbidden", "invalid"}


async def test_a_pending_device_waits_on_its_socket(
    demo: RunningDemo, second_hub: ServingHub, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute("UPDATE devices SET status = 'pending' WHERE device_id = $1", device.device_id)
    async with connect_device(demo.ws_url, device) as here, connect_device(second_hub.ws_url, device) as there:
        assert here.welcome["device"]["status"] == "pending"
        journal = Journal.of(device, here.welcome["device"])
        punch = journal.punch(badge(demo.take_employee()))
        assert (await turned_away(here, punch))["code"] == "forbidden"
        await owner.execute("UPDATE devices SET status = 'active' WHERE device_id = $1", device.device_id)
        for connection in (here, there):
            await connection.wait_for(lambda c=connection: bool(c.of_type("device.state")), NOTICED_SECONDS + 1)  # type: ignore[misc]  # mypy can't infer the default
            state = connection.of_type("device.state")[-1]
            assert state["status"] == "active"
            assert set(state) >= set(connection.welcome["device"])
            assert "re" not in state
        await recorded(here, punch)


async def test_a_moved_device_is_told(
    demo: RunningDemo, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    other = next(site for site in demo.file.sites if site.site_id != device.site_id)
    async with connect_device(demo.ws_url, device) as connection:
        journal = Journal.of(device, connection.welcome["device"])
        await owner.execute("UPDATE devices SET site_id = $2 WHERE device_id = $1", device.device_id, other.site_id)
        await connection.wait_for(lambda: bool(connection.of_type("device.state")), NOTICED_SECONDS + 1)
        state = connection.of_type("device.state")[-1]
        assert (state["site_id"], state["site_name"]) == (other.site_id, other.name)
        await recorded(connection, journal.punch(badge(demo.take_employee())))


async def test_revoked_and_expired_badges(
    demo: RunningDemo, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Final while it is used; what happened while the badge was good still counts."""
    gone, lapsed = demo.take_employee(), demo.take_employee()
    await owner.execute("UPDATE badges SET revoked_at = now() WHERE employee_id = $1", gone.employee_id)
    await owner.execute("UPDATE badges SET valid_until = now() WHERE employee_id = $1", lapsed.employee_id)
    await asyncio.sleep(NOTICED_SECONDS)
    async with connect_device(demo.ws_url, device) as connection:
        journal = Journal.of(device, connection.welcome["device"])
        for employee in (gone, lapsed):
            assert verdict(await record(connection, journal.punch(badge(employee)))) == ("refused", "badge_revoked")
            late = journal.punch(badge(employee), at=ago(hours=1), captured="offline")
            assert verdict(await record(connection, late)) == ("recorded", None)
            await recorded(connection, journal.punch(number_and_pin(employee), at=ago(minutes=30)))


async def test_an_inactive_employee(
    demo: RunningDemo, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    gone = demo.take_employee()
    await owner.execute("UPDATE employees SET deactivated_at = now() WHERE employee_id = $1", gone.employee_id)
    try:
        await asyncio.sleep(NOTICED_SECONDS)
        async with connect_device(demo.ws_url, device) as connection:
            journal = Journal.of(device, connection.welcome["device"])
            refused = await record(connection, journal.punch(badge(gone)))
            assert verdict(refused) == ("refused", "employee_inactive")
            late = journal.punch(badge(gone), at=ago(hours=1), captured="offline")
            assert verdict(await record(connection, late)) == ("recorded", None)
    finally:
        await owner.execute("UPDATE employees SET deactivated_at = NULL WHERE employee_id = $1", gone.employee_id)


async def test_a_conflict_is_audited(
    demo: RunningDemo, device: DeviceKey, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    count = "SELECT count(*) FROM audit WHERE action LIKE '%conflict%'"
    async with connect_device(demo.ws_url, device) as connection:
        journal = Journal.of(device, connection.welcome["device"])
        other = journal.punch(badge(demo.take_employee()), append=False)
        await recorded(connection, journal.punch(badge(demo.take_employee())))
        before = await owner.fetchval(count)
        assert (await turned_away(connection, other))["code"] == "conflict"
        assert await owner.fetchval(count) == before + 1
