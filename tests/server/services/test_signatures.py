"""Signatures that honest devices make, and those that only someone at pains to confuse two libraries would."""

from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from server.services.signatures import is_signature
from tests.server.services.curve import BASE, ORDER, SMALL, P, add, challenge, encoded, scalar, times

MESSAGE: Final = b'attendance.v1|punch|{"seq":1}'
SECRET, NONCE = 2**251 + 1_234_567, 2**250 + 7_654_321
KEY: Final = encoded(times(SECRET, BASE))
R: Final = encoded(times(NONCE, BASE))

Case = tuple[bytes, bytes, bytes]
"""(signature, message, public key)"""


def openssl(signature: bytes, message: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(r: bytes = R, key: bytes = KEY, message: bytes = MESSAGE, secret: int = SECRET, nonce: int = NONCE) -> Case:
    """What the holder of `secret` signs who may choose `R` and the key's bytes freely."""
    s = (nonce + challenge(r, key, message) * secret) % ORDER
    return r + scalar(s), message, key


def with_message(fits: bool, turn: int, key: bytes, r: bytes = R) -> bytes:
    """A message by whose challenge the small part of the key, `turn` eighths, vanishes or stays."""
    for number in count():
        message = MESSAGE + str(number).encode()
        if (challenge(r, key, message) * turn % 8 == 0) is fits:
            return message
    raise AssertionError("unreachable")


def spoilt() -> Iterator[tuple[str, Case]]:
    """What both refuse."""
    signature, message, key = signed()
    s = int.from_bytes(signature[32:], "little")
    yield "s plus the order", (signature[:32] + scalar(s + ORDER), message, key)
    yield "s with its highest bits", (signature[:63] + bytes([signature[63] | 0xE0]), message, key)
    yield "s of zeros", (signature[:32] + bytes(32), message, key)
    yield "another message", (signature, message + b" ", key)
    yield "another key", (signature, message, encoded(times(SECRET + 1, BASE)))
    for turn in range(1, 8):
        yield f"R with a part of small order, {turn}", signed(encoded(add(times(NONCE, BASE), SMALL[turn])))
        mixed = encoded(add(times(SECRET, BASE), SMALL[turn]))
        yield (
            f"a key with a part of small order, {turn}, that stays",
            signed(key=mixed, message=with_message(False, turn, mixed)),
        )
    neutral_otherwise = scalar(1 + P)
    yield "R in another spelling", signed(neutral_otherwise, nonce=0)
    yield "a key that is no point", (signature, message, scalar(2))


def sound() -> Iterator[tuple[str, Case]]:
    """What both accept."""
    yield "as signed", signed()
    for turn in range(1, 8):
        mixed = encoded(add(times(SECRET, BASE), SMALL[turn]))
        yield (
            f"a key with a part of small order, {turn}, that vanishes",
            signed(key=mixed, message=with_message(True, turn, mixed)),
        )


def nobodys() -> Iterator[tuple[str, Case]]:
    """What OpenSSL accepts although it says nothing about who signed; the hub doesn't."""
    for turn in range(8):
        key = encoded(SMALL[turn])
        message = with_message(True, turn, key)
        yield f"a key of small order, {turn}", signed(key=key, message=message, secret=0)
    neutral = encoded(SMALL[0])
    yield "R of small order", signed(neutral, nonce=0)
    yield "a key and R of small order", (neutral + bytes(32), MESSAGE, neutral)
    yield "a key in another spelling", signed(key=scalar(1 + P), secret=0)
    yield "a key with the sign of zero", signed(key=scalar(1 | 1 << 255), secret=0)


def named(cases: Iterator[tuple[str, Case]]) -> list[object]:
    return [pytest.param(case, id=name) for name, case in cases]


@pytest.mark.parametrize("case", named(sound()))
def test_what_openssl_accepts_of_an_honest_key_is_accepted(case: Case) -> None:
    assert openssl(*case)
    assert is_signature(*case)


@pytest.mark.parametrize("case", named(spoilt()))
def test_what_openssl_refuses_is_refused(case: Case) -> None:
    assert not openssl(*case)
    assert not is_signature(*case)


@pytest.mark.parametrize("case", named(nobodys()))
def test_a_signature_that_anybody_could_have_made_is_none(case: Case) -> None:
    assert openssl(*case)
    assert not is_signature(*case)


@given(message=st.binary(max_size=2_000), flipped=st.integers(0, 64 * 8 - 1))
def test_a_librarys_own_signature_is_good_and_one_bit_spoils_it(message: bytes, flipped: int) -> None:
    key = Ed25519PrivateKey.generate()
    public_key, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert is_signature(signature, message, public_key)
    spoilt = bytearray(signature)
    spoilt[flipped // 8] ^= 1 << flipped % 8
    assert not is_signature(bytes(spoilt), message, public_key)


def test_only_whole_signatures_and_keys_are_looked_at() -> None:
    """What stands behind the 64 bytes of a signature would else be taken for the beginning of the text."""
    signature, message, key = signed()
    assert not is_signature(signature + message[:9], message[9:], key)
    assert not is_signature(signature[:63], signature[63:] + message, key)
    assert not is_signature(signature, message, key[:31])
    assert not is_signature(signature, message, key + b"\0")
    assert not is_signature(b"", b"", b"")
