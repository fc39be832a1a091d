from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import ErrorCode
from protocol.signing import device_assertion
from server.errors import Refused
from server.services.device_assertion import claimed_device, is_device_assertion, verify_assertion

NOW = datetime(2026, 11, 24, 8, 0, 0, 700_000, tzinfo=UTC)
DEVICE = UUID("0192f000-0000-7000-8000-000000000001")
NONCE = "n" * 43
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()


def verify(token: str, *, now: datetime = NOW) -> UUID:
    return verify_assertion(token, PUBLIC, nonce=NONCE, now=now, leeway_seconds=5)


def signed(
    *, key: Ed25519PrivateKey = KEY, typ: str | None = "device+jwt", without: str | None = None, **changes: object
) -> str:
    issued = int(NOW.timestamp())
    claims = {
        "iss": str(DEVICE),
        "sub": str(DEVICE),
        "aud": "attendance-device",
        "nonce": NONCE,
        "iat": issued,
        "exp": issued + 60,
    } | changes
    kept = {name: value for name, value in claims.items() if name != without}
    return jwt.encode(kept, key, algorithm="EdDSA", headers={"typ": typ})


def test_a_kiosks_own_assertion_is_good() -> None:
    token = device_assertion(KEY, device_id=DEVICE, nonce=NONCE, server_time=NOW)
    assert is_device_assertion(token)
    assert claimed_device(token) == DEVICE
    assert verify(token) == DEVICE
    assert verify(token, now=NOW + timedelta(seconds=59)) == DEVICE
    assert verify(token, now=NOW - timedelta(seconds=5)) == DEVICE  # rounding alone puts `iat` ahead
    with pytest.raises(Refused, match="not of this time"):
        verify(token, now=NOW + timedelta(seconds=60))


def test_one_that_another_library_made_is_good() -> None:
    assert verify(signed()) == DEVICE
    assert verify(signed(iat=NOW.timestamp(), exp=NOW.timestamp() + 59.5)) == DEVICE


SECONDS = int(NOW.timestamp())
OTHER = str(uuid4())
BAD = {
    "another nonce": signed(nonce="m" * 43),
    "nonce is a number": signed(nonce=7),
    "nonce is no ascii": signed(nonce="ñ"),
    "no nonce": signed(without="nonce"),
    "another key": signed(key=Ed25519PrivateKey.generate()),
    "a person's typ": signed(typ="at+jwt"),
    "no typ": signed(typ=None),
    "another audience": signed(aud="attendance"),
    "a list of audiences": signed(aud=["attendance-device"]),
    "iss is not sub": signed(iss=OTHER),
    "sub is no uuid": signed(iss="kiosk", sub="kiosk"),
    "no iss": signed(without="iss"),
    "no exp": signed(without="exp"),
    "no iat": signed(without="iat"),
    "61 s": signed(exp=SECONDS + 61),
    "exp before iat": signed(exp=SECONDS - 1),
    "exp is text": signed(exp=str(SECONDS + 60)),
    "long ago": signed(iat=SECONDS - 120, exp=SECONDS - 60),
    "far ahead": signed(iat=SECONDS + 30, exp=SECONDS + 60),
    "no token": "hello",
    "empty": "",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_a_bad_assertion_is_refused(token: str) -> None:
    with pytest.raises(Refused) as caught:
        verify(token)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_an_hmac_over_the_public_key_is_refused() -> None:
    token = jwt.encode(jwt.decode(signed(), options={"verify_signature": False}), PUBLIC, headers={"typ": "device+jwt"})
    with pytest.raises(Refused):
        verify(token)


def test_a_persons_token_is_told_from_a_kiosks() -> None:
    assert not is_device_assertion(signed(typ="at+jwt"))
    with pytest.raises(Refused):
        is_device_assertion("no token")
