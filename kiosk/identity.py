"""Who this terminal is: its device id and its Ed25519 keys, in one file that only its user can read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.signing import fingerprint
from protocol.values import format_time, from_binary, parse_time, to_binary

FILE_NAME: Final = "identity.json"
PAIRING_NAME: Final = "pairing.json"
KEY_BYTES: Final = 32


class IdentityError(Exception):
    """The identity can't be used; the message says why in plain words and holds no key."""


@dataclass(frozen=True)
class Identity:
    """`key` signs. While it is being changed, `next_key` is the one that the hub may have taken already.

    `former_key` is for a hub that was restored from before the change. `key_made_at` is null where the key isn't this
    terminal's own to change.
    """

    device_id: UUID
    key: Ed25519PrivateKey = field(repr=False)
    next_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    former_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    key_made_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """What an administrator compares before this terminal may work."""
        return fingerprint(self.key.public_key())

    @classmethod
    def of(cls, device_id: str, private_key: str) -> Identity:
        """From text: a UUID, and the raw 32 bytes as base64url. Raises ValueError."""
        return cls(UUID(device_id), _key(private_key))


def load_identity(folder: Path) -> Identity | None:
    """The identity kept in a data folder, or None where there is none. Raises IdentityError."""
    path = folder / FILE_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (path.stat().st_mode & 0o077) != 0:
            raise IdentityError(f"{FILE_NAME} can be read by others: its mode must be 0600")
        made_at = document.get("key_made_at")
        return Identity(
            UUID(document["device_id"]),
            _key(document["private_key"]),
            next_key=_key_or_none(document.get("next_private_key")),
            former_key=_key_or_none(document.get("former_private_key")),
            key_made_at=None if made_at is None else parse_time(made_at),
        )
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise IdentityError(f"{FILE_NAME} can't be read: {fault.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IdentityError(f"{FILE_NAME} is damaged") from None


def keep_identity(folder: Path, identity: Identity) -> None:
    """Write the identity, whole or not at all. Raises IdentityError where the folder holds another device's."""
    present = load_identity(folder)
    if present is not None:
        if present.device_id != identity.device_id:
            raise IdentityError(f"this data folder belongs to device {present.device_id}: use another one")
        if present.key.private_bytes_raw() == identity.key.private_bytes_raw():
            return
    write_identity(folder, identity)


def write_identity(folder: Path, identity: Identity) -> None:
    """Replace the identity, whole or not at all. Raises IdentityError."""
    document = {
        "device_id": str(identity.device_id),
        "private_key": _text(identity.key),
        "next_private_key": None if identity.next_key is None else _text(identity.next_key),
        "former_private_key": None if identity.former_key is None else _text(identity.former_key),
        "key_made_at": None if identity.key_made_at is None else format_time(identity.key_made_at),
    }
    _write(folder / FILE_NAME, document)


def pairing_key(folder: Path) -> Ed25519PrivateKey:
    """The key that this terminal enrols with, made and kept before it is shown to a hub. Raises IdentityError.

    It stays the same until the terminal is enrolled: where an answer is lost, the same key gets the same answer again.
    """
    path = folder / PAIRING_NAME
    try:
        return _key(json.loads(path.read_text(encoding="utf-8"))["private_key"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return new_pairing_key(folder)  # a damaged one has enrolled nobody who could be told from this terminal
    except OSError as fault:
        raise IdentityError(f"{PAIRING_NAME} can't be read: {fault.strerror}") from None


def new_pairing_key(folder: Path) -> Ed25519PrivateKey:
    """Another key to enrol with. Raises IdentityError."""
    key = Ed25519PrivateKey.generate()
    _write(folder / PAIRING_NAME, {"private_key": _text(key)})
    return key


def end_pairing(folder: Path, identity: Identity) -> None:
    """Keep who this terminal now is; the key that it paired with stands there. Raises IdentityError."""
    keep_identity(folder, identity)
    with contextlib.suppress(OSError):
        (folder / PAIRING_NAME).unlink(missing_ok=True)


def _key(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(from_binary(text, length=KEY_BYTES))


def _key_or_none(text: str | None) -> Ed25519PrivateKey | None:
    return None if text is None else _key(text)


def _text(key: Ed25519PrivateKey) -> str:
    return to_binary(key.private_bytes_raw())


def _write(path: Path, document: Mapping[str, str | None]) -> None:
    try:
        write_private_file(path, json.dumps(document))
    except OSError as fault:
        raise IdentityError(f"{path.name} can't be written: {fault.strerror}") from None


def write_private_file(path: Path, text: str) -> None:
    """Replace a file atomically and durably, readable by its user alone. Makes its folder (0700). Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
