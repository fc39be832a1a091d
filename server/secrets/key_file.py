"""The local key file: its format, its safety checks, and how it is replaced.

It is replaced as a whole (temporary file, fsync, rename, fsync of the folder) by whoever holds the lock beside
it, so that a reader sees one complete version or another.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from uuid import uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Meta, Struct

from protocol.values import format_time, from_binary, parse_time, to_binary
from server.secrets.provider import SecretsUnavailable

SEALING_KEY_LIFE: Final = timedelta(days=90)
"""From the making of a sealing key to its `not_after`; it opens for as long again."""
RENEWED_BEFORE_END: Final = timedelta(days=30)
"""A new sealing key is made when the newest has this much left, so that every kiosk hears of it in time."""
TOKEN_KEY_LIFE: Final = timedelta(days=90)
"""A token key signs this long; as the previous one it then still verifies."""
_FORMAT: Final = 1
_MAX_BYTES: Final = 1_048_576

_Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]


class TokenKey(Struct, frozen=True, forbid_unknown_fields=True):
    """An Ed25519 key that signs access tokens."""

    kid: str
    private_key: _Key
    made_at: str


class StoredSealingKey(Struct, frozen=True, forbid_unknown_fields=True):
    """An X25519 key that opens sealed credentials."""

    id: str
    private_key: _Key
    not_after: str


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file holds; keys are base64url of 32 bytes, lists are newest first."""

    format: int
    badge_key: _Key
    number_key: _Key
    pin_key: _Key
    blob_key: _Key
    refresh_key: _Key
    cursor_key: _Key
    metrics_token: Annotated[str, Meta(min_length=32)]
    token_keys: Annotated[list[TokenKey], Meta(min_length=1)]
    sealing_keys: Annotated[list[StoredSealingKey], Meta(min_length=1)]


_SINGLE_KEYS: Final = [name for name in KeyFile.__struct_fields__ if name.endswith("_key")]


class Version(NamedTuple):
    """Tells one replacement of the file from another."""

    inode: int
    modified_ns: int


def new_key_file(now: datetime) -> KeyFile:
    """Fresh random keys for every purpose."""
    keys = {name: to_binary(os.urandom(32)) for name in _SINGLE_KEYS}
    return KeyFile(
        **keys,
        format=_FORMAT,
        metrics_token=secrets.token_urlsafe(32),
        token_keys=[_new_token_key(now)],
        sealing_keys=[_new_sealing_key(now)],
    )


def _new_token_key(now: datetime) -> TokenKey:
    private = Ed25519PrivateKey.generate()
    return TokenKey(secrets.token_hex(8), to_binary(private.private_bytes_raw()), format_time(now))


def _new_sealing_key(now: datetime) -> StoredSealingKey:
    private = X25519PrivateKey.generate()
    return StoredSealingKey(str(uuid4()), to_binary(private.private_bytes_raw()), format_time(now + SEALING_KEY_LIFE))


def renewed(file: KeyFile, now: datetime) -> KeyFile:
    """The same file with new keys where the newest near their end, without those that no longer open anything."""
    token_keys, sealing_keys = file.token_keys, file.sealing_keys
    if now > parse_time(token_keys[0].made_at) + TOKEN_KEY_LIFE:
        token_keys = [_new_token_key(now), token_keys[0]]
    if now > parse_time(sealing_keys[0].not_after) - RENEWED_BEFORE_END:
        opening = [item for item in sealing_keys if now <= parse_time(item.not_after) + SEALING_KEY_LIFE]
        sealing_keys = [_new_sealing_key(now), *opening]
    return msgspec.structs.replace(file, token_keys=token_keys, sealing_keys=sealing_keys)


def read_key_file(path: Path) -> tuple[KeyFile, Version]:
    """The file's keys; raises SecretsUnavailable when it can't be read or understood, or isn't ours alone."""
    try:
        # Not to be kept waiting by a pipe that stands in the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(_MAX_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError as fault:
        raise SecretsUnavailable(f"key file {path}: {fault.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise SecretsUnavailable(f"key file {path}: not a regular file")
    if status.st_uid != os.geteuid():
        raise SecretsUnavailable(f"key file {path}: owned by user {status.st_uid}, not by the hub's {os.geteuid()}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise SecretsUnavailable(f"key file {path}: mode {mode:04o} lets others in; `chmod 600` it")
    try:
        keys = msgspec.json.decode(text, type=KeyFile)
        for token_key in keys.token_keys:
            from_binary(token_key.private_key, length=32)
            parse_time(token_key.made_at)
        for sealing_key in keys.sealing_keys:
            from_binary(sealing_key.private_key, length=32)
            parse_time(sealing_key.not_after)
        for name in _SINGLE_KEYS:
            from_binary(getattr(keys, name), length=32)
    except (msgspec.MsgspecError, ValueError):
        # The fault's own text could quote a key.
        raise SecretsUnavailable(f"key file {path}: not a key file of this version") from None
    if keys.format != _FORMAT:
        raise SecretsUnavailable(f"key file {path}: format {keys.format}, this hub reads {_FORMAT}")
    return keys, Version(status.st_ino, status.st_mtime_ns)


def replace_key_file(path: Path, keys: KeyFile) -> None:
    """Put `keys` in the file's place, atomically and durably; the caller holds the lock."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise SecretsUnavailable(f"key file {path}: can't be written ({fault.strerror})") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside the file, which every writer takes."""
    try:
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise SecretsUnavailable(f"key file {path}: its folder can't be written ({fault.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
