"""The pairing code's grammar: however it is typed, it is the same code, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.pairing import CODE_BYTES, NotAPairingCode, in_groups, qr_text, read_code, spell_code

CODES = st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES).map(spell_code)
SEPARATORS = st.text("- _.,:;/'\t\n–—", max_size=3)


@given(st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES), st.binary(min_size=CODE_BYTES, max_size=CODE_BYTES))
def test_each_code_is_spelled_in_four_groups_and_stands_for_one_secret(one: bytes, other: bytes) -> None:
    code = spell_code(one)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert not set(code) & set("ILOUilou")
    assert (read_code(code) == read_code(spell_code(other))) == (one == other)


@given(st.data(), CODES)
def test_case_separators_and_look_alikes_make_no_difference(data: st.DataObject, code: str) -> None:
    look_alikes = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(
        data.draw(SEPARATORS) + data.draw(st.sampled_from(look_alikes.get(letter, letter + letter.lower())))
        for letter in read_code(code)
    )
    assert read_code(typed + data.draw(SEPARATORS)) == read_code(code)


@given(CODES)
def test_a_scanner_may_type_the_qr_code_with_another_keyboard_layout(code: str) -> None:
    text = qr_text(code)
    assert text == f"attendance-pair:{code.replace('-', '')}"
    for typed in (
        text,
        text.upper(),
        text.replace("-", "'").replace(":", "Ñ"),
        f"  {text}\n",
        f"attendance-pair:{code}",
    ):
        assert read_code(typed) == read_code(code)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_code_or_is_said_to_be_none(typed: str) -> None:
    try:
        code = read_code(typed)
    except NotAPairingCode:
        return
    assert len(code) == 16
    assert code.isascii()
    assert read_code(code) == code


@pytest.mark.parametrize(
    "typed", ["", "7K3M", "7K3M-Q0ZD-4VXR-9H2", "7K3M-Q0ZD-4VXR-9H2TT", "7K3M-Q0ZD-4VXR-9H2U", "ß" * 8]
)
def test_what_is_no_code(typed: str) -> None:
    with pytest.raises(NotAPairingCode):
        read_code(typed)


def test_every_bit_is_in_the_code() -> None:
    assert spell_code(bytes(CODE_BYTES)) == "0000-0000-0000-0000"
    assert spell_code(b"\xff" * CODE_BYTES) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert len({spell_code((1 << bit).to_bytes(CODE_BYTES, "big")) for bit in range(80)}) == 80
    with pytest.raises(ValueError, match="bytes"):
        spell_code(b"short")


def test_a_fingerprint_is_compared_in_groups_of_four() -> None:
    assert in_groups("abcdefghij") == "abcd efgh ij"
