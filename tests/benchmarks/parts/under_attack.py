"""(f) What kiosks feel of an attack on their hub: the wait for their answers, with each attack and without, by turns.

The kiosks punch at a steady pace, far below what the hub takes. The hub has the limits that it has by default; the
attackers have an address for each attack, hold credentials where they flood, and come back at once when sent away.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from server.settings import Settings
from tests.benchmarks.arena import Arena, Hub, settle
from tests.benchmarks.figures import Result, Row, count, quantile
from tests.benchmarks.parts import contestants
from tests.benchmarks.processes import Child, Meter
from tests.running_hub import ONE_MACHINE

PART: Final = "under-attack"
KIOSKS: Final = 50
PER_SECOND: Final = 300
PACED_SECONDS: Final = 4.0
HALF_OPEN: Final = 2_000
FLOOD_PER_SECOND: Final = 10_000
PEACE: Final = "nobody attacks"
UNDER_WAY_SECONDS: Final = 1.0
_DEFAULTS: Final[dict[str, Any]] = {
    field.name: field.default
    for field in dataclasses.fields(Settings)
    if f"ATTENDANCE_{field.name.upper()}" in ONE_MACHINE
}
"""What the arena sets out of the way for crowds of honest clients."""


async def measure(arena: Arena, rounds: int, say: Callable[[str], None]) -> Result:
    waits: dict[str, list[dict[str, float]]] = defaultdict(list)
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async with arena.hub("hub-attacked", **_DEFAULTS) as hub:
        held = await contestants.devices(arena, KIOSKS)
        token = await arena.token(hub)
        attacks: dict[str, list[tuple[str, dict[str, object]]]] = {
            PEACE: [],
            f"{count(HALF_OPEN)} half-open handshakes": [("half_open", {"address": "127.0.0.2", "count": HALF_OPEN})],
            f"{count(HALF_OPEN)} requests that never end": [
                ("slow_headers", {"address": "127.0.0.3", "count": HALF_OPEN})
            ],
            f"{count(FLOOD_PER_SECOND)} messages a second on one socket": [
                ("flood", {"address": "127.0.0.4", "token": token, "per_second": FLOOD_PER_SECOND})
            ],
        }
        async with (
            contestants.kiosks(arena, "attacked", [hub.ws_url], held) as client,
            _attackers(arena, hub) as attackers,
        ):
            await _paced(arena, hub, client)  # the first one warms up
            for _ in range(rounds):
                for name, commands in attacks.items():
                    for command, arguments in commands:
                        await attackers.ask(command, **arguments)
                    await asyncio.sleep(UNDER_WAY_SECONDS)
                    waits[name].append(await _paced(arena, hub, client))
                    told[name].append(await attackers.ask("stop"))
                    say(
                        f"{name}: p50 {waits[name][-1]['p50_ms']:.1f} ms, p99 {waits[name][-1]['p99_ms']:.1f} ms, "
                        f"hub {waits[name][-1]['hub']:.0%} of a core"
                    )
    return Result(part=PART, raw={"waits": waits, "attackers": told}, rows=_rows(waits))


@asynccontextmanager
async def _attackers(arena: Arena, hub: Hub) -> AsyncIterator[Child]:
    place = urlsplit(hub.url)
    child = await Child.start(
        "attackers",
        "tests.benchmarks.clients.attackers",
        str(place.hostname),
        str(place.port),
        folder=arena.folder,
        cores=arena.cores.load,
    )
    try:
        yield child
    finally:
        await child.stop()


async def _paced(arena: Arena, hub: Hub, client: Child) -> dict[str, float]:
    arena.turn = (await client.ask("prepare", each=int(PER_SECOND * PACED_SECONDS) // KIOSKS, turn=arena.turn))["turn"]
    await settle()
    with Meter(hub=hub.child.cpu_seconds) as meter:
        answer = await client.ask("pace", per_second=PER_SECOND)
    in_ms = [wait * 1_000 for wait in answer["waits"]]
    return {
        "samples": len(in_ms),
        "p50_ms": quantile(in_ms, 0.5),
        "p99_ms": quantile(in_ms, 0.99),
        "hub": meter.share("hub"),
    }


def _rows(waits: dict[str, list[dict[str, float]]]) -> list[Row]:
    def said(name: str) -> str:
        p50, p99 = (median(wait[figure] for wait in waits[name]) for figure in ("p50_ms", "p99_ms"))
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    return [
        Row(
            part=PART,
            what=f"a kiosk's wait for its answer, under {name}",
            measured=said(name),
            beside=f"{PEACE}: {said(PEACE)}",
        )
        for name in waits
        if name != PEACE
    ]
