"""Whether a password is too easily guessed (NIST SP 800-63B, section 3.1.1.2: length and a blocklist, no character
classes). Pure.

A guesser tries words that many people use, with runs of keys, years and a few signs around them. So a password is
taken apart into such pieces, and what is left must still be something.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

_OWN_WORDS: Final = frozenset({"attendance", "asistencia", "fichaje", "fichajes", "kiosk", "kiosko", "quiosco"})
_LINES: Final = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjklñ", "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "q1w2e3r4t5y6u7i8o9p0", "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    '!"·$%&/()=', "!@#$%^&*()",
)  # fmt: skip
"""Keys in the orders in which fingers find them, on Spanish and English keyboards."""
_RUNS: Final = frozenset(
    line[start : start + length]
    for way in _LINES
    for line in (way, way[::-1])
    for length in range(3, len(line) + 1)
    for start in range(len(line) - length + 1)
)
_LONGEST_RUN: Final = max(map(len, _RUNS))
_UNDONE: Final = str.maketrans("0134578@$!€", "oieastbasie")
"""Signs that stand for letters, undone."""
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
_REPEATED: Final = re.compile(r"(.{1,5}?)\1{2,}", re.DOTALL)
_SHORTEST_WORD: Final = 4
_LONGEST_WORD: Final = 24
_SHORTEST_USERNAME: Final = 4
_WORD_COUNTS: Final = 2
_ENOUGH: Final = 6
"""A word counts as two, anything else that is tried first and any other character as one."""


def problem_of(password: str, *, username: str, least: int, most: int, common: Collection[str]) -> str | None:
    """Why this password won't do, as a sentence's end; None: it will. `common` is in lower case."""
    if len(password) < least:
        return f"must have at least {least} characters"
    if len(password) > most:
        return f"must have at most {most} characters"
    folded = password.casefold()
    if len(username) >= _SHORTEST_USERNAME and username.casefold() in folded:
        return "must not contain the username"
    if _REPEATED.sub("", folded) == "":
        return "is one thing repeated"
    if folded in common:
        return "is a common password"
    plain = folded.translate(_UNDONE)
    if not (_is_something(folded, common) and _is_something(plain, common)):
        return "is made of common passwords, years and runs of keys"
    return None


def _is_something(text: str, common: Collection[str]) -> bool:
    counted = 0
    for weight in _weights(text, common):
        counted += weight
        if counted >= _ENOUGH:
            return True
    return False


def _weights(text: str, common: Collection[str]) -> Iterator[int]:
    """From its start, what each piece counts: the longest that a guesser tries first, else one character."""
    at = 0
    while at < len(text):
        if repeated := _REPEATED.match(text, at):
            at = repeated.end()
            yield 1
        elif run := _longest(text, at, _RUNS, 3, _LONGEST_RUN):
            at += run
            yield 1
        elif _YEAR.match(text, at):
            at += 4
            yield 1
        elif word := max(
            _longest(text, at, common, _SHORTEST_WORD, _LONGEST_WORD),
            _longest(text, at, _OWN_WORDS, _SHORTEST_WORD, _LONGEST_WORD),
        ):
            at += word
            yield _WORD_COUNTS
        else:
            at += 1
            yield 1


def _longest(text: str, at: int, pieces: Collection[str], shortest: int, longest: int) -> int:
    """Length of the longest of `pieces` that begins at `at`; 0 where none does."""
    for length in range(min(longest, len(text) - at), shortest - 1, -1):
        if text[at : at + length] in pieces:
            return length
    return 0
