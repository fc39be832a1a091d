"""(c) From a punch to the boards, at half load, through one hub and through two; and what two of them take together.

Half load is half of what the same kiosks got through one hub a moment before. The time runs from the kiosk's send to
the arrival of that change at each board that reads: socket, checks, commit, bell and push are all in it. With two
hubs the kiosks of each site and the boards are spread over both, so half of the changes come by way of Redis.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from statistics import median
from typing import Final

from tests.benchmarks.arena import Arena, Hub, settle
from tests.benchmarks.figures import Result, Row, between, count, ratio
from tests.benchmarks.parts import contestants
from tests.benchmarks.parts.servers import client_of
from tests.benchmarks.processes import Child

PART: Final = "latency"
KIOSKS: Final = 50
TOTAL: Final = 10_000
PACED_SECONDS: Final = 5.0
BOARDS: Final = 20
READING_BOARDS: Final = 4


async def measure(arena: Arena, rounds: int, say: Callable[[str], None]) -> Result:
    throughput: dict[str, list[float]] = defaultdict(list)
    waits: dict[str, list[dict[str, float]]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        first, second = [await enter(arena.hub(f"hub-{name}")) for name in ("first", "second")]
        ways = {"one hub": [first], "two hubs": [first, second]}
        held = await contestants.devices(arena, KIOSKS)
        clients = {
            name: await enter(contestants.kiosks(arena, name.replace(" ", "-"), [hub.ws_url for hub in hubs], held))
            for name, hubs in ways.items()
        }
        boards: dict[str, list[Child]] = {}
        for name, hubs in ways.items():
            boards[name] = [await _boards(arena, stack, hub, f"{name} {place}") for place, hub in enumerate(hubs)]
        for _ in range(rounds):
            for name, client in clients.items():
                await _prepare(arena, client, TOTAL)
                turn = await contestants.timed(arena, client, TOTAL, "run")
                throughput[name].append(turn["per_second"])
            half = throughput["one hub"][-1] / 2
            for name, client in clients.items():
                waits[name].append(await _paced(arena, client, boards[name], half))
            say(
                ", ".join(
                    f"{name} {count(throughput[name][-1])}/s, p99 {waits[name][-1]['p99_ms']:.0f} ms" for name in ways
                )
            )
    return Result(part=PART, raw={"per_second": throughput, "waits": waits}, rows=_rows(throughput, waits))


async def _boards(arena: Arena, stack: AsyncExitStack, hub: Hub, name: str) -> Child:
    client = await client_of(arena, name, hub.ws_url, "hub")
    stack.push_async_callback(client.stop)
    sites = [str(site_id) for site_id in arena.busy_sites]
    await client.ask("connect", count=BOARDS, token=await arena.token(hub), site_ids=sites)
    return client


async def _prepare(arena: Arena, client: Child, total: int) -> None:
    arena.turn = (await client.ask("prepare", each=total // KIOSKS, turn=arena.turn))["turn"]
    await settle()


async def _paced(arena: Arena, client: Child, boards: Sequence[Child], per_second: float) -> dict[str, float]:
    await _prepare(arena, client, int(per_second * PACED_SECONDS))
    for child in boards:
        await child.ask("sample", boards=READING_BOARDS)
    answer = await client.ask("pace", per_second=per_second)
    await asyncio.sleep(0.5)
    seen = [await child.ask("seen") for child in boards]
    for child in boards:
        await child.ask("sample", boards=0)
    return {"per_second": per_second, **between(answer["sent"], seen)}


def _rows(throughput: dict[str, list[float]], waits: dict[str, list[dict[str, float]]]) -> list[Row]:
    def middle(name: str, figure: str) -> float:
        return median(wait[figure] for wait in waits[name])

    rows = [
        Row(
            part=PART,
            what=f"punch to board at half load, {name}",
            measured=f"p50 {middle(name, 'p50_ms'):.0f} ms, p99 {middle(name, 'p99_ms'):.0f} ms",
            beside=f"{count(middle(name, 'per_second'))} punches a second, {BOARDS} boards at each hub",
        )
        for name in waits
    ]
    gain = ratio(throughput["two hubs"], throughput["one hub"])
    rows.append(
        Row(
            part=PART,
            what="punches a second through two hubs",
            measured=f"{count(median(throughput['two hubs']))}: {gain:.2f} × one hub",
            beside=f"one hub {count(median(throughput['one hub']))}",
            asked="≥ 1.6 × where cores allow",
            met=True if gain >= 1.6 else (False if contestants.CORES > 4 else None),
            limit=f"all {contestants.CORES} cores, shared with clients and PostgreSQL",
        )
    )
    return rows
