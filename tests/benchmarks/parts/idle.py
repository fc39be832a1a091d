"""(d) What boards cost that nothing happens on: memory of each, and the traffic that keeps 5,000 of them alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tests.benchmarks.arena import Arena
from tests.benchmarks.figures import Result, Row, slope
from tests.benchmarks.other_hub import other_hub
from tests.benchmarks.parts.servers import hub_boards
from tests.benchmarks.processes import Meter, profiled

PART: Final = "idle"
STEPS: Final = (1_000, 2_000, 3_000, 4_000, 5_000)
"""The first thousand is where the slope begins: what a hub allocates once is then allocated."""
SETTLE_SECONDS: Final = 1.0
REST_SECONDS: Final = 25.0
"""A ping of every board falls into it, and five heads."""


async def measure(arena: Arena, _rounds: int, say: Callable[[str], None]) -> Result:
    points: list[tuple[float, float]] = []
    async with (
        arena.hub("hub-idle", pinned=True) as hub,
        other_hub(arena, arena.quiet_site) as other,
        hub_boards(arena, hub, arena.quiet_site, other) as boards,
    ):
        with Meter(hub=hub.child.cpu_seconds) as alone:
            await asyncio.sleep(5)
        for boards_now in STEPS:
            await boards.connect(boards_now)
            await asyncio.sleep(SETTLE_SECONDS)
            points.append((boards_now, hub.child.resident_bytes))
        say(f"{STEPS[-1]} boards: {slope(points) / 1_000:.1f} KB each; resting for {REST_SECONDS:.0f} s")
        before = await boards.client.ask("counts")
        with (
            profiled(hub.child, "rest"),
            Meter(hub=hub.child.cpu_seconds, clients=boards.client.cpu_seconds) as rest,
        ):
            await asyncio.sleep(REST_SECONDS)
        after = await boards.client.ask("counts")
    share, base = rest.share("hub"), alone.share("hub")
    frames = (after["frames"] - before["frames"]) / rest.seconds
    say(f"heads and pings: {share:.1%} of a core, of which {base:.1%} also without boards")
    raw: dict[str, object] = {
        "resident_bytes": points,
        "share_at_rest": share,
        "share_without_boards": base,
        "frames_per_second": frames,
        "closed": after["closed"],
    }
    kilobytes = slope(points) / 1_000
    return Result(
        part=PART,
        raw=raw,
        rows=[
            Row(
                part=PART,
                what="memory of an idle board (slope of the hub's resident size, 1,000 to 5,000)",
                measured=f"{kilobytes:.1f} KB",
                asked="≤ 20 KB",
                met=kilobytes <= 20,
            ),
            Row(
                part=PART,
                what=f"{STEPS[-1]:,} boards at rest: pings, pongs and a head every 5 s",
                measured=f"{share - base:.1%} of a core",
                beside=f"{frames:,.0f} frames a second; {base:.1%} more without any board",
                asked="≤ 3 % of a core",
                met=share - base <= 0.03,
            ),
        ],
    )
