"""Tables that fit a terminal. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

_GAP: Final = "  "
_READABLE: Final = 16
"""Cells that a text keeps while there are columns to leave out instead …"""
_LEAST: Final = 8
"""… and those that it keeps in any case."""


class Fit(Enum):
    CUT = "cut"
    """Text that may end in `…`."""
    WHOLE = "whole"
    """Never cut: numbers, times, and ids that other commands want."""
    SPARE = "spare"
    """Never cut, but left out where the terminal is too narrow; the rightmost first."""


@dataclass(frozen=True)
class Column:
    heading: str
    of: Callable[[Any], object]
    fit: Fit = Fit.CUT


@dataclass(frozen=True)
class Table:
    lines: list[str]
    left_out: list[str]


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> Table:
    """Aligned lines of at most `width` cells (None: as wide as it gets), if the terminal isn't all too narrow."""
    lines = [[column.heading for column in columns], *rows]
    natural = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    kept = list(range(len(columns)))
    if width is not None:
        while not _fits(columns, natural, kept, width):
            spare = [place for place in kept if columns[place].fit is Fit.SPARE]
            if not spare:
                break
            kept.remove(spare[-1])
    widths = dict(zip(kept, (natural[place] for place in kept), strict=True))
    if width is not None:
        _narrow(columns, widths, width)
    left_out = [column.heading for place, column in enumerate(columns) if place not in widths]
    return Table([_line(line, widths) for line in lines], left_out)


def _fits(columns: Sequence[Column], natural: Sequence[int], kept: Sequence[int], width: int) -> bool:
    needed = [min(natural[place], _READABLE) if columns[place].fit is Fit.CUT else natural[place] for place in kept]
    return sum(needed) + len(_GAP) * (len(kept) - 1) <= width


def _narrow(columns: Sequence[Column], widths: dict[int, int], width: int) -> None:
    """Take from the widest text, cell by cell, until the line fits."""
    too_much = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width
    while too_much > 0:
        widest = max((place for place in widths if columns[place].fit is Fit.CUT), key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _LEAST:
            return
        widths[widest] -= 1
        too_much -= 1


def _line(cells: Sequence[str], widths: dict[int, int]) -> str:
    return _GAP.join(_cut(cells[place], room) for place, room in widths.items()).rstrip()


def _cut(cell: str, room: int) -> str:
    if cell_len(cell) > room:
        cell = f"{set_cell_size(cell, room - 1).rstrip()}…"
    return cell + " " * (room - cell_len(cell))
