"""Punches as kiosks write them are read on a short way of their own: it must say what the long way says."""

import json
from collections.abc import Callable
from typing import Final

import pytest

from protocol.codec import decode_command, decode_punch, encode, read_envelope
from protocol.commands import PunchRecord
from protocol.errors import Invalid, Malformed
from tests.protocol import samples

PUNCH: Final = encode(samples.A_PUNCH).decode()
RECORD: Final = PunchRecord(id=3, punch=PUNCH, signature=samples.SIGNATURE, sealed=samples.DIGEST)
TEXT: Final = encode(RECORD).decode()


def record_of(text: str) -> object:
    return decode_command(read_envelope(text))


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(str, id="as it is"),
        pytest.param(lambda text: text.replace(",", ", "), id="with spaces"),
        pytest.param(lambda text: json.dumps(dict(reversed(json.loads(text).items()))), id="in another order"),
        pytest.param(lambda text: f'{text[:-1]},"newer":[1]}}', id="with a field of a newer version"),
        pytest.param(lambda text: text.replace('"kind"', r'"\u006bind"'), id="with an escape"),
    ],
)
def test_a_punch_says_the_same_however_it_is_spelled(spelled: Callable[[str], str]) -> None:
    assert decode_punch(spelled(PUNCH)) == samples.A_PUNCH


@pytest.mark.parametrize("text", [TEXT, f'{TEXT[:-1]},"newer":1}}', f" {TEXT}", json.dumps(json.loads(TEXT))])
def test_a_record_says_the_same_however_it_is_spelled(text: str) -> None:
    assert record_of(text) == RECORD


@pytest.mark.parametrize("key", ["id", "punch", "signature", "sealed", "after_loss", "type"])
def test_a_record_with_a_key_twice_is_malformed(key: str) -> None:
    value = json.dumps(json.loads(TEXT)[key])
    begins, rest = TEXT.split(",", 1)
    with pytest.raises(Malformed, match="duplicate key"):
        read_envelope(f'{begins},"{key}":{value},{rest}')


@pytest.mark.parametrize("key", json.loads(PUNCH))
def test_a_punch_with_a_key_twice_is_invalid(key: str) -> None:
    with pytest.raises(Invalid, match="duplicate key"):
        decode_punch(f'{PUNCH[:-1]},"{key}":{json.dumps(json.loads(PUNCH)[key])}}}')
