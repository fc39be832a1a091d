"""(b) What one delivery costs: one change, one frame to each of 100, 1,000 and 5,000 boards; and coalesced.

The hub and its peers stay connected throughout and take turns in each round, so that all of them bear the same
machine. Servers have the first core, clients the others. Deliveries are frames that the boards got, CPU is that of
the server's process; the time runs from the bell until the last board has the change.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

from storage.bootstrap import DatabaseDsns
from tests.benchmarks.arena import Arena, settle
from tests.benchmarks.figures import Bar, Result, Row, count, ratio
from tests.benchmarks.other_hub import other_hub
from tests.benchmarks.parts.servers import OURS, Boards, everyone, hub_boards
from tests.benchmarks.processes import Meter, profiled, sampled
from tests.benchmarks.shares import noted, shares, told

PART: Final = "fan-out"
SIZES: Final = (100, 1_000, 5_000)
DELIVERIES: Final = 40_000
"""In one measurement; a quarter of it for python-socketio, which would take ten times as long."""
MOST_CHANGES: Final = 200
SAMPLED_TIMES: Final = 3

FLOW_BOARDS: Final = 1_000
FLOW_CHANGES_PER_SECOND: Final = 2_000
FLOW_SECONDS: Final = 6.0
READING_BOARDS: Final = 10

Say = Callable[[str], None]
Figures = dict[tuple[int, str], list[float]]
"""By number of boards and name of the server, one of each round."""


async def measure(arena: Arena, rounds: int, say: Say) -> Result:
    raw: dict[str, object] = {}
    cost: Figures = defaultdict(list)
    rate: Figures = defaultdict(list)
    load: dict[int, list[float]] = defaultdict(list)
    parts: dict[int, dict[str, float]] = {}
    async with everyone(arena) as servers:
        for size in SIZES:
            for boards in servers:
                await boards.connect(size)
            say(f"{size} boards at each of {len(servers)} servers")
            for _ in range(rounds):
                for boards in servers:
                    seen = await _broadcasts(boards, size)
                    cost[size, boards.name].append(seen["cost_us"])
                    rate[size, boards.name].append(seen["rate"])
                    if boards.name == OURS:
                        load[size].append(seen["client_share"])
            say(", ".join(f"{boards.name} {median(cost[size, boards.name]):.1f} µs" for boards in servers))
            parts[size] = await _shares(arena, servers[0], size)
            say(f"sampled: {told(parts[size])}")
    raw["cpu_us_per_delivery"] = {f"{name} {size}": values for (size, name), values in cost.items()}
    raw["deliveries_per_second"] = {f"{name} {size}": values for (size, name), values in rate.items()}
    # Its people move now: in the common database they would be ahead of the punches that other parts date back.
    dsns = await arena.fresh_database("flow")
    flows = [await _flow(arena, dsns) for _ in range(rounds)]
    say(f"coalesced: {median(flow['share'] for flow in flows):.0%} of a core, p99 {flows[-1]['p99_ms']:.0f} ms")
    raw["flow"] = flows
    rows = _rows(cost, rate, load, flows, {size: noted(of) for size, of in parts.items()})
    sampled_at = {f"fan-out to {size:,}": of for size, of in parts.items()}
    return Result(part=PART, raw=raw, rows=rows, bars=_bars(cost), shares=sampled_at)


async def _shares(arena: Arena, boards: Boards, size: int) -> dict[str, float]:
    profile = arena.folder / f"fan-out-{size}.txt"
    with sampled(boards.server, profile):
        for _ in range(SAMPLED_TIMES):
            await _broadcasts(boards, size)
    return shares(profile)


async def _broadcasts(boards: Boards, size: int) -> dict[str, float]:
    """Changes one after the other, the next when every board has the last."""
    deliveries = DELIVERIES // (4 if "socketio" in boards.name else 1)
    changes = max(2, min(MOST_CHANGES, deliveries // size))
    await _one(boards)  # whatever the first one after a pause costs more
    before = await boards.client.ask("counts")
    waited = 0.0
    with (
        profiled(boards.server, str(size)),
        Meter(server=boards.server.cpu_seconds, clients=boards.client.cpu_seconds) as meter,
    ):
        for _ in range(changes):
            waited += await _one(boards)
    after = await boards.client.ask("counts")
    frames = after["frames"] - before["frames"]
    if after["changes"] - before["changes"] != changes * size or after["closed"]:
        raise RuntimeError(f"{boards.name}: {after} after {before}, {changes} changes to {size} boards")
    await settle()
    return {
        "cost_us": meter.cpu["server"] / frames * 1e6,
        "rate": changes * size / waited,
        "client_share": meter.cpu["clients"] / waited,
    }


async def _one(boards: Boards) -> float:
    await boards.client.ask("expect", frames=1)
    rang = await boards.change()
    return float((await boards.client.answer())["at"]) - rang


async def _flow(arena: Arena, dsns: DatabaseDsns) -> dict[str, float]:
    """2,000 changes a second to 1,000 boards of one large site, from a hub of its own each time."""
    site_id = arena.busy_sites[0]
    async with (
        arena.hub("hub-flow", pinned=True, dsns=dsns) as hub,
        other_hub(arena, site_id, dsns) as other,
        hub_boards(arena, hub, site_id, other) as boards,
    ):
        await boards.connect(FLOW_BOARDS)
        await other.flow(FLOW_CHANGES_PER_SECOND, 1)
        await boards.client.ask("sample", boards=READING_BOARDS)
        before = await boards.client.ask("counts")
        with (
            profiled(boards.server, "flow"),
            Meter(server=boards.server.cpu_seconds, clients=boards.client.cpu_seconds) as meter,
        ):
            changes = await other.flow(FLOW_CHANGES_PER_SECOND, FLOW_SECONDS)
        after = await boards.client.ask("counts")
        await asyncio.sleep(1)
        report = await boards.client.ask("report")
        return {
            "share": meter.share("server"),
            "client_share": meter.share("clients"),
            "frames_per_second": (after["frames"] - before["frames"]) / meter.seconds,
            "megabytes_per_second": (after["bytes"] - before["bytes"]) / meter.seconds / 1e6,
            "changes_per_second": changes / meter.seconds,
            "closed": after["closed"],
            **report,
        }


def _rows(
    cost: Figures,
    rate: Figures,
    load: dict[int, list[float]],
    flows: list[dict[str, float]],
    notes: Mapping[int, str],
) -> list[Row]:
    _, floor, _, framework = names = list(dict.fromkeys(name for _, name in cost))
    return [
        *(_cost_row(cost, size, names, median(load[size]), notes.get(size, "")) for size in SIZES),
        _framework_row(cost, floor, framework),
        _rate_row(rate, names),
        _flow_row(flows),
    ]


def _cost_row(cost: Figures, size: int, names: list[str], clients: float, note: str) -> Row:
    to_floor = ratio(cost[size, OURS], cost[size, names[1]])
    return Row(
        part=PART,
        what=f"one change, one frame to each of {size:,} boards: hub CPU a delivery",
        measured=f"{median(cost[size, OURS]):.1f} µs: {to_floor:.2f} × picows",
        beside=", ".join(f"{name} {median(cost[size, name]):.1f}" for name in names[1:]) + " µs",
        asked="≤ 1.3 × picows' prebuilt frame",
        met=to_floor <= 1.3,
        limit=f"hub CPU (clients {clients:.0%} of their core)",
        note=note,
    )


def _framework_row(cost: Figures, floor: str, framework: str) -> Row:
    def told(name: str) -> str:
        return ", ".join(f"{ratio(cost[size, name], cost[size, framework]):.2f}" for size in SIZES)

    sizes = " and ".join((", ".join(f"{size:,}" for size in SIZES[:-1]), f"{SIZES[-1]:,}"))
    return Row(
        part=PART,
        what=f"the same beside python-socketio, {sizes} boards",
        measured=f"{told(OURS)} × its CPU",
        beside=f"{floor}: {told(floor)} ×",
        asked="≤ 0.1 ×",
        met=all(ratio(cost[size, OURS], cost[size, framework]) <= 0.1 for size in SIZES),
    )


def _rate_row(rate: Figures, names: list[str]) -> Row:
    def told(name: str) -> str:
        return ", ".join(count(median(rate[size, name])) for size in SIZES)

    return Row(
        part=PART,
        what="deliveries a second to as many boards, from the bell to the last",
        measured=told(OURS),
        beside="; ".join(f"{name} {told(name)}" for name in names[1:]),
        limit="the rest that the hub takes behind each round of writes, as its length has it",
    )


def _flow_row(flows: list[dict[str, float]]) -> Row:
    def middle(figure: str) -> float:
        return median(flow[figure] for flow in flows)

    return Row(
        part=PART,
        what=f"{FLOW_CHANGES_PER_SECOND:,} changes a second to {FLOW_BOARDS:,} boards, coalesced",
        measured=f"{middle('share'):.0%} of a core, p50 {middle('p50_ms'):.0f} ms, p99 {middle('p99_ms'):.0f} ms",
        beside=f"{count(middle('frames_per_second'))} frames, {middle('megabytes_per_second'):.0f} MB a second",
        asked="≤ 60 % of a core, p99 < 150 ms",
        met=middle("share") <= 0.6 and middle("p99_ms") < 150 and middle("changes_per_second") > 1_900,
        limit=f"the rate that is set (clients {middle('client_share'):.0%} of their core)",
    )


def _bars(cost: Figures) -> list[Bar]:
    return [
        Bar(
            group="CPU a delivery, one frame to each of 1,000 boards (µs, less is better)",
            name=name,
            value=median(values),
            label=f"{median(values):.1f} µs",
            ours=name == OURS,
        )
        for (size, name), values in cost.items()
        if size == 1_000
    ]
