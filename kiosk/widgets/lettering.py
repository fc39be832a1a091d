"""Letters large enough to be read from across a room, drawn with half blocks that every console font has.

A letter is a bitmap of 5 rows; one of its dots becomes `size` × `size` half-cells (a cell is about twice as high as
wide, so half of it is square). Bends lose their outer corner, diagonals are filled where they join. Size 2 makes
letters of 5 lines.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

ROWS: Final = 5
_GAP: Final = "0"

_DOTS: Final = {
    "A": "111 101 111 101 101",
    "B": "1111 1001 1110 1001 1111",
    "C": "111 100 100 100 111",
    "D": "1110 1001 1001 1001 1110",
    "E": "111 100 110 100 111",
    "F": "111 100 110 100 100",
    "G": "1111 1000 1011 1001 1111",
    "H": "101 101 111 101 101",
    "I": "1 1 1 1 1",
    "J": "001 001 001 101 111",
    "K": "1001 1010 1100 1010 1001",
    "L": "100 100 100 100 111",
    "M": "10001 11011 10101 10001 10001",
    "N": "1001 1101 1011 1001 1001",
    "O": "111 101 101 101 111",
    "P": "111 101 111 100 100",
    "Q": "1110 1010 1010 1010 1111",
    "R": "1111 1001 1111 1010 1001",
    "S": "111 100 111 001 111",
    "T": "111 010 010 010 010",
    "U": "101 101 101 101 111",
    "V": "101 101 101 101 010",
    "W": "10001 10001 10101 11011 10001",
    "X": "101 101 010 101 101",
    "Y": "101 101 010 010 010",
    "Z": "111 001 010 100 111",
    "0": "111 101 101 101 111",
    "1": "010 110 010 010 111",
    "2": "111 001 111 100 111",
    "3": "111 001 111 001 111",
    "4": "101 101 111 001 001",
    "5": "111 100 111 001 111",
    "6": "111 100 111 101 111",
    "7": "111 001 001 001 001",
    "8": "111 101 111 101 111",
    "9": "111 101 111 001 111",
    ":": "0 1 0 1 0",
    "?": "111 001 011 000 010",
    "…": "00000 00000 00000 00000 10101",
    "✓": "000001 000010 100100 011000 000000",
    "✕": "10001 01010 00100 01010 10001",
    "•": "000 111 111 111 000",
    "_": "000 000 000 000 111",
    " ": "00 00 00 00 00",
}


def dots(text: str) -> tuple[str, ...]:
    """Five rows of 0 and 1; accents are dropped, letters without a bitmap become a space."""
    bare = unicodedata.normalize("NFD", text.upper())
    letters = [_DOTS.get(letter, _DOTS[" "]).split() for letter in bare if not unicodedata.combining(letter)]
    return tuple(_GAP.join(letter[row] for letter in letters) for row in range(ROWS))


def columns(text: str, size: int) -> int:
    """Width in cells of `text` at `size`."""
    return len(dots(text)[0]) * size


def lines(size: int) -> int:
    """Height in cells at `size`."""
    return (ROWS * size + 1) // 2


@lru_cache(maxsize=64)
def draw(text: str, size: int) -> tuple[str, ...]:
    """Lines of block characters."""
    rows = dots(text)
    width, height = len(rows[0]), ROWS

    def lit(column: int, row: int) -> bool:
        return 0 <= column < width and 0 <= row < height and rows[row][column] == "1"

    def half(x: int, y: int) -> bool:
        """Whether a half-cell is lit."""
        column, row = x // size, y // size
        across, down = x % size, y % size
        beside = -1 if across * 2 < size else 1
        above = -1 if down * 2 < size else 1
        corner = min(across, size - 1 - across) + min(down, size - 1 - down) < size // 2
        near = lit(column + beside, row), lit(column, row + above)
        if not lit(column, row):
            return corner and near == (True, True) and not lit(column + beside, row + above)
        bend = lit(column - beside, row) and lit(column, row - above)
        return not (corner and bend and near == (False, False))

    blocks = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    return tuple(
        "".join(blocks[half(x, 2 * line), half(x, 2 * line + 1)] for x in range(width * size))
        for line in range(lines(size))
    )


class Lettering(Widget):
    """One line of large letters, as large as `size` allows and no wider than its place."""

    text = reactive("", layout=True)
    size_wanted = reactive(2, layout=True)

    def __init__(self, *, least: int = 1, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's)
        """Where not even letters of size `least` fit, the text stands as it is."""
        super().__init__(id=id, classes=classes)
        self._least = least

    def _size_for(self, width: int) -> int:
        """0: as it is."""
        sizes = range(self.size_wanted, self._least - 1, -1)
        return next((size for size in sizes if columns(self.text, size) <= width), 0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        return lines(self._size_for(width)) or 1

    def render(self) -> Content:
        size = self._size_for(self.size.width)
        return Content("\n".join(draw(self.text, size)) if size else self.text)
