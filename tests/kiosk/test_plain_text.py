"""Names from outside can't steer a terminal."""

import pytest

from kiosk.plain_text import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("María-José Núñez", "María-José Núñez"),
        ("Ana\x1b]52;c;aGk=\x07", "Ana ]52;c;aGk="),
        ("Ana\x9b31m", "Ana 31m"),
        ("Ana\u202egnp.exe", "Ana gnp.exe"),
        ("\u2066Ana\u2069 ", "Ana"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("\ud800", ""),
        ("[/bold]", "[/bold]"),
    ],
)
def test_only_what_can_be_read_is_left(text: str, shown: str) -> None:
    assert plain(text) == shown
