"""What is to befall whom, and when: drawn from a seed, so that a run can be repeated."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PAIRS: Final = ("kiosk-hub", "board-hub", "hub-postgres", "hub-valkey")
HARMS: Final = ("cut", "half-close", "truncate", "stall", "delay")
"""What befalls a line between two processes; `swallow` befalls those whose answers matter."""
KILLS: Final = ("kill hub", "kill postgres", "kill valkey", "kill kiosk")
CUTS: Final = tuple(f"cut {pair}" for pair in PAIRS)
CLOCK: Final = "step clock"


@dataclass(frozen=True)
class Step:
    """One fault. `choice` (0 … 1) picks among its targets, `pause_seconds` go before it."""

    kind: str
    choice: float
    pause_seconds: float
    seconds: float


LAST: Final = (
    Step("kill hub", 0.0, 0.0, 0.2),
    Step("cut board-hub", 0.9, 0.0, 0.0),
    Step("kill valkey", 0.0, 0.0, 2.0),
)
"""How every campaign ends: one hub's boards look for another, the other's are cut, and what kiosks send last is rung
for by nobody, since Valkey is dead meanwhile. No later bell tells boards of it: only healing does."""


@dataclass(frozen=True)
class Plan:
    """How large a campaign is. A *lane* does one fault after another; both lanes run at once."""

    name: str
    punches: int
    process_faults: Mapping[str, int]
    network_faults: Mapping[str, int]
    pause_seconds: tuple[float, float]
    fault_seconds: tuple[float, float]
    hubs: int = 2
    sites: int = 3
    people_per_site: int = 150
    kiosks: int = 4
    kiosk_punches_per_second: float = 15.0
    outsiders: int = 8
    outsider_punches_per_second: float = 15.0
    outsider_in_flight: int = 16
    longest_seconds: float = 480.0
    """After so long the load ends, whatever is missing."""
    least_kills: int = 0
    least_cuts: int = 0

    @property
    def planned(self) -> Counter[str]:
        """By kind, the last ones included."""
        return Counter({**self.process_faults, **self.network_faults}) + Counter(step.kind for step in LAST)


@dataclass(frozen=True)
class Schedule:
    processes: list[Step] = field(default_factory=list)
    network: list[Step] = field(default_factory=list)


def draw(plan: Plan, seed: int) -> Schedule:
    """The same plan and seed give the same schedule."""
    dice = random.Random(f"schedule {seed}")
    return Schedule(_lane(plan, plan.process_faults, dice), _lane(plan, plan.network_faults, dice))


def _lane(plan: Plan, counts: Mapping[str, int], dice: random.Random) -> list[Step]:
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    dice.shuffle(kinds)
    return [
        Step(kind, dice.random(), dice.uniform(*plan.pause_seconds), dice.uniform(*plan.fault_seconds))
        for kind in kinds
    ]


def _network(cuts: int, others: int, swallows: int) -> dict[str, int]:
    counts = {f"{harm} {pair}": cuts if harm == "cut" else others for harm in HARMS for pair in PAIRS}
    return counts | {"swallow kiosk-hub": swallows, "swallow hub-postgres": swallows}


FULL: Final = Plan(
    name="full",
    punches=50_000,
    process_faults={
        "kill hub": 12,
        "kill postgres": 6,
        "kill valkey": 6,
        "kill kiosk": 10,
        "freeze hub": 4,
        "freeze postgres": 3,
        "freeze valkey": 3,
        "freeze kiosk": 3,
        "restart hub": 2,
        "restart postgres": 3,
        "restart valkey": 3,
        "flush valkey": 4,
        CLOCK: 6,
    },
    network_faults=_network(cuts=6, others=2, swallows=8),
    pause_seconds=(0.2, 2.5),
    fault_seconds=(0.3, 2.5),
    kiosk_punches_per_second=20.0,
    outsider_punches_per_second=20.0,
    least_kills=30,
    least_cuts=20,
)
SHORT: Final = Plan(
    name="short",
    punches=3_000,
    process_faults={
        "kill hub": 1,
        "kill postgres": 1,
        "kill valkey": 1,
        "kill kiosk": 1,
        "freeze hub": 1,
        "freeze postgres": 1,
        "freeze valkey": 1,
        "freeze kiosk": 1,
        "restart hub": 1,
        "restart postgres": 1,
        "restart valkey": 1,
        "flush valkey": 1,
        CLOCK: 1,
    },
    network_faults=_network(cuts=1, others=1, swallows=2),
    pause_seconds=(0.0, 0.3),
    fault_seconds=(0.2, 0.8),
    people_per_site=60,
    kiosks=2,
    outsiders=4,
    longest_seconds=200.0,
)
PLANS: Final = {plan.name: plan for plan in (FULL, SHORT)}
