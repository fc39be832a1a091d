"""A widget's tone: the colour token that repeats what its words and shapes say."""

from __future__ import annotations

from typing import Final

from textual.widget import Widget

TONES: Final = ("accent", "in", "break", "out", "late", "danger")


def set_tone(widget: Widget, tone: str) -> None:
    """One class `-<tone>` of `TONES`, which `kiosk.tcss` colours."""
    for other in TONES:
        widget.set_class(other == tone, f"-{other}")
