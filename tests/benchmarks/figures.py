"""Arithmetic of the figures: medians over rounds, ratios within a round, and what held each one back."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

_BUSY: Final = 0.85
"""A core that works this much of the time is the limit: the rest is what handing over costs."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `asked` and `met` are empty where nothing was asked; `note` becomes a footnote."""

    part: str
    what: str
    measured: str
    beside: str = ""
    asked: str = ""
    met: bool | None = None
    limit: str = ""
    note: str = ""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of the chart, within its group; bars of a group share a scale."""

    group: str
    name: str
    value: float
    label: str
    ours: bool = False


class Result(msgspec.Struct, kw_only=True):
    """What a part found: raw figures by name, rows for the table, bars for the chart; whose code the CPU went to."""

    part: str
    raw: dict[str, object]
    rows: list[Row]
    bars: list[Bar] = []
    shares: dict[str, dict[str, float]] = {}
    """By what was measured: of the server's CPU, by part of its code."""


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what both of a round had to bear falls out. Raises ValueError if empty."""
    if not ours or len(ours) != len(theirs):
        raise ValueError("ratios need the same rounds of both, at least one")
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all don't exceed (nearest rank). Raises ValueError if there is none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def between(sent: Sequence[tuple[str, float]], seen: Sequence[Sequence[tuple[str, float]]]) -> dict[str, float]:
    """Milliseconds from each punch to each board that read it. RuntimeError where a board missed one."""
    began = dict(sent)
    waits: list[float] = []
    for arrivals in seen:
        waits += [(arrived - began[since]) * 1_000 for since, arrived in arrivals if since in began]
        if missed := began.keys() - {since for since, _ in arrivals}:
            raise RuntimeError(f"{len(missed)} of {len(began)} changes never came to a board")
    return {"samples": len(waits), "p50_ms": quantile(waits, 0.5), "p99_ms": quantile(waits, 0.99)}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much y rises with each x: least squares. Raises ValueError where x doesn't vary."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    if not spread:
        raise ValueError("x must vary")
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def limit(shares: dict[str, float], busy_cores: float, cores: int) -> str:
    """What a throughput was limited by, from each process's share of a core and the machine's busy cores."""
    full = [name for name, share in shares.items() if share >= _BUSY]
    if full:
        return " and ".join(f"{name} CPU" for name in full)
    if busy_cores >= _BUSY * cores:
        return f"all {cores} cores, shared"
    return "waiting for commits (disk)"


def count(value: float) -> str:
    """A figure as people read it: three digits that count."""
    if value >= 1_000:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
