"""A hub killed with -9 again and again while 20 devices send: nothing lost, nothing twice, boards as the log says."""

import asyncio
import random
import time
from datetime import timedelta

import pytest

from tests.contract.connection import connect, connect_device
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge, number_and_pin
from tests.contract.primitives import Message, ago
from tests.contract.punching import lasting, record_all
from tests.contract.tokens import SignIns, assertion
from tests.faults.database import add_devices, retire_devices
from tests.faults.journal_check import board_equals_log, recorded_once_and_in_order
from tests.faults.sending_kiosk import SendingKiosk
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

DEVICES = 20
PUNCHES_PER_DEVICE = 100
CROWD = 45
KILLS = 8
TEST_SECONDS = 300


async def a_kiosk(hub: ServingHub, device: DeviceKey, dice: random.Random, crowd: list[Employee]) -> SendingKiosk:
    """A device with its punches already on disk, signed one after the other over the last hours."""
    async with connect(hub.ws_url) as connection:
        welcome = await connection.authenticate(assertion(device, connection.hello))
    journal = Journal.of(device, welcome["device"])
    happened = ago(hours=6)
    punches = []
    for _ in range(PUNCHES_PER_DEVICE):
        happened += timedelta(seconds=dice.uniform(10, 200))
        kind = dice.choice(["auto", "auto", "in", "out", "break_start", "break_end"])
        captured = dice.choice(["online", "offline"])
        roll = dice.random()
        if roll < 0.85:
            credential: Message = badge(dice.choice(crowd))
        elif roll < 0.90:
            credential = number_and_pin(dice.choice(crowd))
        else:
            credential = {"badge": f"NOBODY{dice.randrange(10**8):08}"}
        punches.append(journal.punch(credential, kind=kind, at=happened, captured=captured))
    return SendingKiosk(device, punches, in_flight=dice.randint(1, 16), pause_seconds=dice.uniform(0.0, 0.1))


class Killer:
    """Kills the hub each time the answers pass one of its marks, and starts another on the same port."""

    def __init__(self, demo: RunningDemo, hub: ServingHub, dice: random.Random) -> None:
        self.demo, self.hub, self._dice = demo, hub, dice
        total = DEVICES * PUNCHES_PER_DEVICE
        self._marks = sorted(dice.sample(range(20, total - 100), KILLS))
        self.answered = 0
        self.kills = 0
        self._news = asyncio.Event()

    def count(self) -> None:
        self.answered += 1
        self._news.set()

    async def run(self) -> None:
        for mark in self._marks:
            while self.answered < mark:
                self._news.clear()
                await self._news.wait()
            await asyncio.sleep(self._dice.uniform(0, 0.05))
            self.hub.kill()
            self.kills += 1
            self.hub = self.demo.begin_hub(self.hub.port)
            await asyncio.to_thread(self.hub.wait_ready)


async def test_kill_9_loses_nothing_and_records_nothing_twice(demo: RunningDemo, sign_ins: SignIns) -> None:
    seed = int(time.time())
    print(f"seed {seed}")
    dice = random.Random(seed)
    crowd = [demo.take_employee() for _ in range(CROWD)]
    devices = await add_devices(demo, DEVICES)
    first_hub = demo.start_hub()
    killer = Killer(demo, first_hub, dice)
    kiosks = [await a_kiosk(first_hub, device, dice, crowd) for device in devices]
    for kiosk in kiosks:
        kiosk.on_answer = killer.count
    begun = time.monotonic()
    async with asyncio.timeout(TEST_SECONDS), asyncio.TaskGroup() as group:
        killing = group.create_task(killer.run())
        for kiosk in kiosks:
            group.create_task(kiosk.run(first_hub.ws_url))
    assert killing.done()
    connections = sum(kiosk.connections for kiosk in kiosks)
    print(f"{killer.answered} answers in {time.monotonic() - begun:.1f} s, {killer.kills} kills, {connections} sockets")
    assert killer.kills == KILLS

    await recorded_once_and_in_order(demo, kiosks)
    for kiosk in kiosks:  # on the hub that was never killed, and on the last one that was started
        for ws_url in (demo.ws_url, killer.hub.ws_url):
            async with connect_device(ws_url, kiosk.device) as connection:
                again = await record_all(connection, kiosk.punches)
            assert all(outcome["duplicate"] for outcome in again)
            for answers, outcome in zip(kiosk.answers, again, strict=True):
                assert [lasting(answer) for answer in answers] == [lasting(outcome)] * len(answers)
    token = await sign_ins.token(demo.file.account("admin"))
    for ws_url in (demo.ws_url, killer.hub.ws_url):
        await board_equals_log(demo, ws_url, token)
    await retire_devices(demo, devices)
