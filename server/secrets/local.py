"""Keys in one local JSON file, mode 0600, shared by the hubs of a machine.

A hub that meets a key id it doesn't know looks whether another hub renewed the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from protocol.values import format_time, parse_time
from server.secrets.key_file import KeyFile, locked, read_key_file, replace_key_file
from server.secrets.keyring import DEFAULT_ROTATION, FORMAT, Keyring, Rotation, new_keyring, renewed, retired, rotated
from server.secrets.memory import KeyringSecrets
from server.secrets.provider import KeyInfo, KeyKind, Login, SecretsUnavailable


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class LocalSecrets(KeyringSecrets):
    """A SecretsProvider over a key file. Make it with `open_key_file`."""

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime] = utc_now, rotation: Rotation = DEFAULT_ROTATION
    ) -> None:
        self._path = path
        self._file, self._version = read_key_file(path, rotation)
        super().__init__(self._file.ring, clock=clock, rotation=rotation)

    async def rotate(self, kind: KeyKind, *, emergency: bool = False, login: Login | None = None) -> KeyInfo:
        made: list[KeyInfo] = []

        def change(file: KeyFile) -> KeyFile:
            ring, new = rotated(file.ring, kind, self._clock(), self._rotation, at_once=emergency, login=login)
            made.append(new.info)
            return msgspec.structs.replace(file, keys=ring.keys)

        self._change(change)
        return made[0]

    async def retire(self, kind: KeyKind, key_id: str) -> None:
        self._change(
            lambda file: msgspec.structs.replace(
                file, keys=retired(file.ring, kind, key_id, self._clock(), self._rotation).keys
            )
        )

    async def note_erasure(self, employee_id: UUID, at: datetime) -> None:
        self._change(
            lambda file: msgspec.structs.replace(file, erasures={employee_id: format_time(at), **file.erasures})
        )

    async def erasures(self) -> Mapping[UUID, datetime]:
        self._load()  # another hub's too
        return {employee_id: parse_time(at) for employee_id, at in self._file.erasures.items()}

    async def renew(self) -> bool:
        self._load()
        if self._renewed(self._file) != self._file:
            self._change(self._renewed)
        return self._announce()

    @property
    def is_reachable(self) -> bool:
        # The keys are in memory: what happens to the file now keeps nobody from working.
        return True

    async def state(self) -> str:
        return "ok"

    def _renewed(self, file: KeyFile) -> KeyFile:
        return msgspec.structs.replace(file, keys=renewed(file.ring, self._clock(), self._rotation).keys)

    def _change(self, change: Callable[[KeyFile], KeyFile]) -> None:
        with locked(self._path):
            # Another hub may have been quicker while this one waited for the lock.
            before, _ = read_key_file(self._path, self._rotation)
            if (after := change(before)) != before:
                replace_key_file(self._path, after)
        self._load()

    def _look_again(self) -> None:
        try:
            status = self._path.stat()
            if (status.st_ino, status.st_mtime_ns) != self._version:
                self._load()
        except (OSError, SecretsUnavailable):
            return  # the keys in memory still serve; `renew` says what is wrong with the file

    def _load(self) -> None:
        self._file, self._version = read_key_file(self._path, self._rotation)
        self._take(self._file.ring)


def open_key_file(
    path: Path, *, clock: Callable[[], datetime] = utc_now, rotation: Rotation = DEFAULT_ROTATION
) -> LocalSecrets:
    """Read the key file, making it first where there is none; its folder must exist.

    Raises:
        SecretsUnavailable: it can't be read, made or understood, isn't ours, or others may read it.
    """
    if not path.exists():
        with locked(path):
            if not path.exists():
                replace_key_file(path, _new_file(new_keyring(clock(), rotation)))
    return LocalSecrets(path, clock=clock, rotation=rotation)


def _new_file(ring: Keyring) -> KeyFile:
    return KeyFile(FORMAT, ring.keys)
