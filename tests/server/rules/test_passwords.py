"""Which passwords will do."""

import pytest

from protocol.values import MAX_PASSWORD_CHARACTERS
from server.rules.passwords import problem_of
from server.services.passwords import read_common_passwords

COMMON = read_common_passwords()


def problem(password: str, *, username: str = "ana.garcia", least: int = 12) -> str | None:
    return problem_of(password, username=username, least=least, most=MAX_PASSWORD_CHARACTERS, common=COMMON)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "tres tristes tigres comen",
        "viva el tren de las ocho",
        "k7m2q-xw9pd-4hj8s-zt3vn",
        "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧",
        "dragon7391850264",
        "x" * 6 + "Kq7#vR2!mZ",
        "Kq7#vR2!mZ" * 100,
    ],
)
def test_what_nobody_tries_first_will_do(password: str) -> None:
    assert problem(password) is None


@pytest.mark.parametrize("password", ["", "Kq7#vR2!mZx", "🦊" * 11])
def test_eleven_characters_are_too_few(password: str) -> None:
    assert problem(password) == "must have at least 12 characters"


def test_a_stricter_hub_wants_more() -> None:
    assert problem("Kq7#vR2!mZxW", least=16) == "must have at least 16 characters"


def test_more_than_a_thousand_characters_are_too_many() -> None:
    assert problem("Kq7#vR2!mZ" * 100 + "x") == "must have at most 1000 characters"


@pytest.mark.parametrize("password", ["ana.garcia-Kq7#vR", "Kq7#ANA.GARCIA#vR"])
def test_a_username_is_not_part_of_it(password: str) -> None:
    assert problem(password) == "must not contain the username"


def test_a_username_of_three_letters_may_stand_anywhere() -> None:
    assert problem("Kq7#vR2!mZana", username="ana") is None


@pytest.mark.parametrize(
    "password", ["aaaaaaaaaaaa", "abcabcabcabc", "12121212121212", "    " * 4, "¡olé!" * 3, "aaaabbbbcccc"]
)
def test_one_thing_repeated_is_none(password: str) -> None:
    assert problem(password) == "is one thing repeated"


@pytest.mark.parametrize("password", ["password1234", "PASSWORD1234", "1qaz2wsx3edc", "motherfucker"])
def test_the_list_holds_whatever_its_case(password: str) -> None:
    assert problem(password) == "is a common password"


@pytest.mark.parametrize(
    "password",
    [
        "Password2024!", "P@ssw0rd2024!", "iloveyou1990", "administrator1", "Contraseña123", "Barcelona2026",
        "trustno1trustno1", "Attendance2026!", "fichaje123456", "zxcvbnm12345!", "123456789012", "qwertyuiop-9",
        "poiuytrewq09", "abcdefghijkl", "lkjihgfedcba", "asdfghjklñ2026", "monkey!!!!!!",
    ],
)  # fmt: skip
def test_common_words_years_and_runs_of_keys_are_none(password: str) -> None:
    assert problem(password) == "is made of common passwords, years and runs of keys"


def test_the_list_is_the_one_that_was_shipped() -> None:
    assert len(COMMON) > 19_000
    assert all(word == word.lower() for word in COMMON)
