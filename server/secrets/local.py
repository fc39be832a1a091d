"""Keys in one local JSON file, mode 0600, shared by the hubs of a machine.

A hub that meets a key id it doesn't know looks whether another hub renewed the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.replies import SealingKey
from protocol.values import format_time, from_binary, parse_time, to_binary
from server.secrets.key_file import (
    SEALING_KEY_LIFE,
    locked,
    new_key_file,
    read_key_file,
    renewed,
    replace_key_file,
)
from server.secrets.provider import BlobBroken, SecretsUnavailable

_BLOB_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class LocalSecrets:
    """A SecretsProvider over a key file. Make it with `open_key_file`."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock
        self._load()
        self._announced = self._public_sealing

    def badge_hash(self, badge: str) -> bytes:
        return _mac(self._badge, badge.encode())

    def number_hash(self, employee_number: str) -> bytes:
        return _mac(self._number, employee_number.encode())

    async def pin_material(self, employee_id: UUID, pin: str) -> bytes:
        return _mac(self._pin, employee_id.bytes + pin.encode())

    def public_sealing_keys(self) -> Sequence[SealingKey]:
        return self._public_sealing

    def sealing_key(self, key_id: str) -> X25519PrivateKey | None:
        if key_id not in self._sealing:
            self._reload_if_replaced()
        found = self._sealing.get(key_id)
        if found is None or self._clock() > found[1] + SEALING_KEY_LIFE:
            return None
        return found[0]

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _BLOB_VERSION + nonce + self._blob.encrypt(nonce, plaintext, associated)

    def decrypt(self, blob: bytes, associated: bytes) -> bytes:
        nonce, ciphertext = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        if blob[:1] != _BLOB_VERSION or len(nonce) != _NONCE_BYTES:
            raise BlobBroken("not a blob of this version")
        try:
            return self._blob.decrypt(nonce, ciphertext, associated)
        except InvalidTag:
            raise BlobBroken("does not open") from None

    @property
    def token_kid(self) -> str:
        return self._file.token_keys[0].kid

    async def sign_token(self, kid: str, signing_input: bytes) -> bytes:
        return self._tokens[kid].sign(signing_input)

    def token_key(self, kid: str) -> Ed25519PublicKey | None:
        if kid not in self._public_tokens:
            self._reload_if_replaced()
        return self._public_tokens.get(kid)

    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "alg": "EdDSA",
                    "use": "sig",
                    "kid": kid,
                    "x": to_binary(key.public_bytes_raw()),
                }
                for kid, key in self._public_tokens.items()
            ]
        }

    def refresh_mac(self, message: bytes) -> bytes:
        return _mac(self._refresh, message)

    def keyed_hash(self, purpose: str, message: bytes) -> bytes:
        return _mac(self._cursor, purpose.encode() + b"|" + message)

    @property
    def metrics_token(self) -> str:
        return self._file.metrics_token

    async def renew(self) -> bool:
        now = self._clock()
        if renewed(self._file, now) != self._file:
            with locked(self._path):
                # Another hub may have been quicker while this one waited for the lock.
                current, _ = read_key_file(self._path)
                if (fresh := renewed(current, now)) != current:
                    replace_key_file(self._path, fresh)
        self._load()
        announced, self._announced = self._announced, self._public_sealing
        return announced != self._public_sealing

    async def state(self) -> str:
        # The keys are in memory: what happens to the file now keeps nobody from working.
        return "ok"

    def _reload_if_replaced(self) -> None:
        try:
            status = self._path.stat()
            if (status.st_ino, status.st_mtime_ns) != self._version:
                self._load()
        except (OSError, SecretsUnavailable):
            return  # the keys in memory still serve; `renew` says what is wrong with the file

    def _load(self) -> None:
        self._file, self._version = read_key_file(self._path)
        file = self._file
        self._badge, self._number, self._pin, self._refresh, self._cursor = (
            hmac.HMAC(from_binary(key), hashes.SHA256())
            for key in (file.badge_key, file.number_key, file.pin_key, file.refresh_key, file.cursor_key)
        )
        self._blob = AESGCM(from_binary(file.blob_key))
        self._tokens = {
            item.kid: Ed25519PrivateKey.from_private_bytes(from_binary(item.private_key)) for item in file.token_keys
        }
        self._public_tokens = {kid: key.public_key() for kid, key in self._tokens.items()}
        self._sealing = {
            item.id: (X25519PrivateKey.from_private_bytes(from_binary(item.private_key)), parse_time(item.not_after))
            for item in file.sealing_keys
        }
        self._publish()

    def _publish(self) -> None:
        # The newest is always offered: a kiosk without any key could take no punch at all.
        newest, now = self._file.sealing_keys[0].id, self._clock()
        self._public_sealing = [
            SealingKey(
                id=key_id, public_key=to_binary(key.public_key().public_bytes_raw()), not_after=format_time(not_after)
            )
            for key_id, (key, not_after) in self._sealing.items()
            if not_after > now or key_id == newest
        ]


def open_key_file(path: Path, *, clock: Callable[[], datetime] = utc_now) -> LocalSecrets:
    """Read the key file, making it first where there is none; its folder must exist.

    Raises:
        SecretsUnavailable: it can't be read, made or understood, isn't ours, or others may read it.
    """
    if not path.exists():
        with locked(path):
            if not path.exists():
                replace_key_file(path, new_key_file(clock()))
    return LocalSecrets(path, clock=clock)


def _mac(keyed: hmac.HMAC, message: bytes) -> bytes:
    # A copy of the keyed state is cheaper than keying anew, and safe from several threads.
    context = keyed.copy()
    context.update(message)
    return context.finalize()
