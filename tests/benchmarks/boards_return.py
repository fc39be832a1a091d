"""Thousands of boards after their hub's death: how long until all are steady again, and what it costs the hub.

    python -m tests.benchmarks.boards_return [--boards 5000] [--people 240] [--to restarted|second] [--profile FILE]

The hub is killed with -9 while people punch at another one. `restarted`: it is started again at once, on its port.
`second`: the other one takes all boards beside its punches. Boards wait as the contract says (full jitter, doubling to
30 s). Steady means: each board resumed, and shows what a fresh
state shows. The clients are processes of their own; CPU is read from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks.machine import cpu_seconds
from tests.builders import badge_of
from tests.contract.connection import connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.punching import record
from tests.faults.crowd import Crowd, digest_of
from tests.faults.own_place import OwnPlace, figures
from tests.running_hub import ServingHub

PROCESSES: Final = 2
PUNCHES_PER_SECOND: Final = 2
STEADY_SECONDS: Final = 120.0
SETTLE_SECONDS: Final = 5.0


async def punching(place: OwnPlace, hub: ServingHub, counted: list[int]) -> None:
    """A kiosk's people come and go, until cancelled."""
    device = place.devices[0]
    async with connect_device(hub.ws_url, device) as kiosk:
        journal = Journal.of(device, kiosk.welcome["device"])
        while True:
            await record(kiosk, journal.punch({"badge": badge_of(place.person(device.site_id))}))
            counted[0] += 1
            await asyncio.sleep(1 / PUNCHES_PER_SECOND)


async def measure(options: argparse.Namespace) -> None:
    place = await OwnPlace.open(people=options.people, devices=1, sites=1)
    try:
        first, other = await place.start_hub(), await place.start_hub()
        token_file = place.folder / "token"
        token_file.write_text(await place.token(other))
        urls = [first.ws_url] if options.to == "restarted" else [first.ws_url, other.ws_url]
        begun = time.perf_counter()
        crowds = [await Crowd.begin(urls, options.boards // PROCESSES, token_file) for _ in range(PROCESSES)]
        try:
            for crowd in crowds:
                await crowd.line()
            print(
                f"{options.boards} boards of {options.people} people began within {time.perf_counter() - begun:.1f} s; "
                f"hub {cpu_seconds(first.process.pid):.1f} s CPU"
            )
            await after_death(place, first, other, crowds, options)
        finally:
            for crowd in crowds:
                await crowd.end()
    finally:
        await place.close()


async def after_death(
    place: OwnPlace, first: ServingHub, other: ServingHub, crowds: list[Crowd], options: argparse.Namespace
) -> None:
    counted = [0]
    kiosk = asyncio.create_task(punching(place, other, counted))
    await asyncio.sleep(SETTLE_SECONDS)
    for crowd in crowds:
        await crowd.report()
    killed_at = time.monotonic()
    first.kill()
    taker, ready_after = other, 0.0
    before = cpu_seconds(other.process.pid)
    if options.to == "restarted":
        taker = place.begin_hub(port=first.port)
        await asyncio.to_thread(taker.wait_ready)
        before = cpu_seconds(taker.process.pid)
        ready_after = time.monotonic() - killed_at
    profiler = profile(taker, options.profile)
    back: list[float] = []
    closes: Counter[str] = Counter()
    sums = {"attempts": 0, "resumed": 0, "snapshots": 0}
    steady_cpu = 0.0
    while len(back) < options.boards and time.monotonic() - killed_at < STEADY_SECONDS:
        await asyncio.sleep(1)
        for crowd in crowds:
            told = await crowd.report()
            back += told["back_at"]
            closes.update(told["closes"])
            closes.update(told["errors"])
            for name in sums:
                sums[name] += told[name]
        steady_cpu = cpu_seconds(taker.process.pid) - before
    kiosk.cancel()
    await asyncio.gather(kiosk, return_exceptions=True)
    if profiler is not None:
        profiler.wait(60)
    steady = max(back) - killed_at
    print(
        f"killed -9, boards to {'the hub started again' if options.to == 'restarted' else 'another hub'}"
        + (f" (ready after {ready_after:.1f} s)" if ready_after else "")
        + f": all {len(back)} steady {steady:.1f} s after the kill, half of them after "
        f"{statistics.median(back) - killed_at:.1f} s; {sums['attempts']} attempts, {sums['resumed']} resumed, "
        f"{sums['snapshots']} given a fresh state; the taking hub used {steady_cpu:.1f} s CPU until then "
        f"({steady_cpu / options.boards * 1e6:.0f} µs a board); {counted[0]} punches meanwhile"
    )
    print(f"connections that ended, by close code (None: refused or broken off), and errors: {dict(closes)}")
    await equal(place, taker, crowds, options)


async def equal(place: OwnPlace, taker: ServingHub, crowds: list[Crowd], options: argparse.Namespace) -> None:
    """Raises AssertionError unless all boards show what a fresh state shows."""
    async with connect_person(taker.ws_url, await place.token(taker)) as person:
        fresh = await person.watch()
    (site,) = fresh.sites.values()
    deadline = time.monotonic() + 20
    while True:
        told = [await crowd.report() for crowd in crowds]
        if all(one["lowest"] == one["highest"] == site.offset for one in told) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    digests = {digest for one in told for digest in one["digests"]}
    assert sum(sum(one["digests"].values()) for one in told) == options.boards
    assert digests == {digest_of(fresh)}, (len(digests), [(one["lowest"], one["highest"]) for one in told], site.offset)
    held = await figures(taker)
    print(
        f"equal: all {options.boards} boards show what a fresh state shows, at offset {site.offset}; "
        f"the hub holds {held['process_resident_memory_bytes'] / 1e6:.0f} MB"
    )


def profile(hub: ServingHub, target: Path | None) -> subprocess.Popen[bytes] | None:
    """Where the hub's time goes in the ten seconds from now on (py-spy, installed by hand)."""
    if target is None:
        return None
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(hub.process.pid)]
    command += ["--format", "raw", "--output", str(target), "--duration", "10"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=5_000)
    parser.add_argument("--people", type=int, default=240, help="on the site's board (default: 240)")
    parser.add_argument("--to", choices=("restarted", "second"), default="restarted")
    parser.add_argument("--profile", type=Path, help="file for py-spy's samples of the hub that takes them")
    uvloop.run(measure(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
