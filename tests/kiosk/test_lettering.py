"""Large letters: as large as they fit, and plain text where they don't."""

from __future__ import annotations

import pytest

from kiosk.terminal import Kind
from kiosk.widgets.lettering import columns, dots, draw, lines
from kiosk.words import WORDS, Language

FULL, UPPER, LOWER = "█", "▀", "▄"


@pytest.mark.parametrize("text", ["07:58", "ENTRADA", "✕", "•", "?", "", " "])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_line_has_the_size_promised(text: str, size: int) -> None:
    drawn = draw(text, size)
    assert len(drawn) == lines(size)
    assert {len(line) for line in drawn} == {columns(text, size)}
    assert set("".join(drawn)) <= {FULL, UPPER, LOWER, " "}


def test_a_colon_keeps_its_dots_and_a_bend_loses_its_corner() -> None:
    assert draw(":", 2) == ("  ", "██", "  ", "██", "  ")
    assert draw("L", 2) == ("██    ", "██    ", "██    ", "██    ", "▀█████")


def test_accents_are_dropped_and_what_has_no_letter_is_a_space() -> None:
    assert dots("Á") == dots("a")
    assert dots("字") == dots(" ")


@pytest.mark.parametrize("language", Language)
def test_every_word_that_is_drawn_large_fits_the_smallest_screen(language: Language) -> None:
    words = WORDS[language]
    for word in (words.kept_lettering, *(words.kinds[kind] for kind in Kind if kind is not Kind.AUTO)):
        assert columns(word, 2) <= 80
        assert all(letter == " " or "1" in "".join(dots(letter)) for letter in word)
