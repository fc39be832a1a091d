"""What can be said of a punch without the database: is it well-formed, rightly signed, and what is in the seal.

All of it is arithmetic, a quarter of a millisecond a punch, done in a thread for a batch at a time.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from protocol.codec import decode_punch
from protocol.commands import Punch, PunchRecord
from protocol.errors import ErrorCode, Invalid
from protocol.sealing import BadgeCredential, NumberCredential, SealBroken, open_sealed
from protocol.signing import sealed_digest, signed_bytes
from protocol.values import Reason, from_binary
from server.errors import Refused
from server.secrets.provider import SecretsProvider, SecretsUnavailable
from server.services.signatures import is_signature
from storage.models import JournalKey, PunchKey, StoredPunch


@dataclass(frozen=True, slots=True)
class OpenedBadge:
    """A badge within the grammar, by its keyed hash; the badge itself is kept only to be shown to an admin."""

    badge_hash: bytes
    badge: str = field(repr=False)
    pin: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedNumber:
    """A number exactly as typed, and its PIN."""

    number_hash: bytes
    employee_number: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No credential to look up: a broken or unavailable seal, or a badge off the grammar."""

    reason: Reason


Opened = OpenedBadge | OpenedNumber | Unreadable


class Prepared(msgspec.Struct, frozen=True):
    """A punch that the device did sign, ready for its journal, and where it belongs."""

    punch: Punch
    journal: JournalKey
    key: PunchKey
    text: str
    digest: bytes
    previous: bytes | None
    signature: bytes
    sealed: bytes
    after_loss: bool
    opened: Opened


class Checked(msgspec.Struct, frozen=True):
    """A punch that the device did sign, its seal not yet opened."""

    record: PunchRecord
    punch: Punch
    digest: bytes
    signature: bytes
    sealed: bytes


class Preparation:
    def __init__(
        self, secrets: SecretsProvider, *, badge_pattern: re.Pattern[str], number_pattern: re.Pattern[str]
    ) -> None:
        self._secrets = secrets
        self._badge_pattern = badge_pattern
        self._number_pattern = number_pattern

    def check(self, record: PunchRecord, device_id: UUID, public_key: bytes, *former_keys: bytes) -> Checked:
        """Check a device's punch by its raw Ed25519 key, else by one that it had when it signed; `open` comes next.

        Raises Invalid for what is not well-formed or not rightly signed, Refused(forbidden) for a foreign device.
        Many punches are best all checked, then all opened: two libraries' code by turns costs a sixth more.
        """
        punch = decode_punch(record.punch)
        if punch.device_id != device_id:
            raise Refused(ErrorCode.FORBIDDEN, "another device's punch")
        signed = signed_bytes(record.punch)
        signature = _bytes("signature", record.signature)
        if not any(is_signature(signature, signed, key) for key in (public_key, *former_keys)):
            raise Invalid("signature", "is not this device's over `punch`")
        sealed = _bytes("sealed", record.sealed)
        if sealed_digest(sealed) != punch.sealed_sha256:
            raise Invalid("sealed", "does not match `sealed_sha256`")
        return Checked(record, punch, hashlib.sha256(signed).digest(), signature, sealed)

    def open(self, checked: Checked) -> Prepared:
        """Open a checked punch's seal; raises nothing that the punch is to blame for."""
        punch = checked.punch
        return Prepared(
            punch=punch,
            journal=(punch.device_id, punch.log_id),
            key=(punch.device_id, punch.log_id, punch.seq),
            text=checked.record.punch,
            digest=checked.digest,
            previous=None if punch.previous is None else from_binary(punch.previous),
            signature=checked.signature,
            sealed=checked.sealed,
            after_loss=checked.record.after_loss,
            opened=self._open(punch, checked.sealed),
        )

    def reopen(self, stored: StoredPunch, sealed: bytes) -> Prepared:
        """Open the kept seal of a punch that stands in the record."""
        punch = decode_punch(stored.signed_text)
        return Prepared(
            punch=punch,
            journal=stored.key[:2],
            key=stored.key,
            text=stored.signed_text,
            digest=stored.digest,
            previous=None if punch.previous is None else from_binary(punch.previous),
            signature=stored.signature,
            sealed=sealed,
            after_loss=False,
            opened=self._open(punch, sealed),
        )

    def _open(self, punch: Punch, sealed: bytes) -> Opened:
        try:
            key = self._secrets.sealing_key(punch.sealing_key_id)
            if key is None:
                return Unreadable(Reason.SEAL_BROKEN)
            credential = open_sealed(sealed, key, device_id=punch.device_id, log_id=punch.log_id, seq=punch.seq)
            match credential:
                case BadgeCredential(badge=badge, pin=pin):
                    if self._badge_pattern.fullmatch(badge) is None:
                        return Unreadable(Reason.BADGE_UNKNOWN)
                    return OpenedBadge(self._secrets.badge_hash(badge), badge, pin)
                case NumberCredential(employee_number=number, pin=pin):
                    # A number off the grammar is one that nobody has: looked up, counted and timed like any other.
                    known = self._number_pattern.fullmatch(number) is not None
                    return OpenedNumber(self._secrets.number_hash(number), number if known else "", pin)
        except SealBroken:
            return Unreadable(Reason.SEAL_BROKEN)
        except SecretsUnavailable:
            return Unreadable(Reason.SEAL_UNAVAILABLE)


def _bytes(field_name: str, text: str) -> bytes:
    try:
        return from_binary(text)
    except ValueError as fault:
        raise Invalid(field_name, str(fault)) from None


def badge_place(device_id: UUID, punch_id: UUID) -> bytes:
    """What an unknown badge's ciphertext is bound to."""
    return hashlib.sha256(device_id.bytes + punch_id.bytes).digest()
