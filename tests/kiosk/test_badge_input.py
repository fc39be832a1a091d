"""What keys mean, without a screen: a reader is told from fingers by its pace."""

from __future__ import annotations

from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.badge_input import MAX_CHARACTERS, BadgeInput, Pace, Stage, Unreadable
from protocol.sealing import BadgeCredential, Credential, NumberCredential, seal

READER_SECONDS = 0.008
FINGERS_SECONDS = 0.22


class Keyboard:
    """Presses keys at a pace, on its own clock."""

    def __init__(self) -> None:
        self.input = BadgeInput(Pace())
        self.at = 100.0

    def type(self, text: str, gap_seconds: float = FINGERS_SECONDS) -> None:
        for character in text:
            self.at += gap_seconds
            assert self.input.press(character, character, self.at) is None

    def enter(self, key: str = "enter") -> Credential | Unreadable | None:
        self.at += READER_SECONDS
        return self.input.press(key, "\r", self.at)

    def scan(self, badge: str) -> Credential | Unreadable | None:
        self.at += 2.0
        self.type(badge, READER_SECONDS)
        return self.enter()


@pytest.fixture
def keyboard() -> Keyboard:
    return Keyboard()


def test_a_burst_of_digits_is_a_badge(keyboard: Keyboard) -> None:
    assert keyboard.scan("0012345678") == BadgeCredential(badge="0012345678")
    assert keyboard.input.empty


def test_the_same_digits_typed_by_fingers_are_a_number_whose_pin_is_awaited(keyboard: Keyboard) -> None:
    keyboard.type("0012345678")
    assert keyboard.enter() is None
    assert (keyboard.input.stage, keyboard.input.number) == (Stage.PIN, "0012345678")
    keyboard.type("471100")
    assert keyboard.enter() == NumberCredential(employee_number="0012345678", pin="471100")
    assert keyboard.input.empty


def test_few_digits_are_a_number_however_fast_they_came(keyboard: Keyboard) -> None:
    keyboard.type("1042", READER_SECONDS)
    assert keyboard.enter() is None
    assert keyboard.input.number == "1042"


def test_a_badge_typed_by_hand_is_a_badge(keyboard: Keyboard) -> None:
    keyboard.type("04A2B7C1")
    assert keyboard.enter() == BadgeCredential(badge="04A2B7C1")


@pytest.mark.parametrize("started", ["1", "104", "123456789"])
def test_a_scan_after_half_a_number_is_that_scan_alone(keyboard: Keyboard, started: str) -> None:
    keyboard.type(started)
    assert keyboard.scan("04A2B7C19D5E80") == BadgeCredential(badge="04A2B7C19D5E80")


def test_a_scan_instead_of_a_pin_is_a_badge_and_forgets_the_number(keyboard: Keyboard) -> None:
    keyboard.type("1042")
    keyboard.enter()
    keyboard.type("4")
    assert keyboard.scan("0412345678") == BadgeCredential(badge="0412345678")
    assert keyboard.input.stage is Stage.NUMBER


def test_one_late_key_makes_no_person_of_a_reader(keyboard: Keyboard) -> None:
    keyboard.type("00123", READER_SECONDS)
    keyboard.at += 0.3
    keyboard.type("45678", READER_SECONDS)
    assert keyboard.enter() == BadgeCredential(badge="0012345678")


def test_touches_are_never_a_reader() -> None:
    touched = BadgeInput()
    for digit in "0012345678":
        touched.press(digit, digit, None)
    assert touched.press("enter", None, None) is None
    assert touched.number == "0012345678"


@pytest.mark.parametrize("key", ["enter", "ctrl+j", "ctrl+m"])
def test_readers_end_with_any_kind_of_enter(keyboard: Keyboard, key: str) -> None:
    keyboard.type("04A2B7C1", READER_SECONDS)
    assert keyboard.enter(key) == BadgeCredential(badge="04A2B7C1")
    assert keyboard.enter("ctrl+j") is None, "the second half of CR LF"


def test_backspace_takes_back_the_last_key_and_then_the_number(keyboard: Keyboard) -> None:
    keyboard.type("1042")
    keyboard.enter()
    keyboard.type("4")
    keyboard.input.press("backspace", "\x7f", 1.0)
    assert (keyboard.input.typed, keyboard.input.number) == ("", "1042")
    keyboard.input.press("backspace", "\x7f", 1.0)
    assert keyboard.input.empty


def test_escape_forgets_all(keyboard: Keyboard) -> None:
    keyboard.type("1042")
    keyboard.enter()
    keyboard.type("47")
    keyboard.input.press("escape", "\x1b", 1.0)
    assert keyboard.input.empty


def test_blanks_and_keys_with_a_modifier_are_no_input(keyboard: Keyboard) -> None:
    keyboard.type("   ")
    assert keyboard.enter() is None
    for key, character in (("alt+a", "a"), ("ctrl+shift+v", "v"), ("super+l", "l")):
        keyboard.input.press(key, character, 1.0)
    assert keyboard.input.empty


def test_too_much_is_not_cut_down_to_something_that_could_be_a_badge(keyboard: Keyboard) -> None:
    keyboard.type("A" * (MAX_CHARACTERS + 1), READER_SECONDS)
    assert keyboard.enter() is Unreadable.TOO_LONG
    assert keyboard.scan("04A2B7C1") == BadgeCredential(badge="04A2B7C1")


def test_a_reader_with_a_foreign_layout_is_unreadable(keyboard: Keyboard) -> None:
    keyboard.type("àéèçà'(§è", READER_SECONDS)
    assert keyboard.enter() is Unreadable.FOREIGN


@settings(deadline=None)
@given(
    presses=st.lists(
        st.tuples(
            st.sampled_from(["enter", "backspace", "escape", "tab", "f13", "ctrl+c", "x"]) | st.text(max_size=3),
            st.none() | st.characters() | st.text(max_size=3),
            st.none() | st.floats(allow_nan=False),
        ),
        max_size=80,
    )
)
def test_whatever_is_pressed_nothing_is_raised_and_what_comes_out_can_be_sealed(
    presses: list[tuple[str, str | None, float | None]],
) -> None:
    key = X25519PrivateKey.generate().public_key()
    typed = BadgeInput()
    for name, character, at in presses:
        entered = typed.press(name, character, at)
        assert len(typed.typed) <= MAX_CHARACTERS
        if entered is not None and not isinstance(entered, Unreadable):
            assert seal(entered, key, device_id=uuid4(), log_id=uuid4(), seq=1)


@pytest.mark.parametrize("worst", ['"', "\\", "9"])
def test_the_longest_input_fits_a_sealed_credential(worst: str) -> None:
    key = X25519PrivateKey.generate().public_key()
    longest = worst * MAX_CHARACTERS
    for credential in (
        BadgeCredential(badge=longest),
        NumberCredential(employee_number="9" * MAX_CHARACTERS, pin=longest),
    ):
        assert seal(credential, key, device_id=uuid4(), log_id=uuid4(), seq=1)
