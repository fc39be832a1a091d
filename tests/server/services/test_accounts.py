"""Sessions on a real PostgreSQL, as the hub's own role."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from protocol.errors import ErrorCode
from protocol.values import Role, from_binary, to_binary
from server.errors import Refused
from server.rules.permissions import EVERYTHING, NOTHING, Scope
from server.rules.totp import STEP_SECONDS, code_at
from server.secrets.local import LocalSecrets, open_key_file
from server.services.accounts import Accounts, Principal, SecondFactorNeeded, SignedIn
from server.services.hashing import SlowHashes
from server.services.login_attempts import LoginAttempts, LoginLimits
from server.services.second_factor import SecondFactor, totp_binding
from server.services.tokens import AccessTokens
from server.telemetry.metrics import Metrics
from storage.bootstrap import DatabaseDsns
from storage.errors import RowRefused
from storage.postgres import Database
from storage.repositories.accounts import Account, add_account

pytestmark = pytest.mark.integration

SITE = uuid4()
PASSWORD = "correct horse"
TOTP_SECRET = b"12345678901234567890"
LIMITS = LoginLimits(
    of_name_from_address=100,
    of_name=100,
    of_address=100,
    window_seconds=60,
    right_seconds=10,
    codes_of_account=6,
    code_window_seconds=86_400,
)


@dataclass
class Office:
    """The service under test, and an owner's hand on its tables."""

    accounts: Accounts
    owner: "asyncpg.Connection[asyncpg.Record]"
    secrets: LocalSecrets
    hashes: SlowHashes

    async def add(self, username: str, **changes: Any) -> Account:  # noqa: ANN401 - an account's fields, each of its type
        account = replace(
            Account(
                account_id=uuid4(),
                username=username,
                role=Role.SUPERVISOR,
                password_hash=await self.hashes.hash(PASSWORD.encode()),
                site_ids=[SITE],
            ),
            **changes,
        )
        await add_account(self.owner, account)
        return account

    async def age_rotation(self, seconds: int) -> None:
        await self.owner.execute(
            "UPDATE refresh_families SET rotated_at = rotated_at - make_interval(secs => $1)", seconds
        )

    async def family(self) -> "asyncpg.Record":
        row = await self.owner.fetchrow("SELECT * FROM refresh_families")
        assert row is not None
        return row

    async def audited(self) -> list[str]:
        return [row["action"] for row in await self.owner.fetch("SELECT action FROM audit ORDER BY at")]


@pytest.fixture
def hashes() -> Iterator[SlowHashes]:
    made = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=16)
    yield made
    made.close()


@pytest.fixture
async def office(database_dsns: DatabaseDsns, tmp_path: Path, hashes: SlowHashes) -> AsyncIterator[Office]:
    secrets = open_key_file(tmp_path / "keys.json")
    database = await Database.connect(database_dsns.hub_a, min_size=1, max_size=4)
    owner = await asyncpg.connect(database_dsns.migrator)
    accounts = Accounts(
        database,
        secrets,
        hashes,
        AccessTokens(secrets, issuer="attendance-hub"),
        Metrics(version="1"),
        attempts=LoginAttempts(database, secrets, LIMITS, None),
        second_factor=SecondFactor(secrets, lambda: datetime.now(UTC), issuer="Test", required_of=()),
        clock=lambda: datetime.now(UTC),
        access_token_minutes=15,
        refresh_token_days=30,
        refresh_grace_seconds=30,
    )
    yield Office(accounts, owner, secrets, hashes)
    await owner.close()
    await database.close()


async def refused(attempt: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as caught:
        await attempt
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    return caught.value


async def signed_in(office: Office, username: str = "ana") -> SignedIn:
    return await office.accounts.login(username, PASSWORD, None)


async def session_of(office: Office, pair: SignedIn) -> Principal:
    return await office.accounts.authenticate(pair.access_token)


async def test_a_sign_in_gives_a_session_in_the_accounts_scope(office: Office) -> None:
    account = await office.add("Ana")
    pair = await signed_in(office, "aNA")
    assert pair.expires_in_seconds == 900
    assert 30 * 86_400 - 60 < pair.session_seconds <= 30 * 86_400
    principal = await session_of(office, pair)
    assert principal.session.account_id == account.account_id
    assert principal.session.role is Role.SUPERVISOR
    assert principal.session.scope == Scope.of([SITE], None)
    assert 890 < (principal.expires_at - datetime.now(UTC)).total_seconds() <= 900
    assert await office.audited() == ["session.began"]


async def test_tokens_stay_out_of_reprs(office: Office) -> None:
    await office.add("ana")
    pair = await signed_in(office)
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)


async def test_a_username_is_one_whatever_its_case(office: Office) -> None:
    await office.add("ana")
    with pytest.raises(asyncpg.UniqueViolationError):
        await office.add("ANA")


