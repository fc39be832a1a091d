"""Ed25519 checks (RFC 8032) by libsodium: half of OpenSSL's time, and other threads run meanwhile.

What libsodium accepts, OpenSSL accepts. It refuses more: keys and `R` of small order, and keys that aren't in their
one spelling, under all of which a signature says nothing about who signed. No honest device makes such.
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


def is_signature(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """Whether `signature` is that of `public_key` (raw) over `message`."""
    # The library reads 32 bytes of whatever key it gets, and takes what a longer signature has too much for text.
    if len(public_key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def is_signing_key(public_key: bytes) -> bool:
    """Whether a raw key is one under which signatures say who signed: in its one spelling, and of the large order."""
    return len(public_key) == _KEY_BYTES and crypto_core_ed25519_is_valid_point(public_key)
