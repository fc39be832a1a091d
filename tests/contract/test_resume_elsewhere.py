"""A place in a stream serves at any hub, also at one that began after it was taken (section 5)."""

import pytest

from tests.conftest import StartHub
from tests.contract.connection import Connection, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.punching import record_all
from tests.contract.tokens import login
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e


async def test_a_watch_resumes_at_a_hub_that_began_later(
    *,
    demo: RunningDemo,
    start_hub: StartHub,
    admin: Connection,
    spare: DeviceKey,
    kiosk: Connection,
    journal: Journal,
) -> None:
    board = await admin.watch([spare.site_id])
    after = board.after()
    await admin.result("presence.unwatch")
    crowd = [demo.take_employee(spare.site_id) for _ in range(3)]
    await record_all(kiosk, [journal.punch(badge(employee)) for employee in crowd])
    hub = start_hub()
    token = (await login(demo.url, demo.file.account("admin")))["access_token"]
    async with connect_person(hub.ws_url, token) as elsewhere:
        elsewhere.board.sites.update(board.sites)
        resumed = (await elsewhere.watch([spare.site_id], after)).sites[spare.site_id]
        assert resumed.resumed
        await elsewhere.wait_for(
            lambda: all(resumed.people[employee.employee_id]["status"] == "in" for employee in crowd)
        )