async def test_wrong_unknown_and_disabled_are_the_same_refusal(office: Office) -> None:
    await office.add("ana")
    await office.add("gone", disabled_at=datetime.now(UTC))
    answers = [
        await refused(office.accounts.login(username, password, None))
        for username, password in [("ana", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("", "")]
    ]
    assert len({(answer.code, str(answer)) for answer in answers}) == 1
    assert not await office.owner.fetchval("SELECT count(*) FROM refresh_families")


async def test_a_refresh_token_rotates(office: Office) -> None:
    await office.add("ana")
    first = await signed_in(office)
    second = await office.accounts.refresh(first.refresh_token)
    third = await office.accounts.refresh(second.refresh_token)
    assert len({pair.refresh_token for pair in (first, second, third)}) == 3
    sessions = {(await session_of(office, pair)).session.session_id for pair in (first, second, third)}
    assert len(sessions) == 1
    assert third.session_seconds <= first.session_seconds


async def test_the_previous_token_gets_the_same_successor_for_a_while(office: Office) -> None:
    await office.add("ana")
    first = await signed_in(office)
    second = await office.accounts.refresh(first.refresh_token)
    await office.age_rotation(25)
    again = await office.accounts.refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert (await office.family())["generation"] == 2
    await office.accounts.refresh(again.refresh_token)


async def test_two_at_once_get_the_same_successor(office: Office) -> None:
    await office.add("ana")
    first = await signed_in(office)
    pairs = await asyncio.gather(*(office.accounts.refresh(first.refresh_token) for _ in range(8)))
    assert len({pair.refresh_token for pair in pairs}) == 1
    assert (await office.family())["generation"] == 2


@pytest.mark.parametrize(("rotations", "age_seconds"), [(1, 31), (2, 0)])
async def test_an_old_token_ends_its_family(office: Office, rotations: int, age_seconds: int) -> None:
    await office.add("ana")
    first = latest = await signed_in(office)
    for _ in range(rotations):
        latest = await office.accounts.refresh(latest.refresh_token)
    await office.age_rotation(age_seconds)
    await refused(office.accounts.refresh(first.refresh_token))
    assert (await office.family())["end_reason"] == "reused"
    await refused(office.accounts.refresh(latest.refresh_token))
    await refused(office.accounts.authenticate(latest.access_token))
    assert await office.audited() == ["session.began", "session.reused"]


async def test_an_old_token_leaves_other_families_alone(office: Office) -> None:
    await office.add("ana")
    first, other = await signed_in(office), await signed_in(office)
    second = await office.accounts.refresh(first.refresh_token)
    await office.accounts.refresh(second.refresh_token)
    await refused(office.accounts.refresh(first.refresh_token))
    await office.accounts.refresh(other.refresh_token)


async def test_a_rotation_that_the_database_lost_is_no_theft(office: Office) -> None:
    await office.add("ana")
    first = await signed_in(office)
    second = await office.accounts.refresh(first.refresh_token)
    await office.owner.execute("UPDATE refresh_families SET generation = 1")
    third = await office.accounts.refresh(second.refresh_token)
    assert (await office.family())["generation"] == 3
    await office.accounts.refresh(third.refresh_token)


async def test_forged_and_foreign_tokens_are_refused(office: Office, tmp_path: Path) -> None:
    await office.add("ana")
    pair = await signed_in(office)
    data = bytearray(from_binary(pair.refresh_token))
    data[23] += 1  # the next generation, with this one's checksum
    elsewhere = open_key_file(tmp_path / "other.json")
    body = uuid4().bytes + (1).to_bytes(8, "big")
    for token in [
        to_binary(bytes(data)),
        to_binary(body + elsewhere.refresh_mac(body)),
        to_binary(body + office.secrets.refresh_mac(body)),  # of a family that never was
        pair.refresh_token + "=",
        pair.refresh_token[:-4],
        pair.access_token,
        "",
        "ñ",
    ]:
        await refused(office.accounts.refresh(token))
    assert (await office.family())["ended_at"] is None


async def test_signing_out_ends_the_session_once(office: Office) -> None:
    await office.add("ana")
    first = await signed_in(office)
    second = await office.accounts.refresh(first.refresh_token)
    for _ in range(2):
        await office.accounts.logout(first.refresh_token)
    await office.accounts.logout("no token")
    await refused(office.accounts.refresh(second.refresh_token))
    await refused(office.accounts.authenticate(second.access_token))
    assert await office.audited() == ["session.began", "session.signed_out"]


async def test_a_session_expires(office: Office) -> None:
    await office.add("ana")
    pair = await signed_in(office)
    await office.owner.execute("UPDATE refresh_families SET expires_at = clock_timestamp() + interval '60 seconds'")
    short = await office.accounts.refresh(pair.refresh_token)
    assert 55 <= short.expires_in_seconds <= 60
    await office.owner.execute("UPDATE refresh_families SET expires_at = clock_timestamp()")
    await refused(office.accounts.refresh(short.refresh_token))
    await refused(office.accounts.authenticate(short.access_token))


async def test_revalidation_tells_the_living_and_what_they_may_do(office: Office) -> None:
    demoted, disabled, gone = [await office.add(name) for name in ("demoted", "disabled", "gone")]
    pairs = {account.username: await signed_in(office, account.username) for account in (demoted, disabled, gone)}
    sessions = {name: (await session_of(office, pair)).session.session_id for name, pair in pairs.items()}
    assert set(await office.accounts.revalidate(sessions.values())) == set(sessions.values())
    await office.owner.execute("UPDATE accounts SET role = 'inspector', site_ids = NULL WHERE username = 'demoted'")
    await office.owner.execute("UPDATE accounts SET disabled_at = now() WHERE username = 'disabled'")
    await office.accounts.logout(pairs["gone"].refresh_token)
    alive = await office.accounts.revalidate([*sessions.values(), uuid4()])
    assert set(alive) == {sessions["demoted"]}
    assert alive[sessions["demoted"]].role is Role.INSPECTOR
    assert alive[sessions["demoted"]].scope == EVERYTHING
    await refused(office.accounts.refresh(pairs["disabled"].refresh_token))
    assert await office.accounts.revalidate([]) == {}


async def test_an_employee_reaches_itself_alone(office: Office) -> None:
    employee_id = await add_employee(office.owner)
    await office.add("eva", role=Role.EMPLOYEE, employee_id=employee_id, site_ids=None)
    session = (await session_of(office, await signed_in(office, "eva"))).session
    assert session.scope == NOTHING
    assert session.employee_id == employee_id


async def test_a_one_time_code_is_asked_for_and_good_once(office: Office) -> None:
    account_id = uuid4()
    encrypted = office.secrets.encrypt(TOTP_SECRET, totp_binding(account_id))
    await office.add("ana", account_id=account_id, totp_secret=encrypted)
    code = code_at(TOTP_SECRET, int(datetime.now(UTC).timestamp()) // STEP_SECONDS)
    for missing in (None, "", "00000", "abcdef"):
        with pytest.raises(SecondFactorNeeded):
            await office.accounts.login("ana", PASSWORD, missing)
    assert not isinstance(await refused(office.accounts.login("ana", "wrong", code)), SecondFactorNeeded)
    await office.accounts.login("ana", PASSWORD, code)
    with pytest.raises(SecondFactorNeeded):
        await office.accounts.login("ana", PASSWORD, code)
    assert await office.owner.fetchval("SELECT count(*) FROM refresh_families") == 1


async def test_wrong_codes_behind_a_right_password_are_counted_by_the_day(office: Office) -> None:
    """Whoever got hold of a password guesses at its codes no faster from many addresses, nor after a minute."""
    account_id = uuid4()
    encrypted = office.secrets.encrypt(TOTP_SECRET, totp_binding(account_id))
    await office.add("ana", account_id=account_id, totp_secret=encrypted)
    for _ in range(LIMITS.codes_of_account):
        with pytest.raises(SecondFactorNeeded):
            await office.accounts.login("ana", PASSWORD, "000000")
    code = code_at(TOTP_SECRET, int(datetime.now(UTC).timestamp()) // STEP_SECONDS)
    await office.owner.execute("UPDATE attempts SET counts_until = counts_until - interval '2 minutes'")
    with pytest.raises(Refused) as throttled:
        await office.accounts.login("ana", PASSWORD, code)
    assert throttled.value.code is ErrorCode.RATE_LIMITED
    with pytest.raises(SecondFactorNeeded):  # that one is wanted is told as ever: it guesses at nothing
        await office.accounts.login("ana", PASSWORD, None)


async def test_a_hub_may_neither_rename_accounts_nor_prolong_sessions(
    database_dsns: DatabaseDsns, office: Office
) -> None:
    await office.add("ana")
    await signed_in(office)
    hub = await asyncpg.connect(database_dsns.hub_a)
    try:
        for statement in [
            "UPDATE accounts SET username = 'eve'",
            "UPDATE accounts SET created_at = now()",
            "DELETE FROM accounts",
            "UPDATE refresh_families SET account_id = account_id",
            "UPDATE refresh_families SET expires_at = expires_at",
            "TRUNCATE refresh_families",
        ]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await hub.execute(statement)
    finally:
        await hub.close()


async def test_a_taken_username_is_a_row_refused_at_the_pool(database_dsns: DatabaseDsns, office: Office) -> None:
    account = await office.add("ana")
    owner = await Database.connect(database_dsns.migrator, min_size=1, max_size=1)
    with pytest.raises(RowRefused):
        async with owner.connection() as connection:
            await add_account(connection, replace(account, account_id=uuid4(), username="ANA"))
    await owner.close()


async def add_employee(owner: "asyncpg.Connection[asyncpg.Record]") -> UUID:
    site_id, department_id, employee_id = uuid4(), uuid4(), uuid4()
    await owner.execute("INSERT INTO sites (site_id, name, time_zone) VALUES ($1, 'Norte', 'Europe/Madrid')", site_id)
    await owner.execute(
        "INSERT INTO departments (department_id, site_id, name) VALUES ($1, $2, 'Taller')", department_id, site_id
    )
    await owner.execute(
        "INSERT INTO employees (employee_id, employee_number, display_name, site_id, department_id)"
        " VALUES ($1, '1', 'Eva', $2, $3)",
        employee_id, site_id, department_id,
    )  # fmt: skip
    return employee_id
