"""QR codes as lines for a terminal."""

from __future__ import annotations

from typing import Final

import segno

_DARK_ON_LIGHT: Final = "\x1b[38;5;16;48;5;231m"
"""Black on white whatever the terminal's own colours are: not every reader takes an inverted code."""
_PLAIN: Final = "\x1b[0m"
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""By the dark modules above and below each other."""
_QUIET_MODULES: Final = 2
"""An empty border. ISO/IEC 18004 wants 4; with 2 it is read too, and a second factor's code fits 24 lines."""


def drawn(text: str) -> list[str]:
    """A code of `text`, two modules a cell."""
    rows = [list(row) for row in segno.make_qr(text, error="l").matrix_iter(border=_QUIET_MODULES)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    return [
        _DARK_ON_LIGHT + "".join(_HALVES[above, below] for above, below in zip(upper, lower, strict=True)) + _PLAIN
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
