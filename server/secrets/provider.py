"""What a hub asks of its keys, wherever they live.

Calls of the hot path are synchronous and answer from memory. Those that a remote key service computes itself,
so that its key never reaches the hub, are coroutines.

```
SecretsError
├── SecretsUnavailable   the keys can't be reached now; the same call may succeed later
├── KeyEnded             a key that is asked for by its id has served its time, or never was one of ours
└── BlobBroken           a small ciphertext that this provider's keys don't open
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.replies import SealingKey


class SecretsError(Exception):
    """A key can't do what was asked of it."""


class SecretsUnavailable(SecretsError):
    """The keys can't be reached or read; the text says why in a sentence, without a secret."""


class KeyEnded(SecretsError):
    """No key of this id serves any more: what was made with it can't be checked, and must be made anew."""


class BlobBroken(SecretsError):
    """A blob that doesn't open: another key, other associated data, or changed bytes."""


class KeyKind(StrEnum):
    """What a key is for."""

    BADGE = "badge"
    NUMBER = "number"
    PIN = "pin"
    DATA = "data"
    """The key-encryption key."""
    REFRESH = "refresh"
    HASH = "hash"
    TOKEN = "token"  # noqa: S105 - a kind's name
    SEALING = "sealing"
    METRICS = "metrics"
    POSTGRES = "postgres"
    REDIS = "redis"


class Login(NamedTuple):
    """A name and its password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


class KeyInfo(NamedTuple):
    """A key without its secret: used from `active_at`, good until `ends_at` (None: nothing has superseded it)."""

    id: str
    made_at: datetime
    active_at: datetime
    ends_at: datetime | None


class SecretsProvider(Protocol):
    """Keys and what is done with them. Every method may raise SecretsUnavailable."""

    # Credentials: only keyed hashes of them are stored.
    def badge_hash(self, badge: str) -> bytes:
        """HMAC-SHA256 (32 bytes) under which a badge is stored and found."""

    def number_hash(self, employee_number: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of a number exactly as typed, under which its PIN attempts are counted."""

    @property
    def pin_pepper(self) -> str:
        """The id of the key with which PINs are kept from now on."""

    async def pin_material(self, employee_id: UUID, pin: str, pepper: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of a PIN bound to its owner: what argon2id is given instead of the PIN itself.

        `pepper` is `pin_pepper` as it was when the PIN was kept. Raises KeyEnded once that has served its time.
        """

    # Sealed credentials (HPKE)
    def public_sealing_keys(self) -> Sequence[SealingKey]:
        """The keys that kiosks may seal to, the one to be used (latest `not_after`) first."""

    def sealing_key(self, key_id: str) -> X25519PrivateKey | None:
        """The private key of `key_id`; None when it is unknown or over 90 days past its `not_after`."""

    # Small blobs, the data keys of people among them, under the key-encryption key (AES-256-GCM)
    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Ciphertext that opens only with the same `associated` bytes; it says which key it needs."""

    def decrypt(self, blob: bytes, associated: bytes) -> bytes:
        """Inverse of `encrypt`; raises BlobBroken."""

    def needs_rewrapping(self, blob: bytes) -> bool:
        """Whether a blob is under an older key-encryption key than `encrypt` takes now."""

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

    # What is shown to other services
    @property
    def metrics_token(self) -> str:
        """The bearer token of `/metrics`."""

    def metrics_tokens(self) -> Sequence[str]:
        """Those that are taken: the newest, and older ones until their overlap ends."""

    def login(self, kind: KeyKind) -> Login | None:
        """With what to log in at PostgreSQL or Redis now; None where the settings' own URL is all there is."""

    def logins(self, kind: KeyKind) -> Sequence[Login]:
        """All of that kind that are good, newest first: the next one, the one in use, and one in its overlap."""

    # Rotation: a new key is known everywhere (`key_lead_seconds`) before it is used; the old one serves on for a while
    def versions(self) -> Mapping[KeyKind, Sequence[KeyInfo]]:
        """Every key there is, newest first, without its secret."""

    async def rotate(self, kind: KeyKind, *, emergency: bool = False, login: Login | None = None) -> KeyInfo:
        """Make a new key of a kind. In an emergency it serves at once, and old tokens are refused at once.

        `login` is the new one of PostgreSQL or Redis, which whoever calls has made good there.
        """

    async def retire(self, kind: KeyKind, key_id: str) -> None:
        """Nothing needs a superseded key any more: it is gone after its overlap, counted from now."""

    # Erasures: kept apart from the database, so that an older backup of it can't bring anybody back
    async def note_erasure(self, employee_id: UUID, at: datetime) -> None:
        """Write down, durably and before anything is deleted, that a person's data is erased. Twice is once."""

    async def erasures(self) -> Mapping[UUID, datetime]:
        """Everybody whose data was erased, and when."""

    async def renew(self) -> bool:
        """Renew keys that near their end and take over what other hubs renewed.

        To be called every `keys_refresh_seconds`. True when the public sealing keys changed, which kiosks then
        must be told. Raises SecretsUnavailable; keys in memory serve on, for as long as their provider lets them.
        """

    @property
    def is_reachable(self) -> bool:
        """Whether the keys' own place answered when it was last asked: administration waits until it does."""

    async def state(self) -> str:
        """`ok`, or one word that says what is wrong; never raises."""
