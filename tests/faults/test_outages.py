"""PostgreSQL silent or cutting every connection: late perhaps, never wrong, nothing lost."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import asyncpg
import pytest

from tests.conftest import StartHub
from tests.contract.connection import connect_device, connect_person
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message, ago
from tests.contract.punching import an_outcome, lasting, record, record_all
from tests.contract.tokens import SignIns
from tests.faults.database import as_superuser
from tests.faults.journal_check import board_equals_log, recorded_once_and_in_order
from tests.faults.processes import frozen, of_program
from tests.faults.sending_kiosk import SendingKiosk
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

CUTS = 12
ENDING_SECONDS = 25.0


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/ready") as answer:
        return answer.status


async def test_a_frozen_postgresql_delays_and_loses_nothing(demo: RunningDemo, sign_ins: SignIns) -> None:
    """A kiosk gets an answer it may trust or none; sent again afterwards each punch is there once."""
    device = demo.file.spares[0]
    async with connect_device(demo.ws_url, device) as kiosk:
        journal = Journal.of(device, kiosk.welcome["device"])
        punches = [journal.punch(badge(demo.take_employee(device.site_id))) for _ in range(4)]
        first = await record(kiosk, punches[0])
        with frozen(of_program(demo, "postgres")):
            started = [await kiosk.start("punch.record", **punch.fields()) for punch in punches[1:]]
            await asyncio.sleep(3)
            early = [answer.result() for answer in started if answer.done()]
            assert all(reply["type"] == "error" and reply["retry"] for reply in early)
        replies = await asyncio.wait_for(asyncio.gather(*started), 40)
        for reply in replies:
            assert reply["type"] == "punch.outcome" or reply["retry"] or reply["code"] == "out_of_order", reply
        outcomes = [await record(kiosk, punch) for punch in punches]
        assert lasting(outcomes[0]) == lasting(first)
        for punch, reply, outcome in zip(punches[1:], replies, outcomes[1:], strict=True):
            assert outcome["outcome"] == "recorded"
            if reply["type"] == "punch.outcome":
                assert lasting(an_outcome(reply, punch)) == lasting(outcome)
    assert await status(demo.url) == 200
    await board_equals_log(demo, demo.ws_url, await sign_ins.token(demo.file.account("admin")))


@pytest.fixture
async def superuser(demo: RunningDemo) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    async with as_superuser(demo) as connection:
        yield connection


async def test_connections_cut_in_the_midst_of_commits(
    demo: RunningDemo, superuser: "asyncpg.Connection[asyncpg.Record]", sign_ins: SignIns
) -> None:
    """Each hub connection to PostgreSQL is cut a dozen times while two kiosks send."""
    seed = int(time.time())
    print(f"seed {seed}")
    dice = random.Random(seed)
    crowd = [demo.take_employee() for _ in range(8)]
    kiosks = []
    for device in demo.file.spares:
        async with connect_device(demo.ws_url, device) as connection:
            journal = Journal.of(device, connection.welcome["device"])
        happened = ago(hours=9)
        punches = []
        for _ in range(300):
            happened += timedelta(seconds=dice.uniform(20, 100))
            punches.append(journal.punch(badge(dice.choice(crowd)), at=happened, captured="offline"))
        kiosks.append(SendingKiosk(device, punches, in_flight=16, pause_seconds=0.05))

    async def cut() -> int:
        cuts = 0
        for _ in range(CUTS):
            await asyncio.sleep(dice.uniform(0.02, 0.25))
            cuts += await superuser.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'attendance_hub_a'"
            )
        return cuts

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        cutting = group.create_task(cut())
        for kiosk in kiosks:
            group.create_task(kiosk.run(demo.ws_url))
    print(f"{cutting.result()} connections cut, sockets used {[kiosk.connections for kiosk in kiosks]}")
    await recorded_once_and_in_order(demo, kiosks)
    for kiosk in kiosks:
        async with connect_device(demo.ws_url, kiosk.device) as connection:
            again = await record_all(connection, kiosk.punches)
        for answers, outcome in zip(kiosk.answers, again, strict=True):
            assert [lasting(answer) for answer in answers] == [lasting(outcome)] * len(answers)
    await board_equals_log(demo, demo.ws_url, await sign_ins.token(demo.file.account("admin")))


async def test_a_hub_that_can_not_record_says_so(demo: RunningDemo, second_hub: ServingHub) -> None:
    """`/ready` turns 503 while PostgreSQL is silent and comes back by itself; `/health` doesn't care."""
    with frozen(of_program(demo, "postgres")):
        async with aiohttp.ClientSession() as session, session.get(f"{second_hub.url}/health") as answer:
            assert answer.status == 200
        async with asyncio.timeout(30):
            while await status(second_hub.url) != 503:
                await asyncio.sleep(0.2)
    async with asyncio.timeout(30):
        while await status(second_hub.url) != 200:
            await asyncio.sleep(0.2)


async def test_a_command_during_the_outage_fails_softly(demo: RunningDemo, sign_ins: SignIns) -> None:
    """A list asked while PostgreSQL is silent ends in an error that may be retried, on a connection that lives on."""
    token = await sign_ins.token(demo.file.account("admin"))
    async with connect_person(demo.ws_url, token) as admin:
        with frozen(of_program(demo, "postgres")):
            started = await admin.start("punch.list", limit=5)
            done, _ = await asyncio.wait([started], timeout=35)
        reply: Message = started.result() if done else await asyncio.wait_for(started, 20)
        assert reply["type"] == "punch.list.result" or reply["code"] in {"unavailable", "overloaded"}, reply
        await admin.result("punch.list", limit=5)


async def test_a_hub_ends_in_order_though_its_database_is_silent(demo: RunningDemo, start_hub: StartHub) -> None:
    """It waits for what it took as long as it may, sends its clients away with 3001, and is gone."""
    hub = start_hub()
    device = demo.file.spares[0]
    async with connect_device(hub.ws_url, device) as kiosk:
        journal = Journal.of(device, kiosk.welcome["device"])
        with frozen(of_program(demo, "postgres")):
            await kiosk.start("punch.record", **journal.punch(badge(demo.take_employee(device.site_id))).fields())
            begun = time.monotonic()
            hub.process.terminate()
            assert await kiosk.closed(ENDING_SECONDS) == 3001
            assert await asyncio.to_thread(hub.process.wait, ENDING_SECONDS) == 0
            print(f"ended after {time.monotonic() - begun:.1f} s")
