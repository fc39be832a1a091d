"""The whole demo killed with -9: no server stays behind, and the next start has everything."""

import asyncio
import os
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import StartDemo
from tests.contract.connection import connect_device
from tests.contract.journal import Journal, badge
from tests.contract.primitives import ago
from tests.contract.punching import lasting, record_all
from tests.contract.tokens import SignIns
from tests.faults.journal_check import board_equals_log, recorded_once_and_in_order
from tests.faults.sending_kiosk import SendingKiosk
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

KILLS = 2
PUNCHES = 250


async def gone(demo: RunningDemo) -> None:
    async with asyncio.timeout(15):
        while demo.leftovers():
            await asyncio.sleep(0.1)


async def test_a_killed_demo_loses_nothing_and_leaves_nothing(start_demo: StartDemo) -> None:
    demo = start_demo(0)
    before, files = demo.file, {name: (demo.data / name).read_bytes() for name in ("demo.json", "hub.env")}
    seed = int(time.time())
    print(f"seed {seed}")
    dice = random.Random(seed)
    kiosks = []
    for device in demo.file.spares:
        async with connect_device(demo.ws_url, device) as connection:
            journal = Journal.of(device, connection.welcome["device"])
        happened = ago(hours=8)
        punches = []
        for _ in range(PUNCHES):
            happened += timedelta(seconds=dice.uniform(20, 100))
            punches.append(journal.punch(badge(dice.choice(before.employees[:20])), at=happened, captured="offline"))
        kiosks.append(SendingKiosk(device, punches, in_flight=8, pause_seconds=0.05))

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.3, 0.8))
            demo.process.kill()
            await gone(demo)
            demo._start(0)

    async with asyncio.timeout(180), asyncio.TaskGroup() as group:
        group.create_task(kill())
        for kiosk in kiosks:
            group.create_task(kiosk.run(demo.ws_url))
    print(f"sockets used {[kiosk.connections for kiosk in kiosks]}")
    assert all(kiosk.connections > 1 for kiosk in kiosks)

    after = demo.file
    assert (after.sites, after.accounts, after.devices, after.employees) == (
        before.sites,
        before.accounts,
        before.devices,
        before.employees,
    )
    assert after.url == before.url
    assert files.keys() == {"demo.json", "hub.env"}
    await recorded_once_and_in_order(demo, kiosks)
    for kiosk in kiosks:
        async with connect_device(demo.ws_url, kiosk.device) as connection:
            again = await record_all(connection, kiosk.punches)
        for answers, outcome in zip(kiosk.answers, again, strict=True):
            assert [lasting(answer) for answer in answers] == [lasting(outcome)] * len(answers)
    token = await SignIns(demo.url).token(after.account("admin"))
    await board_equals_log(demo, demo.ws_url, token)


def server_of(demo: RunningDemo, program: str) -> int | None:
    """The process id of the demo's own server of this name, if it runs."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = process.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            line = process.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == demo.process.process.pid and program.encode() in line.split(b"\0")[0]:
            return int(process.name)
    return None


async def test_a_server_that_was_killed_is_started_again(start_demo: StartDemo) -> None:
    """The hub lives on without Valkey, and without PostgreSQL until it is back; nothing answered is lost."""
    demo = start_demo(0)
    device = demo.file.spares[0]
    async with connect_device(demo.ws_url, device) as kiosk:
        journal = Journal.of(device, kiosk.welcome["device"])
        punches = [journal.punch(badge(person)) for person in demo.file.employees[:3]]
        first = await record_all(kiosk, punches[:1])
        for program, punch in (("valkey", punches[1]), ("postgres", punches[2])):
            killed = server_of(demo, program)
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            async with asyncio.timeout(30):
                while server_of(demo, program) in (None, killed):
                    await asyncio.sleep(0.1)
                while (await kiosk.ask("punch.record", **punch.fields()))["type"] == "error":
                    await asyncio.sleep(0.2)
        again = await record_all(kiosk, punches)
    assert lasting(again[0]) == lasting(first[0])
    assert all(outcome["duplicate"] for outcome in again)
    assert demo.process.alive
