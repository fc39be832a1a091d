"""Text from outside, made fit for one line of a screen: `plain`, and bounded in every direction."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from kiosk.plain_text import plain

MAX_CHARACTERS: Final = 80
MAX_MARKS: Final = 3
"""Combining marks in a row that a real name may need; more would spill over the neighbouring lines."""

_SEQUENCES: Final = re.compile(
    r"""
    (?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x1b\\|\x9c)  # OSC, DCS, SOS, PM, APC
    | (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]                                         # CSI
    """,
    re.VERBOSE,
)


def harmless(text: str, max_characters: int = MAX_CHARACTERS) -> str:
    """One line without escape sequences, control (C0, C1) and bidi characters, at most `max_characters` long.

    Markup isn't touched: `kiosk.widgets.line.Line` shows text with markup off.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", plain(_SEQUENCES.sub("", text[: max_characters * 16]))):
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    line = "".join(kept)
    return line if len(line) <= max_characters else f"{line[: max_characters - 1].rstrip()}…"
