"""(d) What boards cost that nothing happens on: memory of each, and the traffic that keeps 5,000 of them alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tests.benchmarks.arena import Arena
from tests.benchmarks.figures import Result, Row, slope
from tests.benchmarks.other_hub import other_hub
from tests.benchmarks.parts.servers import Boards, hub_boards
from tests.benchmarks.processes import Meter, profiled

PART: Final = "idle"
STEPS: Final = (1_000, 2_000, 3_000, 4_000, 5_000)
"""The first thousand is where the slope begins: what a hub allocates once is then allocated."""
SETTLE_SECONDS: Final = 1.0
MORE_THAN_A_HEAD_SECONDS: Final = 6.0
REST_SECONDS: Final = 25.0
"""A ping of every board falls into it, and five heads."""


async def _silent(boards: Boards) -> dict[str, int]:
    """Until no board gets a head any more and all was answered; the counts by then."""
    counts: dict[str, int] = await boards.client.ask("counts")
    while True:
        await asyncio.sleep(MORE_THAN_A_HEAD_SECONDS)
        before, counts = counts, await boards.client.ask("counts")
        if counts == before:
            return counts


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
        await boards.client.ask("unwatch")
        quiet_before = await _silent(boards)
        with Meter(hub=hub.child.cpu_seconds) as pinged:
            await asyncio.sleep(REST_SECONDS)
        quiet_after = await boards.client.ask("counts")
    share, base, pings = rest.share("hub"), alone.share("hub"), pinged.share("hub")
    frames = (after["frames"] - before["frames"]) / rest.seconds
    quiet_frames = (quiet_after["frames"] - quiet_before["frames"]) / pinged.seconds
    say(f"pings {pings:.1%} of a core, heads and pings {share:.1%}, of which {base:.1%} also without boards")
    say(f"{frames:.0f} frames a second with heads, {quiet_frames:.0f} without; {quiet_after['closed']} boards closed")
    raw: dict[str, object] = {
        "resident_bytes": points,
        "share_at_rest": share,
        "share_without_boards": base,
        "share_of_pings": pings,
        "frames_per_second": frames,
        "frames_per_second_of_pings": quiet_frames,
        "closed": quiet_after["closed"],
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
                what=f"heartbeats of {STEPS[-1]:,} boards that watch nothing: a ping each in 25 s, and its pong",
                measured=f"{pings - base:.1%} of a core",
                beside=f"{base:.1%} more without any board",
                asked="≤ 3 % of a core",
                met=pings - base <= 0.03,
            ),
            Row(
                part=PART,
                what="the same while they watch: also a head every 5 s",
                measured=f"{share - base:.1%} of a core",
                beside=f"{frames:,.0f} frames a second",
            ),
        ],
    )
