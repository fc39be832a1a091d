"""Who does what next at a site: believable, never twice within the debounce. Pure but for its random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID

from kiosk.demo_file import Employee
from kiosk.terminal import Credential
from protocol.sealing import BadgeCredential, NumberCredential
from protocol.values import Kind, Status

BURST_SHARE: Final = 0.4
"""Of a site's people that come in before anything else happens."""
GAP_SECONDS: Final = 90.0
"""Between two punches of a person: beyond the debounce, with room for a slow link."""
_PIN_SHARE: Final = 0.1
_EXPLICIT_SHARE: Final = 0.2
_FEWEST_INSIDE: Final = 0.3
_MOST_INSIDE: Final = 0.7
_MOST_ON_BREAK: Final = 0.15
_AFTER: Final = {
    Kind.IN: Status.IN,
    Kind.BREAK_END: Status.IN,
    Kind.BREAK_START: Status.BREAK,
    Kind.OUT: Status.OUT,
}


@dataclass(slots=True)
class Walker:
    """A person as this simulation believes them to be; the hub's answers correct it."""

    employee: Employee
    status: Status = Status.OUT
    is_sure: bool = False
    """The hub has answered a punch of theirs in this status."""
    last_punch_at: float = -math.inf
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a person at a terminal."""

    walker: Walker
    credential: Credential
    kind: Kind
    leads_to: Status


def share_expected_inside(local_hour: float) -> float:
    """How full a site is at an hour of its day: full at noon, but never empty, since a demo may run at night."""
    day = max(0.0, math.sin((local_hour - 6.0) / 14.0 * math.pi)) if 6.0 <= local_hour <= 20.0 else 0.0
    return _FEWEST_INSIDE + (_MOST_INSIDE - _FEWEST_INSIDE) * day


class SiteMovement:
    """The people of one site."""

    def __init__(self, employees: Sequence[Employee], random: Random) -> None:
        self.walkers = {employee.employee_id: Walker(employee) for employee in employees}
        self._random = random
        self._burst_is_over = False

    def next_step(self, now: float, local_hour: float) -> Step | None:
        """What happens now; None where everybody punched just before. `now` is in seconds since the epoch."""
        ready = [walker for walker in self.walkers.values() if now - walker.last_punch_at >= GAP_SECONDS]
        by_status = {status: [walker for walker in ready if walker.status is status] for status in Status}
        weights = self._weights(local_hour)
        choices = [(kind, status) for (kind, status) in weights if by_status[status]]
        if not choices or not (total := sum(weights[choice] for choice in choices)):
            return None
        (kind, status) = self._random.choices(choices, [weights[choice] / total for choice in choices])[0]
        # Of three, the one who has been still for longest: nobody runs in and out all day.
        sample = self._random.sample(by_status[status], min(3, len(by_status[status])))
        walker = min(sample, key=lambda each: each.last_punch_at)
        walker.last_punch_at = now
        return Step(walker, self._credential(walker.employee), self._said(kind, walker), _AFTER[kind])

    def taken(self, step: Step) -> None:
        """The punch is kept: so the person believes to be there now."""
        step.walker.status = step.leads_to
        step.walker.is_sure = False

    def told(self, employee_id: UUID, kind: Kind) -> None:
        """The hub says what the punch was."""
        walker = self.walkers[employee_id]
        walker.status = _AFTER.get(kind, walker.status)
        walker.is_sure = True

    def _weights(self, local_hour: float) -> dict[tuple[Kind, Status], float]:
        count = max(1, len(self.walkers))
        on_break = sum(walker.status is Status.BREAK for walker in self.walkers.values()) / count
        inside = sum(walker.status is not Status.OUT for walker in self.walkers.values()) / count
        if not self._burst_is_over:
            self._burst_is_over = inside >= BURST_SHARE
            if not self._burst_is_over:
                return {(Kind.IN, Status.OUT): 1.0}
        wanted = share_expected_inside(local_hour)
        return {
            (Kind.IN, Status.OUT): 0.15 + 4 * max(0.0, wanted - inside),
            (Kind.OUT, Status.IN): 0.15 + 4 * max(0.0, inside - wanted),
            (Kind.BREAK_START, Status.IN): 0.3 if on_break < _MOST_ON_BREAK else 0.0,
            (Kind.BREAK_END, Status.BREAK): 0.2 + 4 * on_break,
        }

    def _said(self, kind: Kind, walker: Walker) -> Kind:
        """What the person presses: mostly nothing, which leaves it to the hub; breaks are always said."""
        if kind in {Kind.BREAK_START, Kind.BREAK_END} and walker.is_sure:
            return kind
        return kind if walker.is_sure and self._random.random() < _EXPLICIT_SHARE else Kind.AUTO

    def _credential(self, employee: Employee) -> Credential:
        if self._random.random() < _PIN_SHARE:
            return NumberCredential(employee_number=employee.employee_number, pin=employee.pin)
        return BadgeCredential(badge=employee.badge)
