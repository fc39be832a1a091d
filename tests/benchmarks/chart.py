"""Bars in groups as an SVG, each group with a scale of its own; one file for light pages and one for dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.benchmarks.figures import Bar

WIDTH: Final = 860
_MARGIN: Final = 20
_NAMES: Final = 300
"""Room for the names, left of the bars."""
_LABELS: Final = 110
"""Room for the figures, right of the longest bar."""
_LINE: Final = 26
_BAR: Final = 16
_TITLE: Final = 30


@dataclass(frozen=True, slots=True)
class Theme:
    text: str
    quiet: str
    ours: str
    others: str


LIGHT: Final = Theme(text="#1f2328", quiet="#59636e", ours="#0969da", others="#afb8c1")
DARK: Final = Theme(text="#e6edf3", quiet="#9198a1", ours="#4493f8", others="#57606a")


def svg(bars: Sequence[Bar], theme: Theme) -> str:
    """A picture with a transparent background. Raises ValueError where a bar has nothing to show."""
    if any(bar.value <= 0 for bar in bars):
        raise ValueError("a bar must be above zero")
    parts: list[str] = []
    y = _MARGIN
    for group in dict.fromkeys(bar.group for bar in bars):
        mates = [bar for bar in bars if bar.group == group]
        parts.append(_text(_MARGIN, y + 16, group, theme.text, weight="600"))
        y += _TITLE
        longest = max(bar.value for bar in mates)
        for bar in mates:
            parts += _bar(bar, y, (WIDTH - 2 * _MARGIN - _NAMES - _LABELS) * bar.value / longest, theme)
            y += _LINE
        y += _MARGIN
    told = "; ".join(f"{bar.name}: {bar.label}" for bar in bars)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
        f'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">\n'
        f"<title>{escape(told)}</title>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(bar: Bar, y: float, length: float, theme: Theme) -> list[str]:
    left = _MARGIN + _NAMES
    fill, weight = (theme.ours, "600") if bar.ours else (theme.others, "400")
    return [
        _text(left - 10, y + 13, bar.name, theme.text, anchor="end", weight=weight),
        f'<rect x="{left}" y="{y}" width="{max(length, 1):.1f}" height="{_BAR}" rx="2" fill="{fill}"/>',
        _text(left + length + 8, y + 13, bar.label, theme.quiet, weight=weight),
    ]


def _text(x: float, y: float, text: str, fill: str, *, anchor: str = "start", weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
