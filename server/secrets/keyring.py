"""The keys as one document, and how it changes: pure functions of the document and `now`.

A key passes three moments. Made: every hub reads it within a refresh or two. Active: it is the one to be used, since by
then every hub knows it. Ended: what it made is refused. Superseded keys serve on between the last two.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Struct

from protocol.values import format_time, from_binary, parse_time, to_binary
from server.secrets.provider import KeyInfo, KeyKind, Login

if TYPE_CHECKING:
    from server.settings import Settings

FORMAT: Final = 2
LOGINS: Final = frozenset({KeyKind.POSTGRES, KeyKind.REDIS})
"""Made by those who rotate them, not by a hub that starts: there may be none."""
ENDED_AT_ONCE: Final = frozenset({KeyKind.TOKEN, KeyKind.METRICS})
"""In an emergency. What is sealed, kept or wrapped with other old keys would be lost with them."""
ENDED_BY_HAND: Final = frozenset({KeyKind.DATA})
"""Superseded ones end only once nothing is under them any more (`retired`)."""
UNCHANGING: Final = frozenset({KeyKind.BADGE, KeyKind.NUMBER, KeyKind.REFRESH, KeyKind.HASH})
"""What is found by its hash can't be hashed anew: nobody has the badge or the number in the clear."""


class KeyVersion(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One key. `secret` is base64url of 32 bytes, a token or a password; empty where a key service keeps it."""

    id: str
    secret: str = ""
    made_at: str
    active_at: str
    ends_at: str | None = None
    not_after: str | None = None
    """Of a sealing key: kiosks seal to it until then."""
    user: str | None = None
    """Of a login."""

    def __repr__(self) -> str:
        return f"KeyVersion({self.id!r})"

    def has_begun(self, now: datetime) -> bool:
        """Whether it may be used to make something."""
        return parse_time(self.active_at) <= now

    def serves(self, now: datetime) -> bool:
        """Whether what it made is still good."""
        return self.ends_at is None or now <= parse_time(self.ends_at)

    @property
    def info(self) -> KeyInfo:
        """It without its secret."""
        ends_at = None if self.ends_at is None else parse_time(self.ends_at)
        return KeyInfo(self.id, parse_time(self.made_at), parse_time(self.active_at), ends_at)


class Keyring(Struct, frozen=True, forbid_unknown_fields=True):
    """All keys, newest first within a kind."""

    format: int
    keys: dict[KeyKind, list[KeyVersion]]

    def of(self, kind: KeyKind) -> Sequence[KeyVersion]:
        """Those of a kind; none where it is a login that nobody rotates."""
        return self.keys.get(kind, [])


@dataclass(frozen=True, slots=True)
class Turn:
    """How often a kind is renewed (None: by hand alone), and how long a superseded key still serves."""

    every: timedelta | None
    overlap: timedelta


@dataclass(frozen=True, slots=True)
class Rotation:
    """When keys are renewed. A key is known `lead` before its use; kiosks seal to one for `sealing_life`."""

    lead: timedelta
    sealing_life: timedelta
    turns: Mapping[KeyKind, Turn]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """As it is set."""
        hand = timedelta(minutes=settings.password_overlap_minutes)
        return cls(
            lead=timedelta(seconds=settings.key_lead_seconds),
            sealing_life=timedelta(days=settings.sealing_key_days),
            turns={
                KeyKind.TOKEN: Turn(
                    timedelta(days=settings.token_key_days), timedelta(minutes=settings.token_key_overlap_minutes)
                ),
                # Two thirds into its life: every kiosk hears of the next one in time.
                KeyKind.SEALING: Turn(
                    timedelta(days=settings.sealing_key_days * 2 / 3), timedelta(days=settings.sealing_overlap_days)
                ),
                KeyKind.PIN: Turn(
                    timedelta(days=settings.pin_pepper_days), timedelta(days=settings.pin_pepper_overlap_days)
                ),
                KeyKind.DATA: Turn(timedelta(days=settings.data_key_days), hand),
                KeyKind.METRICS: Turn(timedelta(days=settings.metrics_token_days), hand),
                KeyKind.POSTGRES: Turn(None, hand),
                KeyKind.REDIS: Turn(None, hand),
            },
        )


DEFAULT_ROTATION: Final = Rotation(
    lead=timedelta(seconds=90),
    sealing_life=timedelta(days=90),
    turns={
        KeyKind.TOKEN: Turn(timedelta(days=90), timedelta(minutes=60)),
        KeyKind.SEALING: Turn(timedelta(days=60), timedelta(days=90)),
        KeyKind.PIN: Turn(timedelta(days=365), timedelta(days=180)),
        KeyKind.DATA: Turn(timedelta(days=365), timedelta(minutes=60)),
        KeyKind.METRICS: Turn(timedelta(days=90), timedelta(minutes=60)),
        KeyKind.POSTGRES: Turn(None, timedelta(minutes=60)),
        KeyKind.REDIS: Turn(None, timedelta(minutes=60)),
    },
)
"""What the settings' defaults make; a test holds the two together."""


def new_secret(kind: KeyKind) -> str:
    """Fresh random bytes as a kind needs them."""
    match kind:
        case KeyKind.TOKEN:
            return to_binary(Ed25519PrivateKey.generate().private_bytes_raw())
        case KeyKind.SEALING:
            return to_binary(X25519PrivateKey.generate().private_bytes_raw())
        case KeyKind.METRICS | KeyKind.POSTGRES | KeyKind.REDIS:
            return secrets.token_urlsafe(32)
        case _:
            return to_binary(os.urandom(32))


def new_id(kind: KeyKind) -> str:
    """Of a sealing key a UUID, as kiosks know it; of others 8 bytes in hexadecimal, which a blob begins with."""
    return str(uuid4()) if kind is KeyKind.SEALING else secrets.token_hex(8)


def new_keyring(now: datetime, rotation: Rotation, *, kept_elsewhere: Mapping[KeyKind, str] | None = None) -> Keyring:
    """Fresh keys for every purpose, in use at once. `kept_elsewhere`: kinds whose secret a key service keeps, by id."""
    elsewhere = kept_elsewhere or {}
    ring = Keyring(FORMAT, {})
    for kind in KeyKind:
        if kind not in LOGINS:
            ring, _ = rotated(ring, kind, now, rotation, at_once=True, kept_elsewhere=elsewhere.get(kind))
    return ring


def rotated(
    ring: Keyring,
    kind: KeyKind,
    now: datetime,
    rotation: Rotation,
    *,
    at_once: bool = False,
    login: Login | None = None,
    kept_elsewhere: str | None = None,
) -> tuple[Keyring, KeyVersion]:
    """A keyring with a new key of a kind, and that key; the one before it serves on through its overlap.

    `at_once` (an emergency, or the first of its kind): used from now on, and what ENDED_AT_ONCE names ends now.
    """
    before = list(ring.of(kind))
    if kind in UNCHANGING and before:
        raise ValueError(f"{kind}: what is found by this key's hash can't be hashed anew")
    if (kind in LOGINS) != (login is not None):
        raise ValueError(f"{kind}: a login is made where it is good, no other key is")
    active_at = now if at_once or not before else now + rotation.lead
    new = KeyVersion(
        id=kept_elsewhere or new_id(kind),
        secret="" if kept_elsewhere else new_secret(kind) if login is None else login.password,
        made_at=format_time(now),
        active_at=format_time(active_at),
        user=None if login is None else login.user,
    )
    if kind is KeyKind.SEALING:
        # Its end is part of what kiosks were told: nothing shortens it afterwards.
        not_after = now + rotation.sealing_life
        ends_at = not_after + rotation.turns[kind].overlap
        new = msgspec.structs.replace(new, not_after=format_time(not_after), ends_at=format_time(ends_at))
    elif kind in ENDED_AT_ONCE and at_once:
        before = []
    elif kind not in ENDED_BY_HAND and before:
        end = format_time(active_at + rotation.turns[kind].overlap)
        before = [v if v.ends_at is not None else msgspec.structs.replace(v, ends_at=end) for v in before]
    return _with(ring, kind, [new, *before]), new


def retired(ring: Keyring, kind: KeyKind, key_id: str, now: datetime, rotation: Rotation) -> Keyring:
    """A superseded key that nothing needs any more ends after its overlap; raises ValueError where it is in use."""
    versions = ring.of(kind)
    if key_id not in [v.id for v in versions] or key_id == current(versions, now).id:
        raise ValueError(f"{kind}: no superseded key of this id")
    end = format_time(now + rotation.turns[kind].overlap)
    return _with(
        ring,
        kind,
        [msgspec.structs.replace(v, ends_at=end) if v.id == key_id and v.ends_at is None else v for v in versions],
    )


def renewed(ring: Keyring, now: datetime, rotation: Rotation, *, but: frozenset[KeyKind] = frozenset()) -> Keyring:
    """With new keys where the newest have had their turn, without those that have ended. `but`: kinds left alone."""
    for kind, turn in rotation.turns.items():
        versions = ring.of(kind)
        is_due = bool(versions) and turn.every is not None and now > parse_time(versions[0].made_at) + turn.every
        if is_due and kind not in LOGINS | but:
            ring, _ = rotated(ring, kind, now, rotation)
    return Keyring(ring.format, {kind: _without_ended(ring.of(kind), now) for kind in ring.keys})


def due(ring: Keyring, now: datetime, rotation: Rotation) -> list[KeyKind]:
    """Kinds whose newest key has had its turn."""
    return [
        kind
        for kind, turn in rotation.turns.items()
        if turn.every is not None and (of := ring.of(kind)) and now > parse_time(of[0].made_at) + turn.every
    ]


def current(versions: Sequence[KeyVersion], now: datetime) -> KeyVersion:
    """The key to be used: the newest that has begun. A clock that was set back leaves the oldest."""
    return next((v for v in versions if v.has_begun(now)), versions[-1])


def key_bytes(version: KeyVersion) -> bytes:
    """The 32 bytes of a key; raises ValueError where they aren't that."""
    return from_binary(version.secret, length=32)


def is_whole(ring: Keyring, *, kept_elsewhere: frozenset[KeyKind] = frozenset()) -> bool:
    """Whether there is a key of every kind that must be, each well formed."""
    try:
        for kind in KeyKind:
            versions = ring.of(kind)
            if not versions and kind not in LOGINS:
                return False
            for version in versions:
                _check(kind, version, kept_elsewhere=kind in kept_elsewhere)
    except ValueError:
        return False
    return ring.format == FORMAT


def _check(kind: KeyKind, version: KeyVersion, *, kept_elsewhere: bool) -> None:
    for moment in (version.made_at, version.active_at, version.ends_at, version.not_after):
        if moment is not None:
            parse_time(moment)
    if kind is KeyKind.SEALING and version.not_after is None:
        raise ValueError("a sealing key without an end")
    if kind in LOGINS and not (version.user and version.secret):
        raise ValueError("half a login")
    if kind is KeyKind.METRICS and len(version.secret) < 32:
        raise ValueError("a short token")
    if kind is KeyKind.DATA and len(base64.b16decode(version.id, casefold=True)) != 8:
        raise ValueError("an id that no blob can begin with")
    if not (kept_elsewhere or kind in LOGINS or kind is KeyKind.METRICS):
        key_bytes(version)


def _without_ended(versions: Sequence[KeyVersion], now: datetime) -> list[KeyVersion]:
    return [v for i, v in enumerate(versions) if i == 0 or v.serves(now)]


def _with(ring: Keyring, kind: KeyKind, versions: list[KeyVersion]) -> Keyring:
    return Keyring(ring.format, {**ring.keys, kind: versions})
