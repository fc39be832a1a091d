"""What a hub asks of its keys, wherever they live.

Calls of the hot path are synchronous and answer from memory. Those that a remote key service computes itself,
so that its key never reaches the hub, are coroutines.

```
SecretsError
├── SecretsUnavailable   the keys can't be reached now; the same call may succeed later
└── BlobBroken           a small ciphertext that this provider's keys don't open
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.replies import SealingKey


class SecretsError(Exception):
    """A key can't do what was asked of it."""


class SecretsUnavailable(SecretsError):
    """The keys can't be reached or read; the text says why in a sentence, without a secret."""


class BlobBroken(SecretsError):
    """A blob that doesn't open: another key, other associated data, or changed bytes."""


class SecretsProvider(Protocol):
    """Keys and what is done with them. Every method may raise SecretsUnavailable."""

    # Credentials: only keyed hashes of them are stored.
    def badge_hash(self, badge: str) -> bytes:
        """HMAC-SHA256 (32 bytes) under which a badge is stored and found."""

    def number_hash(self, employee_number: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of a number exactly as typed, under which its PIN attempts are counted."""

    async def pin_material(self, employee_id: UUID, pin: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of a PIN bound to its owner: what argon2id is given instead of the PIN itself."""

    # Sealed credentials (HPKE)
    def public_sealing_keys(self) -> Sequence[SealingKey]:
        """The keys that kiosks may seal to, the one to be used (latest `not_after`) first."""

    def sealing_key(self, key_id: str) -> X25519PrivateKey | None:
        """The private key of `key_id`; None when it is unknown or over 90 days past its `not_after`."""

    # Small blobs (AES-256-GCM)
    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Ciphertext that opens only with the same `associated` bytes; 29 bytes longer than the plaintext."""

    def decrypt(self, blob: bytes, associated: bytes) -> bytes:
        """Inverse of `encrypt`; raises BlobBroken."""

    # Access tokens (Ed25519)
    @property
    def token_kid(self) -> str:
        """The key id with which new access tokens are signed."""

    async def sign_token(self, kid: str, signing_input: bytes) -> bytes:
        """Ed25519 signature (64 bytes) of a token's signing input with a key that `token_kid` named."""

    def token_key(self, kid: str) -> Ed25519PublicKey | None:
        """The public key of `kid` from a local map (current and previous); None when it is unknown."""

    def jwks(self) -> dict[str, Any]:
        """The public token keys as a JSON Web Key Set (RFC 7517, 8037)."""

    # Keyed checksums
    def refresh_mac(self, message: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) that makes a refresh token unforgeable."""

    def keyed_hash(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) for one purpose: cursors that can't be forged, guesses and codes kept by hash alone.

        `purpose` is a constant without `|`: what is hashed for one is never found under another.
        """

    @property
    def metrics_token(self) -> str:
        """The bearer token of `/metrics`."""

    async def renew(self) -> bool:
        """Renew keys that near their end and take over what other hubs renewed.

        To be called about once a minute. True when the public sealing keys changed, which kiosks then must be told.
        """

    async def state(self) -> str:
        """`ok`, or one word that says what is wrong; never raises."""
