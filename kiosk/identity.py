"""Who this terminal is: its device id and its Ed25519 key, in one file that only its user can read."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.values import from_binary, to_binary

FILE_NAME: Final = "identity.json"
KEY_BYTES: Final = 32


class IdentityError(Exception):
    """The identity can't be used; the message says why in plain words and holds no key."""


@dataclass(frozen=True)
class Identity:
    device_id: UUID
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, device_id: str, private_key: str) -> Identity:
        """From text: a UUID, and the raw 32 bytes as base64url. Raises ValueError."""
        raw = from_binary(private_key, length=KEY_BYTES)
        return cls(UUID(device_id), Ed25519PrivateKey.from_private_bytes(raw))


def load_identity(folder: Path) -> Identity | None:
    """The identity kept in a data folder, or None where there is none. Raises IdentityError."""
    path = folder / FILE_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (path.stat().st_mode & 0o077) != 0:
            raise IdentityError(f"{FILE_NAME} can be read by others: its mode must be 0600")
        return Identity.of(document["device_id"], document["private_key"])
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise IdentityError(f"{FILE_NAME} can't be read: {fault.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise IdentityError(f"{FILE_NAME} is damaged") from None


def keep_identity(folder: Path, identity: Identity) -> None:
    """Write the identity, whole or not at all. Raises IdentityError where the folder holds another device's."""
    present = load_identity(folder)
    if present is not None:
        if present.device_id != identity.device_id:
            raise IdentityError(f"this data folder belongs to device {present.device_id}: use another one")
        if present.key.private_bytes_raw() == identity.key.private_bytes_raw():
            return
    document = {"device_id": str(identity.device_id), "private_key": to_binary(identity.key.private_bytes_raw())}
    try:
        write_private_file(folder / FILE_NAME, json.dumps(document))
    except OSError as fault:
        raise IdentityError(f"{FILE_NAME} can't be written: {fault.strerror}") from None


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
