"""A file that only the hub's own user may read: mode 0600, replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from server.secrets.provider import SecretsUnavailable

_MAX_TEXT_BYTES: Final = 65_536


def read_private_file(path: Path, what: str, *, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """What it holds, and what it is; raises SecretsUnavailable where it isn't there or isn't ours alone."""
    try:
        # Not to be kept waiting by a pipe that stands in the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(most_bytes) if stat.S_ISREG(status.st_mode) else b""
    except OSError as fault:
        raise SecretsUnavailable(f"{what} {path}: {fault.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise SecretsUnavailable(f"{what} {path}: not a regular file")
    if status.st_uid != os.geteuid():
        raise SecretsUnavailable(f"{what} {path}: owned by user {status.st_uid}, not by the hub's {os.geteuid()}")
    if (mode := stat.S_IMODE(status.st_mode)) & 0o077:
        raise SecretsUnavailable(f"{what} {path}: mode {mode:04o} lets others in; `chmod 600` it")
    return content, status


def replace_private_file(path: Path, content: bytes, what: str) -> None:
    """Put this in the file's place, atomically and durably; raises SecretsUnavailable where that can't be done."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise SecretsUnavailable(f"{what} {path}: can't be written ({fault.strerror})") from None


def read_private(path: Path, what: str) -> str:
    """A short text without blanks around it; raises SecretsUnavailable, as `read_private_file`, or for no such text."""
    content, _ = read_private_file(path, what, most_bytes=_MAX_TEXT_BYTES)
    text = content.decode("ascii", "replace").strip()
    if not text or not text.isascii() or not text.isprintable():
        raise SecretsUnavailable(f"{what} {path}: it holds no such thing")
    return text


def replace_private(path: Path, text: str, what: str) -> None:
    """Put a short ASCII text in the file's place; raises SecretsUnavailable, as `replace_private_file`."""
    replace_private_file(path, text.encode("ascii") + b"\n", what)
