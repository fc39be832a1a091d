"""The colours, as tokens that bear the same names here and on the supervisors' page.

Any text token on `surface` or `raised`, and `surface` on `accent`, contrasts at least 7:1 (a test computes it).
Colour only repeats what a word and a shape already say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

TEXT_TOKENS: Final = ("ink", "muted", "accent", "in", "break", "out", "late", "danger")
GROUND_TOKENS: Final = ("surface", "raised")

_DARK: Final = {
    "surface": "#0d1420",
    "raised": "#182234",
    "line": "#3a4a66",
    "ink": "#f3f6fc",
    "muted": "#b3bfd4",
    "accent": "#8fc1ff",
    "in": "#74e3a5",
    "break": "#ffd36b",
    "out": "#c3cde0",
    "late": "#ffb374",
    "danger": "#ffa3a3",
}
_LIGHT: Final = {
    "surface": "#f4f2ec",
    "raised": "#fffefb",
    "line": "#b9b3a4",
    "ink": "#161a21",
    "muted": "#474e59",
    "accent": "#0c4699",
    "in": "#0a5531",
    "break": "#624400",
    "out": "#3c4654",
    "late": "#7a3700",
    "danger": "#8c1620",
}
_CONTRAST: Final = {
    "surface": "#000000",
    "raised": "#000000",
    "line": "#ffffff",
    "ink": "#ffffff",
    "muted": "#ffffff",
    "accent": "#ffe600",
    "in": "#7dffb0",
    "break": "#ffe600",
    "out": "#ffffff",
    "late": "#ffc08a",
    "danger": "#ffb3b3",
}

TOKENS: Final[Mapping[str, Mapping[str, str]]] = {"dark": _DARK, "light": _LIGHT, "contrast": _CONTRAST}
"""Theme name → token → colour. `line` is for frames, which carry no text."""


def _theme(name: str, tokens: Mapping[str, str]) -> Theme:
    return Theme(
        name=name,
        primary=tokens["accent"],
        accent=tokens["accent"],
        foreground=tokens["ink"],
        background=tokens["surface"],
        surface=tokens["surface"],
        panel=tokens["raised"],
        dark=name != "light",
        text_alpha=1.0,
        variables=dict(tokens),
    )


THEMES: Final = tuple(_theme(name, tokens) for name, tokens in TOKENS.items())
