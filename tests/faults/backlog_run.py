"""A backlog of one kiosk beside live punches of others: what the others wait, what hub and kiosk hold."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from kiosk.identity import Identity
from protocol.replies import SealingKey
from protocol.values import to_binary
from tests.builders import badge_of
from tests.contract.connection import connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal
from tests.contract.punching import record
from tests.faults.backlog import BacklogKiosk, filled
from tests.faults.own_place import OwnPlace, figures
from tests.running_hub import ServingHub

LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class BacklogFigures:
    punches: int
    seconds: float
    quiet_ms: list[float]
    """From sending a live punch to its answer, before the backlog."""
    live_ms: list[float]
    """The same while it came in."""
    hub_before_bytes: float
    hub_peak_bytes: float
    kiosk_peak_bytes: float

    def __str__(self) -> str:
        live, quiet = sorted(self.live_ms), sorted(self.quiet_ms)
        p99 = live[int(len(live) * 0.99)]
        hub = f"{self.hub_before_bytes / 1e6:.0f} → {self.hub_peak_bytes / 1e6:.0f} MB"
        return (
            f"a backlog of {self.punches}: {self.punches / self.seconds:.0f} punches a second; {len(live)} live ones "
            f"beside it p50 {statistics.median(live):.0f} ms, p99 {p99:.0f} ms, worst {live[-1]:.0f} ms "
            f"(without it p50 {statistics.median(quiet):.0f} ms); hub {hub}, kiosk {self.kiosk_peak_bytes / 1e6:.0f} MB"
        )


async def backlog_beside_live(
    place: OwnPlace, hub: ServingHub, folder: Path, *, punches: int, live_kiosks: int
) -> BacklogFigures:
    """Raises AssertionError unless each punch of the backlog is recorded, once and in order."""
    device, *others = place.devices[: live_kiosks + 1]
    async with connect_device(hub.ws_url, device) as connection:
        keys = [SealingKey(**key) for key in connection.welcome["device"]["sealing_keys"]]
    people = [badge_of(one) for one in place.company.employees]
    identity = Identity.of(device.device_id, to_binary(device.private_key))
    half = len(people) // 2
    await filled(folder, identity, max(keys, key=lambda key: key.not_after), people[half:], punches)
    ended = asyncio.Event()
    quiet_ms: list[float] = []
    live_ms: list[float] = []
    into = quiet_ms

    async def live(other: DeviceKey, badges: list[str]) -> None:
        async with connect_device(hub.ws_url, other) as connection:
            journal = Journal.of(other, connection.welcome["device"])
            while not ended.is_set():
                for badge in badges:
                    if ended.is_set():
                        return
                    punch = journal.punch({"badge": badge})
                    begun = time.monotonic()
                    await record(connection, punch)
                    into.append((time.monotonic() - begun) * 1_000)
                    await asyncio.sleep(0.1)

    peak = before = (await figures(hub))["process_resident_memory_bytes"]
    kiosk: BacklogKiosk | None = None
    try:
        async with asyncio.TaskGroup() as group:
            share = half // len(others)
            for number, other in enumerate(others):
                group.create_task(live(other, people[number * share : (number + 1) * share]))
            await asyncio.sleep(1)
            into = live_ms
            kiosk = await BacklogKiosk.begin(folder, hub.url)
            finishing = asyncio.create_task(kiosk.finished())
            while not finishing.done():
                peak = max(peak, (await figures(hub))["process_resident_memory_bytes"])
                await asyncio.wait([finishing], timeout=LOOK_SECONDS)
            told = await finishing
            ended.set()
    finally:
        if kiosk is not None:
            kiosk.kill()
    await _all_recorded(place, device, punches)
    return BacklogFigures(punches, told["seconds"], quiet_ms, live_ms, before, peak, told["peak_bytes"])


async def _all_recorded(place: OwnPlace, device: DeviceKey, punches: int) -> None:
    reader = await asyncpg.connect(place.dsns.reader)
    try:
        seqs = await reader.fetchval(
            "SELECT array_agg(seq ORDER BY recorded_at, seq) FROM punches WHERE device_id = $1 AND log_id ="
            " (SELECT log_id FROM devices WHERE device_id = $1)",
            device.device_id,
        )
    finally:
        await reader.close()
    assert seqs == list(range(1, punches + 1))
