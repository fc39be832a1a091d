"""The local key file: its format, its safety checks, and how it is replaced.

It is replaced as a whole (temporary file, fsync, rename, fsync of the folder) by whoever holds the lock beside
it, so that a reader sees one complete version or another.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from protocol.values import parse_time
from server.secrets.first_format import adopted
from server.secrets.keyring import DEFAULT_ROTATION, FORMAT, Keyring, KeyVersion, Rotation, is_whole
from server.secrets.private_files import read_private_file, replace_private_file
from server.secrets.provider import KeyKind, SecretsUnavailable

_MAX_BYTES: Final = 8_388_608
_WHAT: Final = "key file"


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds: the keys, and who was erased when."""

    format: int
    keys: dict[KeyKind, list[KeyVersion]]
    erasures: dict[UUID, str] = {}

    @property
    def ring(self) -> Keyring:
        """The keys alone."""
        return Keyring(self.format, self.keys)


class Version(NamedTuple):
    """Tells one replacement of the file from another."""

    inode: int
    modified_ns: int


def read_key_file(path: Path, rotation: Rotation = DEFAULT_ROTATION) -> tuple[KeyFile, Version]:
    """The file's keys; raises SecretsUnavailable when it can't be read or understood, or isn't ours alone."""
    text, status = read_private_file(path, _WHAT, most_bytes=_MAX_BYTES)
    try:
        file_format = msgspec.json.decode(text, type=_Format).format
        if file_format not in (1, FORMAT):
            raise SecretsUnavailable(f"key file {path}: format {file_format}, this hub reads {FORMAT}")
        if file_format == 1:
            keys = KeyFile(FORMAT, adopted(text, rotation).keys)
        else:
            keys = msgspec.json.decode(text, type=KeyFile)
        is_good = is_whole(keys.ring)
        for moment in keys.erasures.values():
            parse_time(moment)
    except (msgspec.MsgspecError, ValueError):
        is_good = False
    if not is_good:
        # A fault's own text could quote a key.
        raise SecretsUnavailable(f"key file {path}: not a key file of this version")
    return keys, Version(status.st_ino, status.st_mtime_ns)


class _Format(Struct):
    format: int


def replace_key_file(path: Path, keys: KeyFile) -> None:
    """Put `keys` in the file's place, atomically and durably; the caller holds the lock."""
    replace_private_file(path, msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n", _WHAT)


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
