"""Two sites that are alike, a hub, and somebody of every role whose scope is the first site alone."""

import asyncio
import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.values import DeviceStatus, Role
from server.secrets.local import LocalSecrets, open_key_file
from server.services.hashing import SlowHashes
from server.services.tokens import AccessTokens
from storage.models import Device, Employee
from storage.repositories import accounts, enrolment
from tests.contract.demo_file import DeviceKey
from tests.contract.primitives import Message
from tests.faults.own_place import OwnPlace

Side = Literal["in", "out", "unknown"]
PASSWORD: Final = "quince membrillo azul 7"
PERSON_ROLES: Final = (Role.EMPLOYEE, Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR)
HOUR: Final = timedelta(hours=1)


@dataclass
class World:
    """`place` has two sites; `owner` writes past the hub what a cell needs to be there already."""

    place: OwnPlace
    owner: "asyncpg.Connection[asyncpg.Record]"
    secrets: LocalSecrets
    password_hash: str
    taken: dict[str, int] = field(default_factory=dict)
    own: dict[Role, tuple[UUID, UUID]] = field(default_factory=dict)
    """Each role's account and session; an employee's is that of the first site's first person."""
    outsider: tuple[UUID, UUID] = field(init=False)
    """Account and session of a supervisor of the other site."""

    @classmethod
    async def open(cls, place: OwnPlace) -> "World":
        owner = await asyncpg.connect(place.dsns.migrator)
        hashes = SlowHashes(iterations=1, memory_kib=64, lanes=1, threads=1, queue_max=8)
        world = cls(place, owner, open_key_file(place.folder / "keys.json"), await hashes.hash(PASSWORD.encode()))
        hashes.close()
        for role in PERSON_ROLES:
            world.own[role] = await world.account(role, "in", employee=world.me if role is Role.EMPLOYEE else None)
        world.outsider = await world.account(Role.SUPERVISOR, "out")
        return world

    @property
    def me(self) -> Employee:
        """The person whose account the employee's is."""
        return self.place.company.people_of(self.place.company.sites[0])[0]

    def site(self, side: Side) -> UUID:
        """An unknown one is nobody's."""
        return uuid4() if side == "unknown" else self.place.company.sites[0 if side == "in" else 1].site_id

    def department(self, side: Side) -> UUID:
        site_id = self.site(side)
        found = [one.department_id for one in self.place.company.departments if one.site_id == site_id]
        return found[0] if found else uuid4()

    def person(self, side: Side) -> UUID:
        """Someone whom no other cell has taken; never `me`."""
        if side == "unknown":
            return uuid4()
        people = [one for one in self.place.company.employees if one.site_id == self.site(side)]
        self.taken[side] = self.taken.get(side, 0) + 1
        return people[self.taken[side]].employee_id

    async def device(self, side: Side, *, status: DeviceStatus = DeviceStatus.ACTIVE) -> DeviceKey:
        """A terminal of its own."""
        key, device_id = Ed25519PrivateKey.generate(), uuid4()
        site_id = self.site(side)
        if side != "unknown":
            public_key = key.public_key().public_bytes_raw()
            row = Device(device_id, site_id, f"Terminal {device_id}", public_key, status, None, None)
            await enrolment.add_devices(self.owner, [row])
        return DeviceKey(str(device_id), str(site_id), key.private_bytes_raw(), spare=True)

    async def account(self, role: Role, side: Side, *, employee: Employee | None = None) -> tuple[UUID, UUID]:
        """A new account whose scope is one site, and a live session of it."""
        account_id, session_id = uuid4(), uuid4()
        if side != "unknown":
            await accounts.add_account(
                self.owner,
                accounts.Account(
                    account_id=account_id,
                    username=f"{role}-{account_id.hex[:8]}",
                    role=role,
                    password_hash=self.password_hash,
                    site_ids=[self.site(side)],
                    employee_id=None if employee is None else employee.employee_id,
                ),
            )
            await self.session(account_id, session_id)
        return account_id, session_id

    async def session(self, account_id: UUID, session_id: UUID) -> None:
        await self.owner.execute(
            "INSERT INTO refresh_families (family_id, account_id, expires_at) VALUES ($1, $2, $3)",
            session_id,
            account_id,
            datetime.now(UTC) + HOUR,
        )

    async def without_second_factor(self, role: Role) -> None:
        """As if this role's account had never had one."""
        await self.owner.execute(
            "UPDATE accounts SET totp_secret = NULL, totp_pending = NULL, totp_last_step = NULL WHERE account_id = $1",
            self.own[role][0],
        )

    async def token(self, role: Role) -> str:
        return await self.token_of(*self.own[role])

    async def token_of(self, account_id: UUID, session_id: UUID) -> str:
        now = datetime.now(UTC)
        return await AccessTokens(self.secrets, issuer="attendance-hub").issue(
            account_id=account_id, session_id=session_id, now=now, expires_at=now + HOUR
        )

    async def badge(self, employee_id: UUID) -> UUID:
        """A badge of someone's."""
        found: UUID | None = await self.owner.fetchval(
            "SELECT badge_id FROM badges WHERE employee_id = $1", employee_id
        )
        return found or uuid4()

    async def deactivated(self, side: Side) -> UUID:
        employee_id = self.person(side)
        await self.owner.execute("UPDATE employees SET deactivated_at = now() WHERE employee_id = $1", employee_id)
        # The hub's directory looks once a second whether it is another.
        await asyncio.sleep(1.5)
        return employee_id


def one_time_code(uri: str, steps_ahead: int = 0) -> str:
    """The code of an otpauth URI (RFC 6238), by a second opinion."""
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + steps_ahead), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def known_refusal(answer: Message) -> tuple[str, str, object]:
    """What of a refusal a client sees, whoever asks."""
    return str(answer["code"]), str(answer["message"]), answer["details"]
