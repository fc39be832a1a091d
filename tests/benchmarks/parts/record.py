"""(e) A record of ten million punches against an empty one: does anything that a hub does all day grow with it?

Two databases of one PostgreSQL, a hub on each, taking turns: durable punches, a kiosk's welcome with its journal,
and a board's first state. `BENCH_RECORD_PUNCHES` sets another size.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from storage.bootstrap import DatabaseDsns
from storage.embedded import EmbeddedValkey
from tests.benchmarks.arena import Arena, Hub, named, settle
from tests.benchmarks.clients.kiosks import Device
from tests.benchmarks.figures import Result, Row, count, ratio
from tests.benchmarks.filling import fill
from tests.benchmarks.parts import contestants
from tests.benchmarks.parts.servers import client_of
from tests.benchmarks.processes import Child

PART: Final = "record"
PUNCHES: Final = int(os.environ.get("BENCH_RECORD_PUNCHES", "10000000"))
KIOSKS: Final = 50
TOTAL: Final = 10_000
SNAPSHOTS: Final = 20
DAYS_AGO: Final = 4
"""What is punched here happened lately: the months before have nothing to do with it."""


@dataclass(slots=True)
class Side:
    """One of the two databases with its hub and clients."""

    kiosks: Child
    boards: Child
    hub: Hub
    turn: int = 0


async def measure(arena: Arena, rounds: int, say: Callable[[str], None]) -> Result:
    dsns = {name: await arena.fresh_database(name) for name in ("record_empty", "record_full")}
    held = await contestants.devices(arena, KIOSKS, *dsns.values())
    began = time.monotonic()
    stands = await fill(named(arena.postgres.superuser_dsn, "record_full"), PUNCHES, say)
    filled_seconds = time.monotonic() - began
    say(f"{stands:,} punches after {filled_seconds:.0f} s")
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    async with AsyncExitStack() as stack:
        sides = {name: await _side(arena, stack, name, dsns[name], held) for name in dsns}
        for _ in range(rounds):
            for name, side in sides.items():
                await _round(arena, side, found[name])
            say(", ".join(f"{name} {count(found[name]['per_second'][-1])}/s" for name in sides))
    raw: dict[str, Any] = {"punches": stands, "filled_seconds": filled_seconds, **found}
    return Result(part=PART, raw=raw, rows=_rows(stands, found["record_full"], found["record_empty"]))


async def _side(arena: Arena, stack: AsyncExitStack, name: str, dsns: DatabaseDsns, held: list[Device]) -> Side:
    # The two have the same sites and epoch: on one Valkey each would hear the other's bells.
    valkey = await stack.enter_async_context(EmbeddedValkey(arena.folder / f"valkey-{name}"))
    hub = await stack.enter_async_context(arena.hub(f"hub-{name}", dsns=dsns, redis_url=valkey.url))
    kiosks = await stack.enter_async_context(contestants.kiosks(arena, name, [hub.ws_url], held, days_ago=DAYS_AGO))
    boards = await client_of(arena, name, hub.ws_url, "hub")
    stack.push_async_callback(boards.stop)
    await boards.ask("connect", count=0, token=await arena.token(hub), site_ids=[str(arena.quiet_site)])
    return Side(kiosks, boards, hub)


async def _round(arena: Arena, side: Side, found: dict[str, list[float]]) -> None:
    side.turn = (await side.kiosks.ask("prepare", each=TOTAL // KIOSKS, turn=side.turn))["turn"]
    await settle()
    run = await contestants.timed(arena, side.kiosks, TOTAL, "run", server=side.hub.child)
    welcomes = await side.kiosks.ask("welcomes")
    snapshots = await side.boards.ask("snapshots", count=SNAPSHOTS)
    found["per_second"].append(run["per_second"])
    found["cpu_us"].append(run["cpu_us"])
    found["postgres_us"].append(run["postgres_us"])
    found["welcome_ms"].append(median(welcomes["seconds"]) * 1_000)
    found["snapshot_ms"].append(median(snapshots["seconds"]) * 1_000)


def _rows(stands: int, full: dict[str, list[float]], empty: dict[str, list[float]]) -> list[Row]:
    size = f"{stands / 1e6:.3g} million punches in the record"
    rows = [
        Row(
            part=PART,
            what=f"{size}: durable punches a second",
            measured=f"{count(median(full['per_second']))}: "
            f"{ratio(full['per_second'], empty['per_second']):.2f} × an empty record",
            beside=f"empty {count(median(empty['per_second']))}; PostgreSQL's CPU each "
            f"{median(full['postgres_us']):.0f} against {median(empty['postgres_us']):.0f} µs",
        )
    ]
    for figure, what in (
        ("welcome_ms", "a kiosk's welcome with its journal"),
        ("snapshot_ms", "a board's first state"),
    ):
        rows.append(
            Row(
                part=PART,
                what=f"{size}: {what}",
                measured=f"{median(full[figure]):.1f} ms: {ratio(full[figure], empty[figure]):.2f} × an empty record",
                beside=f"empty {median(empty[figure]):.1f} ms",
            )
        )
    return rows
