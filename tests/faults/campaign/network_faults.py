"""Faults of lines: cut, half-closed, truncated, stalled, delayed, answers swallowed. Each gives its proof."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.faults.campaign.proxy import Delay, Fault, FaultProxy, Line, Selects, Stall, Swallow, Truncate, Way
from tests.faults.campaign.schedule import Step
from tests.faults.campaign.world import World

PATIENCE_SECONDS: Final = 10.0
"""How long a fault waits for something to strike."""
ANSWERS: Final = {"kiosk-hub": b'"punch.outcome"', "hub-postgres": b"COMMIT\x00"}
"""What the answer to be swallowed is known by: a kiosk's outcome, PostgreSQL's word that a commit is done."""


class NetworkFaults:
    def __init__(self, world: World, dice: random.Random) -> None:
        self._world = world
        self._dice = dice

    async def strike(self, step: Step) -> tuple[str, Counter[str]]:
        """Target and proof, which is empty if nothing went by that could be struck."""
        harm, _, pair = step.kind.partition(" ")
        proxy, selects, target = self._lines_of(pair, step.choice)
        match harm:
            case "cut":
                return target, await _at_once(lambda: proxy.cut(selects))
            case "half-close":
                way = self._dice.choice(list(Way))
                return target, await _at_once(lambda: proxy.half_close(way, selects))
            case "truncate":
                fault: Fault = Truncate(self._dice.choice(list(Way)), self._dice, lines=self._dice.randint(1, 3))
                await self._until_struck(proxy, fault, selects)
            case "swallow":
                fault = Swallow(ANSWERS[pair], lines=self._dice.randint(1, 3))
                await self._until_struck(proxy, fault, selects)
            case "stall":
                fault = stall = Stall()
                async with proxy.fault(stall, selects):
                    await asyncio.sleep(step.seconds)
                    await _until(lambda: bool(stall.proof))
                    stall.end()
            case "delay":
                fault = Delay(self._dice.uniform(0.02, 0.2))
                async with proxy.fault(fault, selects):
                    await asyncio.sleep(step.seconds)
                    await _until(lambda: bool(fault.proof))
            case _:
                raise AssertionError(f"no such harm: {harm}")
        return target, fault.proof

    def _lines_of(self, pair: str, choice: float) -> tuple[FaultProxy, Selects, str]:
        """All lines of one hub that is up; of the kiosks' either one hub's or all."""
        up = [hub for hub in self._world.hubs if hub.is_up] or self._world.hubs
        if pair == "kiosk-hub":
            if choice > 0.7:
                return self._world.kiosks, _every, "kiosks and all hubs"
            hub = up[int(choice / 0.7 * len(up))]
            place = self._world.hubs.index(hub)
            return self._world.kiosks, lambda line: line.backend == place, f"kiosks and {hub.name}"
        hub = up[int(choice * len(up))]
        match pair:
            case "board-hub":
                return hub.boards, _every, f"boards and {hub.name}"
            case "hub-postgres":
                return hub.to_postgres, _every, f"{hub.name} and PostgreSQL"
            case "hub-valkey":
                return hub.to_valkey, _every, f"{hub.name} and Valkey"
            case _:
                raise AssertionError(f"no such pair: {pair}")

    async def _until_struck(self, proxy: FaultProxy, fault: Fault, selects: Selects) -> None:
        async with proxy.fault(fault, selects):
            await _until(lambda: bool(fault.proof))


def _every(_: Line) -> bool:
    return True


async def _at_once(strike: Callable[[], Counter[str]]) -> Counter[str]:
    """Struck as soon as there is a line that lives; the proof."""
    proof: Counter[str] = Counter()

    def struck() -> bool:
        proof.update(strike())
        return bool(proof)

    await _until(struck)
    return proof


async def _until(holds: Callable[[], bool]) -> None:
    """For as long as patience lasts; whether it held is seen from the proof."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pass
