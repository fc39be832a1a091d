"""What a kiosk signs: punches, and the assertion by which it signs in. Ed25519 (RFC 8032), JWS (RFC 7515)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol import SUBPROTOCOL
from protocol.commands import Punch
from protocol.values import to_binary

_PUNCH_PREFIX = f"{SUBPROTOCOL}|punch|".encode()
_KEY_PREFIX = f"{SUBPROTOCOL}|key|"
DEVICE_TOKEN_TYPE = "device+jwt"  # noqa: S105 - a media type, no secret
DEVICE_AUDIENCE = "attendance-device"
ASSERTION_SECONDS = 60
"""Longest life of a kiosk's assertion."""


def punch_text(punch: Punch) -> str:
    """The JSON text of a punch, made once and then kept: what is signed, stored and sent is this text."""
    return msgspec.json.encode(punch).decode()


def signed_bytes(text: str) -> bytes:
    """What a punch's signature covers, and what the next punch's `previous` is the SHA-256 of."""
    return _PUNCH_PREFIX + text.encode()


def punch_digest(text: str) -> str:
    """SHA-256 of a punch as the next punch's `previous` names it (base64url)."""
    return to_binary(hashlib.sha256(signed_bytes(text)).digest())


def sign_punch(key: Ed25519PrivateKey, text: str) -> str:
    """Signature over a punch's text (base64url of 64 bytes)."""
    return to_binary(key.sign(signed_bytes(text)))


def sealed_digest(sealed: bytes) -> str:
    """SHA-256 of the sealed credential, as `sealed_sha256` names it (base64url)."""
    return to_binary(hashlib.sha256(sealed).digest())


def device_assertion(key: Ed25519PrivateKey, *, device_id: UUID, nonce: str, server_time: datetime) -> str:
    """A kiosk's own token for one connection, dated by the hub's clock since its own may be wrong."""
    header = {"alg": "EdDSA", "typ": DEVICE_TOKEN_TYPE}
    claims = {
        "iss": str(device_id),
        "sub": str(device_id),
        "aud": DEVICE_AUDIENCE,
        "nonce": nonce,
        "iat": int(server_time.timestamp()),
        "exp": int((server_time + timedelta(seconds=ASSERTION_SECONDS)).timestamp()),
    }
    signed = ".".join(to_binary(msgspec.json.encode(part)) for part in (header, claims))
    return f"{signed}.{to_binary(key.sign(signed.encode()))}"


def new_key_bytes(device_id: UUID, public_key: str) -> bytes:
    """What `device.rotate_key.proof` covers: `public_key` is the new key as it stands beside the proof (base64url)."""
    return f"{_KEY_PREFIX}{device_id}|{public_key}".encode()


def prove_new_key(key: Ed25519PrivateKey, device_id: UUID) -> str:
    """A new key's own signature, which proves that its public half isn't somebody else's (base64url)."""
    return to_binary(key.sign(new_key_bytes(device_id, to_binary(key.public_key().public_bytes_raw()))))


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key (base64url), which an admin compares before confirming a kiosk."""
    return raw_fingerprint(key.public_bytes_raw())


def raw_fingerprint(public_key: bytes) -> str:
    """`fingerprint` of a raw public key (32 bytes)."""
    return to_binary(hashlib.sha256(public_key).digest())
