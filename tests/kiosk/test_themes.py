"""Text is readable in every theme: WCAG 2.2 contrast, computed from the tokens."""

from __future__ import annotations

from pathlib import Path
from re import findall

import pytest

import kiosk
from kiosk.themes import GROUND_TOKENS, TEXT_TOKENS, TOKENS

LEAST_CONTRAST = 7.0


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `#rrggbb`."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", TOKENS)
@pytest.mark.parametrize("ground", GROUND_TOKENS)
@pytest.mark.parametrize("text", TEXT_TOKENS)
def test_text_stands_out_from_its_ground(theme: str, ground: str, text: str) -> None:
    assert contrast(TOKENS[theme][text], TOKENS[theme][ground]) >= LEAST_CONTRAST


@pytest.mark.parametrize("theme", TOKENS)
def test_the_chosen_kind_stands_out(theme: str) -> None:
    assert contrast(TOKENS[theme]["surface"], TOKENS[theme]["accent"]) >= LEAST_CONTRAST


def test_themes_have_the_same_tokens_and_the_sheet_uses_no_other_colour() -> None:
    sheet = (Path(kiosk.__file__).parent / "kiosk.tcss").read_text("utf-8")
    tokens = set(TOKENS["dark"])
    assert all(set(theme) == tokens for theme in TOKENS.values())
    assert set(findall(r":[^;{}]*\$(\w+)", sheet)) <= tokens
    assert not findall(r"#[0-9a-fA-F]{6}\b|rgb|opacity|\$[\w-]+ \d+%", sheet)


def test_text_is_coloured_with_text_tokens_only() -> None:
    sheet = (Path(kiosk.__file__).parent / "kiosk.tcss").read_text("utf-8")
    coloured = findall(r"([^{}]*)\{[^{}]*?(?<![-\w])color: \$(\w+)", sheet)
    assert {token for _, token in coloured} <= {*TEXT_TOKENS, "surface"}
    assert [rule.strip().splitlines()[-1] for rule, token in coloured if token == "surface"] == ["KindChip.-chosen"]
