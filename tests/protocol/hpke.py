"""HPKE base mode as RFC 9180 writes it, from primitives alone: a second opinion on the library that seals.

DHKEM(X25519, HKDF-SHA256) (0x0020), HKDF-SHA256 (0x0001), ChaCha20Poly1305 (0x0003); one message a context.
"""

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0003))


def seal(
    plaintext: bytes, key: X25519PublicKey, ephemeral: X25519PrivateKey, *, info: bytes, aad: bytes = b""
) -> bytes:
    """Encapsulated key ‖ ciphertext (RFC 9180 sections 4.1, 5.1.1, 5.2)."""
    encapsulated = ephemeral.public_key().public_bytes_raw()
    secret = _shared(ephemeral.exchange(key), encapsulated + key.public_bytes_raw())
    aead, nonce = _schedule(secret, info)
    return encapsulated + aead.encrypt(nonce, plaintext, aad)


def unseal(sealed: bytes, key: X25519PrivateKey, *, info: bytes, aad: bytes = b"") -> bytes:
    """The plaintext; raises InvalidTag."""
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    shared = key.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    secret = _shared(shared, encapsulated + key.public_key().public_bytes_raw())
    aead, nonce = _schedule(secret, info)
    return aead.decrypt(nonce, ciphertext, aad)


def _shared(exchanged: bytes, context: bytes) -> bytes:
    return _expand(_extract(b"", b"eae_prk", exchanged, _KEM), b"shared_secret", context, 32, _KEM)


def _schedule(secret: bytes, info: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    context = b"\0" + _extract(b"", b"psk_id_hash", b"", _SUITE) + _extract(b"", b"info_hash", info, _SUITE)
    prk = _extract(secret, b"secret", b"", _SUITE)
    return (
        ChaCha20Poly1305(_expand(prk, b"key", context, 32, _SUITE)),
        _expand(prk, b"base_nonce", context, 12, _SUITE),
    )


def _extract(salt: bytes, label: bytes, material: bytes, suite: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite + label + material, sha256)


def _expand(prk: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    # One block of HKDF-Expand: no key here is longer than the hash.
    return hmac.digest(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01", sha256)[:length]
