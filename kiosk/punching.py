"""A punch from what a person typed: sealed, written down, signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from kiosk.identity import Identity
from kiosk.outbox_rows import Place, SignedPunch
from protocol.commands import Clock, Punch
from protocol.replies import SealingKey
from protocol.sealing import Credential, seal
from protocol.signing import punch_text, sealed_digest, sign_punch
from protocol.values import Captured, Kind, format_time, from_binary, parse_time, to_binary


@dataclass(frozen=True)
class Act:
    """What happened at the terminal, before it has a place in the journal."""

    punch_id: UUID
    credential: Credential
    kind: Kind
    captured: Captured
    device_time: datetime
    boot_id: UUID
    monotonic_ms: int
    clock: Clock | None
    made_at: datetime
    """By the hub's clock where known, else `device_time`."""


def latest_key(keys: list[SealingKey]) -> SealingKey | None:
    """The key to seal with: that of the latest `not_after`."""
    return max(keys, key=lambda key: parse_time(key.not_after), default=None)


def sign_act(act: Act, place: Place, identity: Identity, key: SealingKey) -> SignedPunch:
    """Raises ValueError when the credential is longer than a seal holds, or the key is no key."""
    sealed = seal(
        act.credential,
        X25519PublicKey.from_public_bytes(from_binary(key.public_key, length=32)),
        device_id=identity.device_id,
        log_id=place.log_id,
        seq=place.seq,
    )
    text = punch_text(
        Punch(
            punch_id=act.punch_id,
            device_id=identity.device_id,
            log_id=place.log_id,
            seq=place.seq,
            previous=place.previous,
            kind=act.kind,
            device_time=format_time(act.device_time),
            boot_id=act.boot_id,
            monotonic_ms=act.monotonic_ms,
            clock=act.clock,
            captured=act.captured,
            sealing_key_id=key.id,
            sealed_sha256=sealed_digest(sealed),
        )
    )
    return SignedPunch(
        text=text,
        signature=sign_punch(identity.key, text),
        sealed=to_binary(sealed),
        made_at=act.made_at,
        boot_id=act.boot_id,
        monotonic_ms=act.monotonic_ms,
    )
