"""A person's session with one hub, kept between commands in a file that only its user can read."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kiosk.admin.faults import StateUnusable
from kiosk.identity import write_private_file
from kiosk.link.client import websocket_url


class SavedSession(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens are secrets: they are printed nowhere, not even by repr."""

    hub: str
    username: str
    access_token: str
    expires_at: float
    """Of the access token, in seconds since the epoch by this machine's clock."""
    refresh_token: str

    def __repr__(self) -> str:
        return f"SavedSession({self.username!r} at {self.hub!r})"


class SessionFile:
    """The session with one hub. Raises StateUnusable where the disk doesn't do its part."""

    def __init__(self, folder: Path, hub_url: str) -> None:
        self._folder = folder
        self._hub = websocket_url(hub_url)
        digest = hashlib.sha256(self._hub.encode()).hexdigest()[:16]
        self._path = folder / f"session-{digest}.json"

    def load(self) -> SavedSession | None:
        try:
            if self._path.stat().st_mode & 0o077:
                raise StateUnusable("{path} can be read by others: its mode must be 0600", path=self._path)
            return msgspec.json.decode(self._path.read_bytes(), type=SavedSession)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise StateUnusable("{path} can't be read: {why}", path=self._path, why=fault.strerror) from None
        except msgspec.MsgspecError:
            raise StateUnusable("{path} is damaged: remove it and sign in again", path=self._path) from None

    def save(self, session: SavedSession) -> None:
        """Replace the file, whole or not at all."""
        try:
            write_private_file(self._path, msgspec.json.encode(session).decode())
        except OSError as fault:
            raise StateUnusable(
                "the session can't be kept in {folder}: {why}", folder=self._folder, why=fault.strerror
            ) from None

    def remove(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as fault:
            raise StateUnusable("{path} can't be removed: {why}", path=self._path, why=fault.strerror) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held while a token is renewed: two commands that renew the same one at once would end the session."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise StateUnusable(
                "the session can't be kept in {folder}: {why}", folder=self._folder, why=fault.strerror
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
