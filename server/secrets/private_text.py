"""A short text that only the hub's own user may read: a file of mode 0600, replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from server.secrets.provider import SecretsUnavailable

_MAX_BYTES: Final = 65_536


def read_private(path: Path, what: str) -> str:
    """The file's text without blanks around it; raises SecretsUnavailable where it isn't there or isn't ours alone."""
    try:
        # Not to be kept waiting by a pipe that stands in the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAX_BYTES) if stat.S_ISREG(status.st_mode) else b""
    except OSError as fault:
        raise SecretsUnavailable(f"{what} ({path}): {fault.strerror}") from None
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() or mode & 0o077:
        raise SecretsUnavailable(f"{what} ({path}): it is not the hub's alone (mode {mode:04o}); `chmod 600` it")
    text = content.decode("ascii", "replace").strip()
    if not text or not text.isascii() or not text.isprintable():
        raise SecretsUnavailable(f"{what} ({path}): it holds no such thing")
    return text


def replace_private(path: Path, text: str, what: str) -> None:
    """Put a text in the file's place, atomically and durably; raises SecretsUnavailable where that can't be done."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise SecretsUnavailable(f"{what} ({path}): it can't be written ({fault.strerror})") from None
