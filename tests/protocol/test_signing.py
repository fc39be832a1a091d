"""What devices sign, as bytes that never change: a chain in the field was signed over these."""

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.codec import decode_punch
from protocol.signing import (
    device_assertion,
    fingerprint,
    punch_digest,
    punch_text,
    sealed_digest,
    sign_punch,
    signed_bytes,
)
from protocol.values import from_binary
from tests.protocol import samples

# RFC 8032, section 7.1, test 3.
KEY: Final = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
)
PUBLIC: Final = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
RFC_SIGNATURE: Final = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
TEXT: Final = punch_text(samples.A_PUNCH)
SIGNATURE: Final = "Jijcevwf51Ua8S7Hs_ZnLyrXnpAxstZzt2jiD430bjmGdkQnWWHAqUsAAKgH5CQoXVrYX4hjf2RBQ3JOtq_iBQ"
DIGEST: Final = "Sy2bG0jZx-21C6hikP963wFyvI9KP63bktZ-pTmvatc"
ASSERTION: Final = (
    "eyJhbGciOiJFZERTQSIsInR5cCI6ImRldmljZStqd3QifQ.eyJpc3MiOiIwMTkwYjdhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwM"
    "DAwMzEiLCJzdWIiOiIwMTkwYjdhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMzEiLCJhdWQiOiJhdHRlbmRhbmNlLWRldmljZ"
    "SIsIm5vbmNlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsImlhdCI6MTc5NTUyMTYwMCwiZ"
    "XhwIjoxNzk1NTIxNjYwfQ.yicg_e9yxBC1J2hSOb3yto_As3xTfyyuRLSYCFFQPYAdp7DNs0P7kha3oSZ9KhTuUB7u5zfm_bS5af"
    "29T4XrAw"
)


def test_the_library_signs_as_the_rfc_says() -> None:
    assert KEY.public_key().public_bytes_raw() == PUBLIC
    assert KEY.sign(bytes.fromhex("af82")) == RFC_SIGNATURE


def test_a_punch_has_this_signature_and_no_other() -> None:
    assert sign_punch(KEY, TEXT) == SIGNATURE
    KEY.public_key().verify(from_binary(SIGNATURE), b"attendance.v1|punch|" + TEXT.encode())
    assert signed_bytes(TEXT) == b"attendance.v1|punch|" + TEXT.encode()


def test_the_next_punch_names_this_digest() -> None:
    assert punch_digest(TEXT) == DIGEST
    assert from_binary(DIGEST) == hashlib.sha256(b"attendance.v1|punch|" + TEXT.encode()).digest()
    assert decode_punch(TEXT.replace(samples.DIGEST, DIGEST)).previous == DIGEST


def test_the_sealed_bytes_are_named_by_their_plain_hash() -> None:
    assert from_binary(sealed_digest(b"abc")).hex() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    )


def test_an_assertion_is_dated_by_the_hub_and_bound_to_its_nonce() -> None:
    made = device_assertion(
        KEY, device_id=samples.DEVICE, nonce=samples.DIGEST, server_time=datetime(2026, 11, 24, 12, tzinfo=UTC)
    )
    assert made == ASSERTION
    header, claims, signature = made.split(".")
    assert msgspec.json.decode(from_binary(header)) == {"alg": "EdDSA", "typ": "device+jwt"}
    assert msgspec.json.decode(from_binary(claims)) == {
        "iss": str(samples.DEVICE),
        "sub": str(samples.DEVICE),
        "aud": "attendance-device",
        "nonce": samples.DIGEST,
        "iat": 1_795_521_600,
        "exp": 1_795_521_660,
    }
    KEY.public_key().verify(from_binary(signature), f"{header}.{claims}".encode())


def test_a_fingerprint_is_the_hash_of_the_raw_key() -> None:
    assert from_binary(fingerprint(KEY.public_key())) == hashlib.sha256(PUBLIC).digest()
