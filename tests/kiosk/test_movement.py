"""Simulated people move believably and never punch twice within the debounce."""

from __future__ import annotations

from collections import Counter
from random import Random
from uuid import uuid4

import pytest

from kiosk.demo_file import Employee
from kiosk.simulation.movement import BURST_SHARE, SiteMovement
from protocol.sealing import BadgeCredential
from protocol.values import Kind, Status

DEBOUNCE_SECONDS = 60


def people(count: int) -> list[Employee]:
    return [
        Employee(uuid4(), str(1000 + each), f"04{each:012X}", f"{each:06}", f"P {each}", uuid4(), uuid4())
        for each in range(count)
    ]


def walk(
    movement: SiteMovement, *, minutes: int, per_minute: int, local_hour: float
) -> tuple[Counter[Kind], list[float]]:
    """Punches by what was pressed, and the shortest time between two punches of each person."""
    pressed: Counter[Kind] = Counter()
    last: dict[str, float] = {}
    gaps: list[float] = []
    for tick in range(minutes * per_minute):
        now = 1_000_000 + tick * 60 / per_minute
        if (step := movement.next_step(now, local_hour)) is None:
            continue
        pressed[step.kind] += 1
        number = step.walker.employee.employee_number
        if number in last:
            gaps.append(now - last[number])
        last[number] = now
        movement.taken(step)
        kind = {Status.IN: Kind.IN, Status.OUT: Kind.OUT, Status.BREAK: Kind.BREAK_START}[step.leads_to]
        movement.told(step.walker.employee.employee_id, kind)
    return pressed, gaps


def share(movement: SiteMovement, *statuses: Status) -> float:
    return sum(walker.status in statuses for walker in movement.walkers.values()) / len(movement.walkers)


def test_the_first_punches_bring_people_in() -> None:
    movement = SiteMovement(people(100), Random(1))
    walk(movement, minutes=1, per_minute=40, local_hour=3)
    assert share(movement, Status.IN) == BURST_SHARE


@pytest.mark.parametrize("local_hour", [0, 6, 13, 22.5])
def test_at_any_hour_some_are_in_and_some_on_break(local_hour: float) -> None:
    movement = SiteMovement(people(100), Random(2))
    pressed, gaps = walk(movement, minutes=120, per_minute=20, local_hour=local_hour)
    assert 0.2 < share(movement, Status.IN, Status.BREAK) < 0.85
    assert 0 < share(movement, Status.BREAK) < 0.3
    assert min(gaps) > DEBOUNCE_SECONDS
    assert set(pressed) == {Kind.AUTO, Kind.IN, Kind.OUT, Kind.BREAK_START, Kind.BREAK_END}
    assert pressed[Kind.AUTO] > sum(pressed.values()) * 0.3


def test_more_traffic_than_people_waits_for_them() -> None:
    movement = SiteMovement(people(10), Random(3))
    pressed, gaps = walk(movement, minutes=10, per_minute=600, local_hour=12)
    assert min(gaps) > DEBOUNCE_SECONDS
    assert sum(pressed.values()) <= 10 * 10 * 60 / DEBOUNCE_SECONDS


def test_most_show_a_badge() -> None:
    movement = SiteMovement(people(200), Random(4))
    steps = [step for tick in range(80) if (step := movement.next_step(1_000_000 + tick, 12)) is not None]
    badges = sum(isinstance(step.credential, BadgeCredential) for step in steps)
    assert len(steps) * 0.7 < badges < len(steps)
