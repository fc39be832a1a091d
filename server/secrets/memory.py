"""What both providers do with keys that are in memory: the whole hot path. Where keys come from is theirs.

The keys in memory are one snapshot, replaced as a whole: threads that open seals read one state or the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.replies import SealingKey
from protocol.values import to_binary
from server.secrets.first_format import FIRST_DATA_KEY
from server.secrets.keyring import Keyring, KeyVersion, Rotation, current, key_bytes
from server.secrets.provider import BlobBroken, KeyEnded, KeyInfo, KeyKind, Login

_FIRST_BLOB: Final = b"\x01"
"""A blob of the first key-encryption key, which had no id."""
_BLOB: Final = b"\x02"
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12


class Unlocked:
    """A keyring's keys, made ready."""

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring
        self.badge, self.number, self.refresh, self.hash = (
            _keyed(ring.of(kind)[0]) for kind in (KeyKind.BADGE, KeyKind.NUMBER, KeyKind.REFRESH, KeyKind.HASH)
        )
        # A pepper that a key service keeps has no secret here.
        self.peppers = {v.id: _keyed(v) if v.secret else None for v in ring.of(KeyKind.PIN)}
        self.data = {bytes.fromhex(v.id): AESGCM(key_bytes(v)) for v in ring.of(KeyKind.DATA)}
        self.tokens = {v.id: Ed25519PrivateKey.from_private_bytes(key_bytes(v)) for v in ring.of(KeyKind.TOKEN)}
        self.public_tokens = {kid: key.public_key() for kid, key in self.tokens.items()}
        self.sealing = {v.id: X25519PrivateKey.from_private_bytes(key_bytes(v)) for v in ring.of(KeyKind.SEALING)}
        self.public_sealing = {
            v.id: SealingKey(
                id=v.id,
                public_key=to_binary(self.sealing[v.id].public_key().public_bytes_raw()),
                not_after=v.not_after or "",
            )
            for v in ring.of(KeyKind.SEALING)
        }


