"""Keys whose own place goes away and comes back, as a remote key service does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from protocol.commands import PunchRecord
from protocol.sealing import NumberCredential
from protocol.values import Captured
from server.secrets.keyring import Keyring
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.memory import Unlocked
from server.secrets.provider import KeyInfo, KeyKind, Login, SecretsUnavailable
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from storage.bootstrap import DatabaseDsns
from storage.models import Employee
from storage.postgres import Database
from storage.repositories.enrolment import set_pins
from tests.builders import ADevice, a_company, a_punch
from tests.server.services.desk import MINUTE, Desk, open_desk

PIN = "271828"


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

    def look(self) -> None:
        """Find out whether it is away, where somebody else says so."""

    def come_back(self) -> None:
        self.away = self.forgotten = False

    @property
    def is_reachable(self) -> bool:
        self.look()
        return not self.away

    async def state(self) -> str:
        self.look()
        return "unavailable" if self.away else "ok"

    @property
    def _keys(self) -> Unlocked:
        self.look()
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
        self.look()
        if self.away:
            raise SecretsUnavailable("nobody answers")

    def _take(self, ring: Keyring) -> None:
        self._ask()
        super()._take(ring)


@asynccontextmanager
async def fading_desk(dsns: DatabaseDsns, secrets: FadingSecrets, hashes: SlowHashes) -> AsyncIterator[Desk]:
    """A company whose people have a `PIN`, and keys that can go away."""
    owner = await asyncpg.connect(dsns.migrator)
    database = await Database.connect(dsns.hub_a, min_size=1, max_size=4)
    desk = await open_desk(database, owner, secrets, a_company(sites=2, people=3), devices_per_site=2)
    kept = PinHashes(secrets, hashes)
    people = [employee.employee_id for employee in desk.company.employees]
    await set_pins(owner, [(employee_id, await kept.keep(employee_id, PIN)) for employee_id in people])
    yield desk
    await database.close()
    await owner.close()


def by_number(
    desk: Desk,
    minutes: float = 0,
    pin: str = PIN,
    *,
    who: Employee | None = None,
    device: ADevice | None = None,
    captured: Captured = Captured.ONLINE,
) -> PunchRecord:
    """The next punch of a device by number and PIN, `minutes` after ten in the morning."""
    credential = NumberCredential(employee_number=(who or desk.ana).employee_number, pin=pin)
    moment = desk.now + minutes * MINUTE
    return a_punch(desk.secrets, device or desk.device, credential, at=moment, captured=captured)
