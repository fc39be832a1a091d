"""Keys whose own place goes away and comes back, as a remote key service does."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from server.secrets.keyring import Keyring
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.memory import Unlocked
from server.secrets.provider import KeyInfo, KeyKind, Login, SecretsUnavailable


class FadingSecrets(LocalSecrets):
    """A key file that can't be asked while it is `away`; of keys in memory PINs alone are judged elsewhere.

    `forgotten`: the keys in memory have served as long as they may.
    """

    away = False
    forgotten = False

    @classmethod
    def at(cls, path: Path) -> "FadingSecrets":
        open_key_file(path)
        return cls(path)

    def go(self, *, forgotten: bool = False) -> None:
        self.away, self.forgotten = True, forgotten

    def come_back(self) -> None:
        self.away = self.forgotten = False

    @property
    def is_reachable(self) -> bool:
        return not self.away

    async def state(self) -> str:
        return "unavailable" if self.away else "ok"

    @property
    def _keys(self) -> Unlocked:
        if self.forgotten:
            raise SecretsUnavailable("the keys in memory have served their hour")
        return super()._keys

    async def pin_material(self, employee_id: UUID, pin: str, pepper: str) -> bytes:
        self._ask()
        return await super().pin_material(employee_id, pin, pepper)

    async def rotate(self, kind: KeyKind, *, emergency: bool = False, login: Login | None = None) -> KeyInfo:
        self._ask()
        return await super().rotate(kind, emergency=emergency, login=login)

    async def erasures(self) -> Mapping[UUID, datetime]:
        self._ask()
        return await super().erasures()

    async def renew(self) -> bool:
        self._ask()
        return await super().renew()

    def _ask(self) -> None:
        if self.away:
            raise SecretsUnavailable("nobody answers")

    def _take(self, ring: Keyring) -> None:
        self._ask()
        super()._take(ring)
