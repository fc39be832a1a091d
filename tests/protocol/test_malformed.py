"""What section 1 of the contract calls malformed, on the short way and on the long one, in bounded time."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import (
    decode_command,
    decode_hub_frame,
    decode_punch,
    loads,
    read_envelope,
)
from protocol.errors import Invalid, Malformed, UnknownCommand
from protocol.values import MAX_DEPTH

LIMIT: Final = 2**53
FRAME_BYTES: Final = 65_535

VALUES_THAT_NOBODY_MAY_SEND: Final = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e999": "1e999",
    "-1E+400": "-1E+400",
    "overflow without an exponent": f"{'9' * 400}.5",
    "2^53 + 1": str(LIMIT + 1),
    "-2^53 - 1": str(-LIMIT - 1),
    "2^63": str(2**63),
    "2^64": str(2**64),
    "forty digits": "9" * 40,
    "five thousand digits": "7" * 5_000,
    "a million digits": "8" * 1_000_000,
    "a negative million digits": f"-{'8' * 1_000_000}",
    "duplicate key": '{"a":1,"a":1}',
    "duplicate key, spelled otherwise": r'{"a":1,"\u0061":2}',
    "nested duplicate key": '[{"b":{"c":[{"d":0,"d":0}]}}]',
    "escaped NUL": r'"a\u0000b"',
    "escaped NUL in a key": r'{"\u0000":1}',
    "raw NUL": '"a\0b"',
    "raw newline in text": '"a\nb"',
    "lone high surrogate": r'"\ud83d"',
    "lone low surrogate": r'"\ude00"',
    "surrogates the wrong way round": r'"\ude00\ud83d"',
    "lone surrogate in a key": r'{"\udfff":1}',
    "raw lone surrogate": '"\ud800"',
    "too deep": "[" * MAX_DEPTH + "]" * MAX_DEPTH,
    "far too deep": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "deep, and never closed": "[" * 60_000,
    "leading zero": "01",
    "leading plus": "+1",
    "hexadecimal": "0x10",
    "single quotes": "'a'",
    "trailing comma": "[1,]",
    "comment": "1/**/",
    "bad escape": r'"\x41"',
    "nothing": "",
}

FORMS: Final[dict[str, Callable[[str], str]]] = {
    "compact": lambda value: f'{{"v":{value}}}',
    "spaced": lambda value: f'{{"v": {value} }}',
    "beside an escape": lambda value: rf'{{"\u00e9":0,"v":{value}}}',
    "beside brackets in text": lambda value: f'{{"w":"{"[" * 40}","v":{value}}}',
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("value", VALUES_THAT_NOBODY_MAY_SEND.values(), ids=VALUES_THAT_NOBODY_MAY_SEND)
def test_a_value_that_readers_disagree_about_is_malformed(value: str, form: Callable[[str], str]) -> None:
    begun = time.perf_counter()
    with pytest.raises(Malformed):
        loads(form(value))
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", '{"a"}', '{"a":1}}', "{}{}", '{"a":1}\0', "\ufeff{}", '{"type":"hub.status","id":1} x', '"'],
)
def test_what_is_not_one_value_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        loads(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 33 + '"' + '\\"' * 32_700, "[" * 33 + '\\"' * 32_700, "[" * 33 + '"' + "\\" * 65_500, '"[' * 32_767],
    ids=["a string of quotes that never ends", "quotes outside", "backslashes", "strings back to back"],
)
def test_a_hostile_frame_costs_linear_time(text: str) -> None:
    assert len(text) <= FRAME_BYTES
    begun = time.perf_counter()
    with pytest.raises(Malformed):
        loads(text)
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    ("value", "means"),
    [
        (str(LIMIT), LIMIT),
        (str(-LIMIT), -LIMIT),
        ("-0", 0),
        ("1.5e300", 1.5e300),
        ("9007199254740993.0", 9007199254740992.0),
        (r'"\ud83d\ude00"', "😀"),
        ('"😀 ÿ  "', "😀 ÿ  "),
        (r'"\/\b\f\n\r\t\"\\"', '/\b\f\n\r\t"\\'),
        ('"[[[[{{{{"', "[[[[{{{{"),
        ("[" * (MAX_DEPTH - 2) + "[]" + "]" * (MAX_DEPTH - 2), None),
        ("[" + ",".join(["[]"] * 500) + "]", [[]] * 500),
    ],
)
def test_what_the_limits_allow_is_read(form: Callable[[str], str], value: str, means: object) -> None:
    found = loads(form(value))
    assert isinstance(found, dict)
    assert found["v"] == (json.loads(value) if means is None else means)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '"text"',
        "null",
        "{}",
        '{"type":"hub.status"}',
        '{"id":1}',
        '{"type":1,"id":1}',
        '{"type":null,"id":1}',
        '{"type":"hub.status","id":"1"}',
        '{"type":"hub.status","id":true}',
        '{"type":"hub.status","id":1.0}',
        '{"type":"hub.status","id":null}',
    ],
)
def test_an_envelope_needs_a_type_and_an_id(text: str) -> None:
    with pytest.raises(Malformed):
        read_envelope(text)


def test_an_unknown_type_is_an_unknown_command() -> None:
    with pytest.raises(UnknownCommand):
        decode_command(read_envelope('{"type":"hub.explode","id":1}'))


@pytest.mark.parametrize("text", ["{}", "[]", '[{"type":1}]', "[1]", "[[]]", '[{"re":1}]'])
def test_a_hub_frame_is_an_array_of_messages(text: str) -> None:
    with pytest.raises(Malformed):
        decode_hub_frame(text)


@pytest.mark.parametrize("value", VALUES_THAT_NOBODY_MAY_SEND.values(), ids=VALUES_THAT_NOBODY_MAY_SEND)
def test_inside_a_punch_the_same_is_invalid(value: str) -> None:
    with pytest.raises(Invalid) as fault:
        decode_punch(f'{{"seq":{value}}}')
    assert fault.value.field == "punch"


@pytest.mark.parametrize("text", ["[]", '"{}"', "1"])
def test_a_punch_is_an_object(text: str) -> None:
    with pytest.raises(Invalid, match="not an object"):
        decode_punch(text)


_KEYS: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers(-LIMIT, LIMIT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
)
_JSON: Final = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


def _same(left: object, right: object) -> bool:
    """Equal with types: 1 is not True and not 1.0, and -0.0 is not 0.0."""
    match left, right:
        case dict(), dict():
            return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
        case list(), list():
            return len(left) == len(right) and all(map(_same, left, right))
        case float(), float():
            return left == right and math.copysign(1, left) == math.copysign(1, right)
        case _:
            return type(left) is type(right) and left == right


@settings(max_examples=200, deadline=None)
@given(value=_JSON, ascii_only=st.booleans(), separators=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\n\t")]))
def test_valid_json_is_read_as_everyone_reads_it(value: object, ascii_only: bool, separators: tuple[str, str]) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    assert _same(loads(text), json.loads(text))


_SCRAPS: Final = st.lists(
    st.sampled_from('{}[]:,"\\ \n-0.é\0\ud800')
    | st.sampled_from(['"a"', '"a":', "1", "e9", "9" * 20, "null", "true", "NaN", "Infinity", "[" * 33, "]" * 33])
    | st.sampled_from([r"\u0000", r"\ud800", r"\udc00", '{"id":1,"type":"auth"}']),
    max_size=25,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(text=_SCRAPS | st.text(max_size=40))
def test_whatever_comes_is_read_or_malformed(text: str) -> None:
    try:
        value = loads(text)
    except Malformed:
        return
    # Whatever is accepted, every strict reader takes for the same.
    assert _same(value, json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} was accepted")))
    json.dumps(value, ensure_ascii=False).encode()


@settings(max_examples=200, deadline=None)
@given(text=_SCRAPS | st.text(max_size=40) | _JSON.map(json.dumps))
def test_no_reader_lets_anything_else_escape(text: str) -> None:
    with contextlib.suppress(Malformed, Invalid, UnknownCommand):
        decode_command(read_envelope(text))
    with contextlib.suppress(Malformed, Invalid):
        decode_hub_frame(text)
    with contextlib.suppress(Invalid):
        decode_punch(text)
