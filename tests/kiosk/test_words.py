"""No language lacks a word, and every answer has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from string import Formatter

import pytest

from kiosk.widgets.kind_row import ORDER
from kiosk.words import WORDS, Language, Why, Words
from protocol.values import Reason

HELD = {
    Reason.BADGE_UNKNOWN,
    Reason.PIN_WRONG,
    Reason.PIN_UNCHECKED,
    Reason.SEAL_UNAVAILABLE,
    Reason.SEAL_BROKEN,
    Reason.CLOCK_UNKNOWN,
    Reason.DEVICE_FORKED,
    Reason.DEVICE_REVOKED,
}
REFUSED = {
    Reason.NOT_RECOGNISED,
    Reason.BADGE_UNKNOWN,
    Reason.BADGE_REVOKED,
    Reason.PIN_THROTTLED,
    Reason.EMPLOYEE_INACTIVE,
    Reason.DEVICE_REVOKED,
}


def texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a catalogue with its place."""
    match value:
        case str():
            yield path, value
        case Why():
            yield f"{path}.why", value.why
            yield f"{path}.ask", value.ask
        case dict():
            for key, inner in value.items():
                yield from texts(inner, f"{path}.{key}")
        case tuple():
            for place, inner in enumerate(value):
                yield from texts(inner, f"{path}.{place}")
        case Words():
            for field in fields(value):
                yield from texts(getattr(value, field.name), f"{path}.{field.name}")
        case _:
            raise AssertionError(f"{path}: {value!r} is no text")


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_says_the_same_things() -> None:
    assert set(WORDS) == set(Language)
    spanish, english = (dict(texts(WORDS[language])) for language in Language)
    assert spanish.keys() == english.keys()
    assert all(text.strip() for text in (*spanish.values(), *english.values()))
    assert {path: gaps(text) for path, text in spanish.items()} == {path: gaps(text) for path, text in english.items()}


@pytest.mark.parametrize("language", Language)
def test_every_reason_is_told_with_whom_to_ask(language: Language) -> None:
    words = WORDS[language]
    assert set(words.reasons_held) == HELD
    assert set(words.reasons_refused) == REFUSED
    assert set(words.not_kept) == {"unwritable", "not_enrolled", "no_sealing_key", "too_long"}
    assert set(words.kinds) == set(ORDER)


@pytest.mark.parametrize("language", Language)
def test_sentences_fit_the_smallest_screen(language: Language) -> None:
    for path, text in texts(WORDS[language]):
        assert len(text) <= 76, path


@pytest.mark.parametrize(
    ("minutes", "shown"), [(0, "0 min"), (59, "59 min"), (60, "1 h"), (200, "3 h 20"), (605, "10 h 05"), (-3, "0 min")]
)
def test_durations(minutes: int, shown: str) -> None:
    assert [WORDS[language].duration(minutes) for language in Language] == [shown, shown]


def test_long_dates() -> None:
    day = date(2026, 11, 24)
    assert WORDS[Language.ES].long_date(day) == "martes, 24 de noviembre"
    assert WORDS[Language.EN].long_date(day) == "Tuesday, 24 November"
