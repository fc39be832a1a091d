"""What is known of a person, encrypted with a key of their own, which the key-encryption key wraps.

Whoever loses the wrapped key has lost it all, in the audit as well: what it tells of a person is under the same key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.values import from_binary, to_binary
from server.secrets.provider import BlobBroken, SecretsProvider
from storage.models import SealedPerson
from storage.repositories.roster import PersonRow

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SEALED: Final = "sealed"
"""Where an audit's `before` and `after` have what is encrypted."""


class Personal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a person."""

    display_name: str = ""
    national_id: str | None = None
    contact: str | None = None
    notes: str | None = None

    def __repr__(self) -> str:
        return "Personal(…)"

    @property
    def fields(self) -> dict[str, str]:
        """What there is of it."""
        return {name: text for name in PERSONAL_FIELDS if (text := getattr(self, name))}

    def changed(self, **fields: str | None) -> Personal:
        """With other fields: null leaves one as it is, an empty text takes it away."""
        return msgspec.structs.replace(
            self, **{name: text or None for name, text in fields.items() if text is not None}
        )


PERSONAL_FIELDS: Final = Personal.__struct_fields__


@dataclass(frozen=True, slots=True)
class OnRoll(PersonRow):
    """A person's row, locked, and what it says."""

    personal: Personal = field(kw_only=True)


def key_binding(employee_id: UUID) -> bytes:
    """What a person's wrapped key is bound to."""
    return b"attendance|person key|1|" + employee_id.bytes


class PersonKey:
    """A person's data key, and what it opens."""

    def __init__(self, employee_id: UUID, key: bytes, wrapped: bytes) -> None:
        self._employee_id = employee_id
        self._aead = AESGCM(key)
        self._wrapped = wrapped

    @classmethod
    def new(cls, secrets: SecretsProvider, employee_id: UUID) -> PersonKey:
        """Raises SecretsUnavailable."""
        key = os.urandom(_KEY_BYTES)
        return cls(employee_id, key, secrets.encrypt(key, key_binding(employee_id)))

    @classmethod
    def of(cls, secrets: SecretsProvider, kept: SealedPerson) -> PersonKey:
        """Raises SecretsUnavailable, BlobBroken."""
        key = secrets.decrypt(kept.wrapped_key, key_binding(kept.employee_id))
        return cls(kept.employee_id, key, kept.wrapped_key)

    def seal(self, personal: Personal) -> SealedPerson:
        return SealedPerson(self._employee_id, self._wrapped, self._encrypt(b"data", msgspec.json.encode(personal)))

    def open(self, kept: SealedPerson) -> Personal:
        """Raises BlobBroken."""
        return msgspec.json.decode(self._decrypt(b"data", kept.sealed), type=Personal)

    def hide(self, fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """An audit's fields, those that tell of the person encrypted."""
        if fields is None:
            return None
        told = {name: value for name, value in fields.items() if name in PERSONAL_FIELDS}
        rest = {name: value for name, value in fields.items() if name not in told}
        return rest | {_SEALED: to_binary(self._encrypt(b"audit", msgspec.json.encode(told)))} if told else rest

    def show(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Inverse of `hide`. Raises BlobBroken."""
        try:
            sealed = from_binary(fields[_SEALED])
        except ValueError:
            raise BlobBroken("not a blob") from None
        told = msgspec.json.decode(self._decrypt(b"audit", sealed), type=dict[str, Any])
        return told | without_sealed(fields)

    def _binding(self, purpose: bytes) -> bytes:
        return b"attendance|person " + purpose + b"|" + _VERSION + b"|" + self._employee_id.bytes

    def _encrypt(self, purpose: bytes, plaintext: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plaintext, self._binding(purpose))

    def _decrypt(self, purpose: bytes, blob: bytes) -> bytes:
        if blob[:1] != _VERSION:
            raise BlobBroken("not of this version")
        nonce, ciphertext = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, ciphertext, self._binding(purpose))
        except (InvalidTag, ValueError):
            raise BlobBroken("does not open") from None


def seal_new(secrets: SecretsProvider, employee_id: UUID, personal: Personal) -> SealedPerson:
    """What is known of someone new, under a new key. Raises SecretsUnavailable."""
    return PersonKey.new(secrets, employee_id).seal(personal)


def key_for(secrets: SecretsProvider, employee_id: UUID, kept: SealedPerson | None) -> PersonKey:
    """The person's key; a new one where there is none yet. Raises SecretsUnavailable, BlobBroken."""
    return PersonKey.new(secrets, employee_id) if kept is None else PersonKey.of(secrets, kept)


def personal_of(secrets: SecretsProvider, kept: SealedPerson | None, clear_name: str | None) -> Personal:
    """What is known of someone; a name in the clear was written later than the rest, by an older hub.

    Raises SecretsUnavailable, BlobBroken.
    """
    personal = Personal() if kept is None else PersonKey.of(secrets, kept).open(kept)
    return personal if clear_name is None else msgspec.structs.replace(personal, display_name=clear_name)


def opened(secrets: SecretsProvider, row: PersonRow) -> OnRoll:
    """A locked row with what it says. Raises SecretsUnavailable, BlobBroken."""
    return OnRoll(
        employee_id=row.employee_id,
        employee_number=row.employee_number,
        site_id=row.site_id,
        department_id=row.department_id,
        deactivated_at=row.deactivated_at,
        erased_at=row.erased_at,
        clear_name=row.clear_name,
        kept=row.kept,
        personal=personal_of(secrets, row.kept, row.clear_name),
    )


def is_sealed(fields: Mapping[str, Any] | None) -> bool:
    """Whether an audit's fields hold something encrypted."""
    return fields is not None and isinstance(fields.get(_SEALED), str)


def shown(secrets: SecretsProvider, kept: SealedPerson | None, fields: dict[str, Any] | None) -> dict[str, Any] | None:
    """An audit's fields in the clear; of the erased, and where one is broken, the rest. Raises SecretsUnavailable."""
    if fields is None or not is_sealed(fields):
        return fields
    try:
        return without_sealed(fields) if kept is None else PersonKey.of(secrets, kept).show(fields)
    except BlobBroken:
        return without_sealed(fields)


def without_sealed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An audit's fields as they are once the person is erased."""
    return {name: value for name, value in fields.items() if name != _SEALED}