class KeyringSecrets:
    """The in-memory half of a SecretsProvider. A subclass keeps `_keys` fresh by `_take`, and may guard its reading."""

    def __init__(self, ring: Keyring, *, clock: Callable[[], datetime], rotation: Rotation) -> None:
        self._clock = clock
        self._rotation = rotation
        self._unlocked = Unlocked(ring)
        self._announced = self.public_sealing_keys()

    @property
    def _keys(self) -> Unlocked:
        """The keys; a subclass raises SecretsUnavailable where it may keep them no longer."""
        return self._unlocked

    def _take(self, ring: Keyring) -> None:
        if ring != self._unlocked.ring:
            self._unlocked = Unlocked(ring)

    def _look_again(self) -> None:
        """An unknown key id is asked for: another hub may have made it. Quick, and raises nothing."""

    def _current(self, kind: KeyKind) -> KeyVersion:
        return current(self._keys.ring.of(kind), self._clock())

    def _serving(self, kind: KeyKind, key_id: str) -> KeyVersion | None:
        """The key of this id, unless it has served its time."""
        version = next((v for v in self._keys.ring.of(kind) if v.id == key_id), None)
        if version is None:
            self._look_again()
            version = next((v for v in self._keys.ring.of(kind) if v.id == key_id), None)
        return version if version is not None and version.serves(self._clock()) else None

    def badge_hash(self, badge: str) -> bytes:
        return _mac(self._keys.badge, badge.encode())

    def number_hash(self, employee_number: str) -> bytes:
        return _mac(self._keys.number, employee_number.encode())

    @property
    def pin_pepper(self) -> str:
        return self._current(KeyKind.PIN).id

    async def pin_material(self, employee_id: UUID, pin: str, pepper: str) -> bytes:
        keyed = None if self._serving(KeyKind.PIN, pepper) is None else self._keys.peppers.get(pepper)
        if keyed is None:
            raise KeyEnded("the key of this PIN has served its time")
        return _mac(keyed, employee_id.bytes + pin.encode())

    def public_sealing_keys(self) -> Sequence[SealingKey]:
        # The one to be used is always offered: a kiosk without any key could take no punch at all.
        now, keys = self._clock(), self._keys
        newest = self._current(KeyKind.SEALING).id
        return [
            keys.public_sealing[v.id]
            for v in keys.ring.of(KeyKind.SEALING)
            if v.id == newest or (v.has_begun(now) and _is_before(now, v))
        ]

    def sealing_key(self, key_id: str) -> X25519PrivateKey | None:
        return None if self._serving(KeyKind.SEALING, key_id) is None else self._keys.sealing.get(key_id)

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        key_id = bytes.fromhex(self._current(KeyKind.DATA).id)
        nonce = os.urandom(_NONCE_BYTES)
        return _BLOB + key_id + nonce + self._keys.data[key_id].encrypt(nonce, plaintext, associated)

    def decrypt(self, blob: bytes, associated: bytes) -> bytes:
        key_id, rest = _split(blob)
        if self._serving(KeyKind.DATA, key_id.hex()) is None:
            raise BlobBroken("under no key of ours")
        try:
            return self._keys.data[key_id].decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            raise BlobBroken("does not open") from None

    def needs_rewrapping(self, blob: bytes) -> bool:
        key_id, _ = _split(blob)
        return key_id.hex() != self._current(KeyKind.DATA).id or blob[:1] != _BLOB

    @property
    def token_kid(self) -> str:
        return self._current(KeyKind.TOKEN).id

    async def sign_token(self, kid: str, signing_input: bytes) -> bytes:
        return self._keys.tokens[kid].sign(signing_input)

    def token_key(self, kid: str) -> Ed25519PublicKey | None:
        return None if self._serving(KeyKind.TOKEN, kid) is None else self._keys.public_tokens.get(kid)

    def jwks(self) -> dict[str, Any]:
        now, keys = self._clock(), self._keys
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": v.id,
                    "x": to_binary(keys.public_tokens[v.id].public_bytes_raw()),
                }
                for v in keys.ring.of(KeyKind.TOKEN)
                if v.serves(now)
            ]
        }

    def refresh_mac(self, message: bytes) -> bytes:
        return _mac(self._keys.refresh, message)

    def keyed_hash(self, purpose: str, message: bytes) -> bytes:
        return _mac(self._keys.hash, purpose.encode() + b"|" + message)

    @property
    def metrics_token(self) -> str:
        return self._current(KeyKind.METRICS).secret

    def metrics_tokens(self) -> Sequence[str]:
        now = self._clock()
        return [v.secret for v in self._keys.ring.of(KeyKind.METRICS) if v.serves(now)]

    def login(self, kind: KeyKind) -> Login | None:
        if not self._keys.ring.of(kind):
            return None
        version = self._current(kind)
        return Login(version.user or "", version.secret)

    def logins(self, kind: KeyKind) -> Sequence[Login]:
        now = self._clock()
        return [Login(v.user or "", v.secret) for v in self._keys.ring.of(kind) if v.serves(now)]

    def versions(self) -> Mapping[KeyKind, Sequence[KeyInfo]]:
        ring = self._keys.ring
        return {kind: [version.info for version in ring.of(kind)] for kind in KeyKind}

    def _announce(self) -> bool:
        """Whether kiosks must be told of the public sealing keys, which changed since they were last asked for here."""
        announced, self._announced = self._announced, self.public_sealing_keys()
        return announced != self._announced


def _is_before(now: datetime, version: KeyVersion) -> bool:
    return version.not_after is None or now < datetime.fromisoformat(version.not_after)


def _split(blob: bytes) -> tuple[bytes, bytes]:
    """A blob's key id, and the nonce and ciphertext behind it."""
    if blob[:1] == _FIRST_BLOB:
        key_id, rest = bytes.fromhex(FIRST_DATA_KEY), blob[1:]
    elif blob[:1] == _BLOB:
        key_id, rest = blob[1 : 1 + _KEY_ID_BYTES], blob[1 + _KEY_ID_BYTES :]
    else:
        raise BlobBroken("not a blob of this version")
    if len(rest) < _NONCE_BYTES:
        raise BlobBroken("too short")
    return key_id, rest


def _keyed(version: KeyVersion) -> hmac.HMAC:
    return hmac.HMAC(key_bytes(version), hashes.SHA256())


def _mac(keyed: hmac.HMAC, message: bytes) -> bytes:
    # A copy of the keyed state is cheaper than keying anew, and safe from several threads.
    context = keyed.copy()
    context.update(message)
    return context.finalize()
