"""The services around accounts on a real PostgreSQL, as the hub's own role, with a company and two administrators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from protocol.accounts import AccountCreate, AccountCreated, AccountScope, AccountUpdate, PersonRole
from protocol.values import Role
from server.rules.permissions import EVERYTHING, Scope
from server.secrets.local import LocalSecrets, open_key_file
from server.services.account_admin import AccountAdmin
from server.services.accounts import Accounts
from server.services.acts import Actor, Acts
from server.services.hashing import SlowHashes
from server.services.login_attempts import LoginAttempts, LoginLimits
from server.services.own_account import OwnAccount
from server.services.passwords import Passwords
from server.services.second_factor import SecondFactor
from server.services.sessions import Sessions
from server.services.tokens import AccessTokens
from server.telemetry.metrics import Metrics
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from storage.repositories.accounts import Account, add_account
from tests.builders import Company, a_company, enrol

PASSWORD = "tres tristes tigres"
LIMITS = LoginLimits(
    of_name_from_address=100,
    of_name=100,
    of_address=100,
    window_seconds=60,
    right_seconds=1,
    codes_of_account=100,
    code_window_seconds=60,
)


@dataclass
class Bureau:
    """`owner` writes past the hub; `chief` and `deputy` see everything."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    database: Database
    secrets: LocalSecrets
    company: Company
    second_factor: SecondFactor
    accounts: Accounts
    admin: AccountAdmin
    own: OwnAccount
    sessions: Sessions
    attempts: LoginAttempts
    password_hash: str
    chief: Actor = field(init=False)
    deputy: Actor = field(init=False)

    async def add(self, username: str, **changes: Any) -> Account:  # noqa: ANN401 - an account's fields, each of its type
        account = replace(
            Account(account_id=uuid4(), username=username, role=Role.SUPERVISOR, password_hash=self.password_hash),
            **changes,
        )
        await add_account(self.owner, account)
        return account

    async def actor(self, username: str, scope: Scope = EVERYTHING, **changes: Any) -> Actor:  # noqa: ANN401 - likewise
        """Someone who acts on a live session; an administrator unless another role is given."""
        account = await self.add(
            username,
            **{
                "role": Role.ADMIN,
                "site_ids": None if scope.site_ids is None else list(scope.site_ids),
                "department_ids": None if scope.department_ids is None else list(scope.department_ids),
                **changes,
            },
        )
        return Actor(
            name=f"account:{account.account_id}",
            scope=scope,
            role=account.role,
            account_id=account.account_id,
            session_id=await self.session(account.account_id),
            address="203.0.113.7",
            request_id="request",
        )

    async def session(self, account_id: UUID) -> UUID:
        family_id = uuid4()
        await self.owner.execute(
            "INSERT INTO refresh_families (family_id, account_id, expires_at)"
            " VALUES ($1, $2, now() + interval '1 day')",
            family_id,
            account_id,
        )
        return family_id

    async def live(self, account_id: UUID) -> set[UUID]:
        rows = await self.owner.fetch(
            "SELECT family_id FROM refresh_families WHERE account_id = $1 AND ended_at IS NULL", account_id
        )
        return {row["family_id"] for row in rows}

    async def row(self, account_id: UUID) -> "asyncpg.Record":
        row = await self.owner.fetchrow("SELECT * FROM accounts WHERE account_id = $1", account_id)
        assert row is not None
        return row

    async def audited(self) -> list["asyncpg.Record"]:
        return list(await self.owner.fetch("SELECT * FROM audit ORDER BY at, audit_id"))

    def site(self, number: int) -> UUID:
        return self.company.sites[number].site_id

    def department(self, site: int, number: int = 0) -> UUID:
        return self.company.departments[2 * site + number].department_id

    def person(self, site: int, number: int = 0) -> UUID:
        return self.company.people_of(self.company.sites[site])[number].employee_id

    async def create(self, actor: Actor, **changes: Any) -> AccountCreated:  # noqa: ANN401 - a command's fields
        return await self.admin.create(actor, a_create(**changes))


def a_create(
    *,
    username: str = "ines",
    role: PersonRole = "supervisor",
    scope: AccountScope | None = None,
    **changes: Any,  # noqa: ANN401 - a command's fields
) -> AccountCreate:
    return AccountCreate(
        **{
            "id": 1,
            "request_key": uuid4(),
            "username": username,
            "role": role,
            "scope": AccountScope() if scope is None else scope,
            **changes,
        }
    )


def an_update(account_id: UUID, **changes: Any) -> AccountUpdate:  # noqa: ANN401 - a command's fields
    return AccountUpdate(id=1, request_key=uuid4(), account_id=account_id, **changes)


@asynccontextmanager
async def open_bureau(dsns: DatabaseDsns, folder: Path) -> AsyncIterator[Bureau]:
    owner = await asyncpg.connect(dsns.migrator)
    database = await Database.connect(dsns.hub_a, min_size=1, max_size=6)
    secrets = open_key_file(folder / "keys.json")
    hashes = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=16)
    company = a_company(sites=2, people=4)
    await enrol(owner, secrets, company)
    second_factor = SecondFactor(
        secrets, lambda: datetime.now(UTC), issuer="Attendance", required_of=("admin", "inspector")
    )
    passwords = Passwords(hashes, min_characters=12)
    acts = Acts(database, secrets)
    attempts = LoginAttempts(database, secrets, LIMITS, None)
    bureau = Bureau(
        owner=owner,
        database=database,
        secrets=secrets,
        company=company,
        second_factor=second_factor,
        accounts=Accounts(
            database,
            secrets,
            hashes,
            AccessTokens(secrets, issuer="attendance-hub"),
            Metrics(version="1"),
            second_factor=second_factor,
            attempts=attempts,
            clock=lambda: datetime.now(UTC),
            access_token_minutes=15,
            refresh_token_days=30,
            refresh_grace_seconds=30,
        ),
        admin=AccountAdmin(acts, passwords, second_factor),
        own=OwnAccount(database, acts, passwords, second_factor, attempts),
        sessions=Sessions(database, acts),
        attempts=attempts,
        password_hash=await hashes.hash(PASSWORD.encode()),
    )
    bureau.chief, bureau.deputy = await bureau.actor("chief"), await bureau.actor("deputy")
    try:
        yield bureau
    finally:
        hashes.close()
        await database.close()
        await owner.close()
