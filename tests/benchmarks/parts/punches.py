"""(a) Durable punches: through a hub, without one (the ceiling), and through the naive design.

Seven contestants take turns in each round, each with frames that were signed and sealed before the clock started:
the hub with 50 and with 500 kiosks, 16 in flight at each; the ceiling; the naive design with as many kiosks; and the
hub and the group commit with the crypto taken out of both. Nothing is pinned but the clients, to the last cores:
hub, ceiling and PostgreSQL use what they find, as in life.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from statistics import median
from typing import Any, Final

from tests.benchmarks.arena import Arena, settle
from tests.benchmarks.figures import Bar, Result, Row, count, limit, ratio
from tests.benchmarks.parts import contestants
from tests.benchmarks.processes import sampled
from tests.benchmarks.shares import noted, shares, told

PART: Final = "punches"
TOTAL: Final = 10_000
FEW: Final = 50
MANY: Final = 500

SAMPLED: Final = (f"hub {FEW}", "hub without crypto")

Turns = dict[str, list[dict[str, Any]]]


async def measure(arena: Arena, rounds: int, say: Callable[[str], None]) -> Result:
    turns: Turns = defaultdict(list)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        hub = await enter(arena.hub("hub-punches"))
        bare_hub = await enter(arena.hub("hub-without-crypto", module="tests.benchmarks.hub_without_crypto"))
        naive, naive_url = await enter(contestants.naive(arena))
        ceiling = await enter(contestants.ceiling(arena, await contestants.devices(arena, FEW)))
        few = await contestants.devices(arena, FEW)
        many = await contestants.devices(arena, MANY)
        clear = await contestants.devices(arena, FEW)
        urls = [hub.ws_url]
        through = {
            f"hub {FEW}": (await enter(contestants.kiosks(arena, "few", urls, few)), hub.child, FEW),
            f"hub {MANY}": (await enter(contestants.kiosks(arena, "many", urls, many)), hub.child, MANY),
            "hub without crypto": (
                await enter(contestants.kiosks(arena, "clear", [bare_hub.ws_url], clear, crypto=False)),
                bare_hub.child,
                FEW,
            ),
            f"naive {FEW}": (
                await enter(contestants.kiosks(arena, "naive-few", [naive_url], few, naive=True)),
                naive,
                FEW,
            ),
            f"naive {MANY}": (
                await enter(contestants.kiosks(arena, "naive-many", [naive_url], many, naive=True)),
                naive,
                MANY,
            ),
        }
        alone: dict[str, dict[str, bool]] = {
            "ceiling": {"crypto": True, "appends_only": False},
            "group commit": {"crypto": False, "appends_only": False},
            "ceiling, appends only": {"crypto": True, "appends_only": True},
        }
        say("everyone is connected")
        for _ in range(rounds):
            for name, (client, server, kiosks) in through.items():
                prepared = await client.ask("prepare", each=TOTAL // kiosks, turn=arena.turn)
                arena.turn = prepared["turn"]
                await settle()
                turns[name].append(await contestants.timed(arena, client, TOTAL, "run", server=server))
            for name, variant in alone.items():
                prepared = await ceiling.ask("prepare", count=TOTAL, turn=arena.turn)
                arena.turn = prepared["turn"]
                await settle()
                turns[name].append(await contestants.timed(arena, ceiling, TOTAL, "run", variant))
            say(", ".join(f"{name} {count(seen[-1]['per_second'])}/s" for name, seen in turns.items()))
        parts = {}
        for name in SAMPLED:
            client, server, kiosks = through[name]
            arena.turn = (await client.ask("prepare", each=TOTAL // kiosks, turn=arena.turn))["turn"]
            profile = arena.folder / f"{name}.txt"
            with sampled(server, profile):
                await client.ask("run")
            parts[name] = shares(profile)
            say(f"{name}, sampled: {told(parts[name])}")
    return Result(
        part=PART,
        raw=dict(turns),
        rows=_rows(turns, {name: noted(of) for name, of in parts.items()}),
        bars=_bars(turns),
        shares={f"punches, {name}": of for name, of in parts.items()},
    )


def per_second(turns: Turns, name: str) -> list[float]:
    return [turn["per_second"] for turn in turns[name]]


def middle(turns: Turns, name: str, figure: str) -> float:
    return median(float(turn[figure]) for turn in turns[name])


def _limit(turns: Turns, name: str) -> str:
    shares = {part: middle(turns, name, part) for part in ("server", "clients", "postgres")}
    busy = middle(turns, name, "busy_cores")
    told = limit(
        {"hub": shares["server"], "client": shares["clients"], "PostgreSQL": shares["postgres"]},
        busy,
        contestants.CORES,
    )
    return f"{told} (hub {shares['server']:.0%}, PostgreSQL {shares['postgres']:.0%}, clients {shares['clients']:.0%})"


def _rows(turns: Turns, notes: Mapping[str, str]) -> list[Row]:
    ceiling = per_second(turns, "ceiling")
    rows = []
    for kiosks in (FEW, MANY):
        name = f"hub {kiosks}"
        ours = per_second(turns, name)
        naive = per_second(turns, f"naive {kiosks}")
        to_ceiling, to_naive = ratio(ours, ceiling), ratio(ours, naive)
        rows.append(
            Row(
                part=PART,
                what=f"durable punches a second, {kiosks} kiosks, 16 in flight",
                measured=f"{count(median(ours))}: {to_ceiling:.2f} × ceiling, {to_naive:.1f} × naive; "
                f"{middle(turns, name, 'cpu_us'):.0f} µs of the hub's CPU each",
                beside=f"ceiling {count(median(ceiling))} ({middle(turns, 'ceiling', 'cpu_us'):.0f} µs), "
                f"itself {ratio(ceiling, naive):.1f} × naive; naive {count(median(naive))} "
                f"({middle(turns, f'naive {kiosks}', 'cpu_us'):.0f} µs)",
                asked="≥ 0.6 × ceiling, ≥ 3 × naive",
                met=to_ceiling >= 0.6 and to_naive >= 3,
                limit=_limit(turns, name),
                note=notes.get(name, ""),
            )
        )
    bare, commit = per_second(turns, "hub without crypto"), per_second(turns, "group commit")
    to_commit = ratio(bare, commit)
    rows.append(
        Row(
            part=PART,
            what="the same with the crypto taken out of both, 50 kiosks",
            measured=f"{count(median(bare))}: {to_commit:.2f} × group commit; "
            f"{middle(turns, 'hub without crypto', 'cpu_us'):.0f} µs of the hub's CPU each",
            beside=f"group commit {count(median(commit))} ({middle(turns, 'group commit', 'cpu_us'):.0f} µs); "
            f"appends alone, with crypto, {count(median(per_second(turns, 'ceiling, appends only')))}",
            asked="≥ 0.5 × bare group commit",
            met=to_commit >= 0.5,
            limit=_limit(turns, "hub without crypto"),
            note=notes.get("hub without crypto", ""),
        )
    )
    return rows


def _bars(turns: Turns) -> list[Bar]:
    shown = {
        "ceiling": "ceiling: no hub, no socket",
        f"hub {FEW}": "attendance-hub, signed and sealed",
        f"naive {FEW}": "FastAPI, one INSERT each, no crypto",
    }
    return [
        Bar(
            group=f"durable punches a second, {FEW} kiosks (more is better)",
            name=told,
            value=median(per_second(turns, name)),
            label=count(median(per_second(turns, name))),
            ours=name == f"hub {FEW}",
        )
        for name, told in shown.items()
    ]
