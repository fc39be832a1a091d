"""Credentials on their way: HPKE (RFC 9180) base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305.

A credential is bound to its place in a device's journal by `info`, so that sealed bytes moved to another
punch don't open; and padded, so that their length says nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from protocol import SUBPROTOCOL
from protocol.codec import build_decoders, loads
from protocol.errors import Malformed

PLAINTEXT_BYTES: Final = 128
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class SealBroken(ValueError):
    """Bytes that don't open with this key at this place, or that hold no credential."""


class BadgeCredential(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A scanned badge, with the PIN where a site asks for one."""

    badge: str
    pin: str | None = None

    def __repr__(self) -> str:  # a log or a traceback must not hold what it opens
        return "BadgeCredential(…)"


class NumberCredential(msgspec.Struct, kw_only=True, frozen=True):
    """An employee number and its PIN, both exactly as typed."""

    employee_number: str
    pin: str

    def __repr__(self) -> str:
        return "NumberCredential(…)"


Credential = BadgeCredential | NumberCredential
build_decoders(BadgeCredential, NumberCredential)


def seal(credential: Credential, key: X25519PublicKey, *, device_id: UUID, log_id: UUID, seq: int) -> bytes:
    """Encapsulated key ‖ ciphertext (176 bytes). ValueError when the credential is too long to be padded."""
    plaintext = msgspec.json.encode(credential).ljust(PLAINTEXT_BYTES)
    if len(plaintext) > PLAINTEXT_BYTES:
        raise ValueError(f"a credential has at most {PLAINTEXT_BYTES} bytes")
    return _SUITE.encrypt(plaintext, key, info=_place(device_id, log_id, seq))


def open_sealed(sealed: bytes, key: X25519PrivateKey, *, device_id: UUID, log_id: UUID, seq: int) -> Credential:
    """The credential inside, whatever the grammar of its badge or number; raises SealBroken."""
    try:
        plaintext = _SUITE.decrypt(sealed, key, info=_place(device_id, log_id, seq))
    except (InvalidTag, ValueError):
        raise SealBroken("does not open") from None
    if len(plaintext) != PLAINTEXT_BYTES:
        raise SealBroken("not padded as agreed")
    try:
        fields = loads(plaintext.rstrip(b" ").decode())
        if isinstance(fields, dict) and "badge" in fields and "employee_number" not in fields:
            return msgspec.convert(fields, BadgeCredential)
        return msgspec.convert(fields, NumberCredential)
    except (Malformed, UnicodeDecodeError, msgspec.ValidationError):
        raise SealBroken("holds no credential") from None


def _place(device_id: UUID, log_id: UUID, seq: int) -> bytes:
    return b"%b%d" % (_journal(device_id, log_id), seq)


@lru_cache(maxsize=4_096)  # a hub has the same few journals' punches before it all day
def _journal(device_id: UUID, log_id: UUID) -> bytes:
    return f"{SUBPROTOCOL}|sealed|{device_id}|{log_id}|".encode()
