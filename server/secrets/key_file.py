"""The local key file: its format, its safety checks, and how it is replaced.

It is replaced as a whole (temporary file, fsync, rename, fsync of the folder) by whoever holds the lock beside
it, so that a reader sees one complete version or another.
"""

from __future__ import annotations

import fcntl
import os
import stat
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
from server.secrets.provider import KeyKind, SecretsUnavailable

_MAX_BYTES: Final = 8_388_608


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
