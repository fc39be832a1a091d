"""First figures of one hub on this machine: durable punches of pre-signed kiosks, and deliveries to many boards.

    python -m tests.benchmarks.first_figures [--kiosks 50] [--punches 200] [--boards 1000] [--profile DIR]

The hub is a process of its own beside the demo's servers; its CPU time is read from /proc, so what the clients
and the servers use isn't counted as the hub's. All of them share the machine: take ratios, not absolutes. With
`--profile` py-spy (to be installed by hand) writes where the hub's time went into DIR.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import aiohttp
import uvloop

from server.secrets.local import open_key_file
from storage.models import Employee
from storage.repositories import enrolment
from tests.contract.connection import SUBPROTOCOL, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, Punch
from tests.contract.primitives import moment, now
from tests.contract.tokens import assertion, login
from tests.faults.database import add_devices, as_migrator
from tests.running_hub import RunningDemo, ServingHub

IN_FLIGHT: Final = 16
PEOPLE: Final = 4_000
HIRED: Final = "2020-01-01T00:00:00.000000Z"
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
BOARD_PUNCHES_PER_SECOND: Final = 40
BOARD_SECONDS: Final = 10


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


async def add_people(demo: RunningDemo) -> list[str]:
    """More people than the sample company has, so that a person punches as often as people do; their badges."""
    secrets = open_key_file(demo.data / "keys.json")
    badges = [f"BENCH{number:08d}" for number in range(PEOPLE)]
    departments = {UUID(employee.site_id): UUID(employee.department_id) for employee in demo.file.employees}
    sites = list(departments)
    people = [
        Employee(uuid4(), f"7{number:07d}", f"Bench {number}", site_id, departments[site_id], active=True, badges=1)
        for number, site_id in ((number, sites[number % len(sites)]) for number in range(PEOPLE))
    ]
    async with as_migrator(demo) as database, database.transaction():
        await enrolment.add_employees(database, people, moment(HIRED))
        pairs = [(secrets.badge_hash(badge), person.employee_id) for badge, person in zip(badges, people, strict=True)]
        await enrolment.assign_badges(database, pairs, moment(HIRED))
    return badges


@dataclass
class LightKiosk:
    """Sends prepared frames, `IN_FLIGHT` at a time, and counts answers without reading them."""

    socket: aiohttp.ClientWebSocketResponse[Any]
    frames: list[str]

    async def run(self) -> None:
        sent = answered = 0
        while answered < len(self.frames):
            while sent < len(self.frames) and sent - answered < IN_FLIGHT:
                await self.socket.send_str(self.frames[sent])
                sent += 1
            text = (await self.socket.receive()).data
            if '"error"' in text:
                raise RuntimeError(text)
            answered += text.count('"type":"punch.outcome"')


def frames(punches: list[Punch]) -> list[str]:
    return [
        json.dumps({"type": "punch.record", "id": number, **punch.fields()}, separators=(",", ":"))
        for number, punch in enumerate(punches, start=2)
    ]


async def prepare(
    hub: ServingHub, devices: list[DeviceKey], badges: list[str], each: int, *, hours_ago: int
) -> list[list[str]]:
    """Each device's frames, signed and sealed beforehand: people come and go, minutes apart."""
    prepared = []
    turn = count()
    begin = now() - timedelta(hours=hours_ago)
    for device in devices:
        async with connect_device(hub.ws_url, device) as connection:
            journal = Journal.of(device, connection.welcome["device"])
        punches = []
        for _ in range(each):
            number = next(turn)
            at = begin + timedelta(minutes=5 * (number // len(badges)), milliseconds=number)
            punches.append(journal.punch({"badge": badges[number % len(badges)]}, at=at))
        prepared.append(frames(punches))
    return prepared


async def welcomed(session: aiohttp.ClientSession, ws_url: str, token: str) -> aiohttp.ClientWebSocketResponse[Any]:
    socket = await session.ws_connect(ws_url, protocols=(SUBPROTOCOL,), max_msg_size=0)
    await socket.receive()
    await socket.send_json({"type": "auth", "id": 1, "token": token})
    await socket.receive()
    return socket


async def kiosk_socket(
    session: aiohttp.ClientSession, ws_url: str, device: DeviceKey
) -> aiohttp.ClientWebSocketResponse[Any]:
    socket = await session.ws_connect(ws_url, protocols=(SUBPROTOCOL,), max_msg_size=0)
    [hello] = json.loads((await socket.receive()).data)
    await socket.send_json({"type": "auth", "id": 1, "token": assertion(device, hello)})
    await socket.receive()
    return socket


async def durable_punches(demo: RunningDemo, hub: ServingHub, options: argparse.Namespace, badges: list[str]) -> None:
    devices = await add_devices(demo, options.kiosks)
    prepared = await prepare(hub, devices, badges, options.punches, hours_ago=8)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        kiosks = [
            LightKiosk(await kiosk_socket(session, hub.ws_url, device), mine)
            for device, mine in zip(devices, prepared, strict=True)
        ]
        profiler = profile(hub, options, "punches")
        before, own_before, began = cpu_seconds(hub.process.pid), time.process_time(), time.perf_counter()
        await asyncio.gather(*(kiosk.run() for kiosk in kiosks))
        elapsed = time.perf_counter() - began
        used, own = cpu_seconds(hub.process.pid) - before, time.process_time() - own_before
        end(profiler)
        total = options.kiosks * options.punches
        print(
            f"durable punches: {total} from {options.kiosks} kiosks, {IN_FLIGHT} in flight: {total / elapsed:,.0f}/s, "
            f"hub {used / total * 1e6:,.0f} µs CPU each ({used / elapsed:.0%} of a core), clients {own / elapsed:.0%}"
        )


async def deliveries(demo: RunningDemo, hub: ServingHub, options: argparse.Namespace, badges: list[str]) -> None:
    """The same punches with and without boards: what they cost more is the deliveries'."""
    [device] = await add_devices(demo, 1)
    token = (await login(hub.url, demo.file.account("admin")))["access_token"]
    total = BOARD_PUNCHES_PER_SECOND * BOARD_SECONDS
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        [mine] = await prepare(hub, [device], badges, 2 * total, hours_ago=2)
        kiosk = await kiosk_socket(session, hub.ws_url, device)
        alone = await paced(hub, kiosk, mine[:total])
        await kiosk.close()
        boards = []
        counted = [0]
        for _ in range(options.boards):
            board = await welcomed(session, hub.ws_url, token)
            await board.send_json({"type": "presence.watch", "id": 2, "site_ids": [device.site_id]})
            boards.append(board)
        kiosk = await kiosk_socket(session, hub.ws_url, device)
        readers = [asyncio.create_task(read(board, counted)) for board in boards]
        await asyncio.sleep(2)
        counted[0] = 0
        profiler = profile(hub, options, "boards")
        watched = await paced(hub, kiosk, mine[total:])
        end(profiler)
        await asyncio.sleep(0.5)
        for reader in readers:
            reader.cancel()
        cost = (watched - alone) / max(counted[0], 1)
        print(
            f"deliveries: {counted[0]:,} of {total} punches to {options.boards} boards at "
            f"{counted[0] / BOARD_SECONDS:,.0f}/s: hub {cost * 1e6:.1f} µs CPU a delivery "
            f"({watched:.2f} s against {alone:.2f} s without boards)"
        )


async def paced(hub: ServingHub, socket: aiohttp.ClientWebSocketResponse[Any], mine: list[str]) -> float:
    """Send at a fixed rate and read the answers; the hub's CPU seconds meanwhile."""

    async def answers() -> None:
        left = len(mine)
        while left:
            left -= (await socket.receive()).data.count('"type":"punch.outcome"')

    before = cpu_seconds(hub.process.pid)
    reading = asyncio.create_task(answers())
    began = time.perf_counter()
    for number, frame in enumerate(mine):
        await asyncio.sleep(max(0.0, began + number / BOARD_PUNCHES_PER_SECOND - time.perf_counter()))
        await socket.send_str(frame)
    await reading
    return cpu_seconds(hub.process.pid) - before


async def read(board: aiohttp.ClientWebSocketResponse[Any], counted: list[int]) -> None:
    while True:
        message = await board.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        counted[0] += message.data.count('"type":"presence.changed"')


def profile(hub: ServingHub, options: argparse.Namespace, name: str) -> subprocess.Popen[bytes] | None:
    if options.profile is None:
        return None
    target = options.profile / f"{name}.txt"
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(hub.process.pid)]
    command += ["--format", "raw", "--output", str(target), "--duration", "5"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(profiler: subprocess.Popen[bytes] | None) -> None:
    if profiler is not None:
        profiler.wait(30)


async def measure(demo: RunningDemo, hub: ServingHub, options: argparse.Namespace) -> None:
    badges = await add_people(demo)
    await durable_punches(demo, hub, options, badges)
    await deliveries(demo, hub, options, badges)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiosks", type=int, default=50)
    parser.add_argument("--punches", type=int, default=200, help="by each kiosk (default: 200)")
    parser.add_argument("--boards", type=int, default=1_000)
    parser.add_argument("--profile", type=Path, help="folder for py-spy's samples")
    options = parser.parse_args()
    demo = RunningDemo()
    try:
        hub = demo.start_hub()
        try:
            hub.wait_ready()
            uvloop.run(measure(demo, hub, options))
        finally:
            hub.stop()
    finally:
        demo.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
