"""Names from outside can't steer the terminal, nor spill over their place."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.harmless import MAX_MARKS, harmless


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("José María Núñez", "José María Núñez"),
        ("[/bold]", "[/bold]"),
        ("Ana \x1b]52;c;cm0gLXJm\x07Ruiz", "Ana Ruiz"),
        ("Ana \x1b]52;c;cm0gLXJm\x1b\\Ruiz", "Ana Ruiz"),
        ("Ana \x9d52;c;cm0gLXJm\x9cRuiz", "Ana Ruiz"),
        ("\x1b[2J\x1b[31mAna", "Ana"),
        ("Ana\x1b]52;c;never ended", "Ana ]52;c;never ended"),
        ("Ana\u202egnp\u2066", "Ana gnp"),
        ("Z\u0335\u0336\u0337\u0338\u0339\u033a", "Z\u0335\u0336\u0337"),
        ("x" * 200, "x" * 79 + "…"),
    ],
)
def test_what_steers_is_gone_and_what_reads_stays(hostile: str, shown: str) -> None:
    assert harmless(hostile) == shown


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=400))
def test_nothing_that_steers_is_left_of_any_text(text: str) -> None:
    shown = harmless(text, 40)
    assert len(shown) <= 40
    assert not [sign for sign in shown if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_marks_do_not_pile_up() -> None:
    assert len(harmless("a" + "\u0301" * 500)) <= 1 + MAX_MARKS
