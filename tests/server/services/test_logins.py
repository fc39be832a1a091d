"""New logins at a real PostgreSQL and a real Valkey, three times over, while a hub's pool and channel are at work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio as redis
from redis.exceptions import AuthenticationError

from server.secrets.keyring import Rotation
from server.secrets.local import open_key_file, utc_now
from server.secrets.provider import KeyKind
from server.services.logins import (
    LoginNotChanged,
    drop_old_redis_passwords,
    new_postgres_login,
    new_redis_password,
)
from server.settings import Settings
from storage.bootstrap import DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres, EmbeddedValkey
from storage.live_channel import LiveChannel
from storage.logins import can_log_in, with_login
from storage.migrate import migrate
from storage.postgres import Database

pytestmark = pytest.mark.integration

TURNS = 3
LEAD_SECONDS = 0.4


def settings_of(postgres_dsn: str, redis_url: str, key_file: Path) -> Settings:
    """An overlap of 2.4 s."""
    return Settings(
        postgres_dsn=postgres_dsn,
        redis_url=redis_url,
        key_file=key_file,
        keys_refresh_seconds=0.1,
        key_lead_seconds=LEAD_SECONDS,
        password_overlap_minutes=0.04,
    )


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedPostgres, DatabaseDsns]]:
    """Of these tests alone: its roles are changed."""
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
        await migrate(dsns.migrator)
        yield postgres, dsns


async def test_postgres_roles_turn_under_load_without_an_error(
    cluster: tuple[EmbeddedPostgres, DatabaseDsns], tmp_path: Path
) -> None:
    postgres, dsns = cluster
    settings = settings_of(dsns.hub_a, "redis://nowhere", tmp_path / "keys.json")
    keys = open_key_file(settings.key_file, rotation=Rotation.from_settings(settings))
    database = await Database.connect(dsns.hub_a, min_size=2, max_size=4, login=lambda: keys.login(KeyKind.POSTGRES))
    users: list[str] = []
    at_work = True

    async def work() -> None:
        while at_work:
            async with database.connection() as connection:
                users.append(await connection.fetchval("SELECT session_user::text"))
            await asyncio.sleep(0)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    try:
        with pytest.raises(LoginNotChanged, match="InsufficientPrivilege"):
            await new_postgres_login(keys, settings, dsns.hub_a, utc_now())
        assert keys.login(KeyKind.POSTGRES) is None, "whoever may not change roles changes nothing"
        used = ["attendance_hub_a"]
        superseded: list[tuple[str, str]] = []
        for _ in range(TURNS):
            if (before := keys.login(KeyKind.POSTGRES)) is not None:
                superseded.append(before)
            await new_postgres_login(keys, settings, postgres.superuser_dsn, utc_now())
            await asyncio.sleep(LEAD_SECONDS + 0.1)
            login = keys.login(KeyKind.POSTGRES)
            assert login is not None
            assert login.user != used[-1]
            used.append(login.user)
            await database.connect_anew()
            users.clear()
            await asyncio.sleep(0.3)
            assert login.user in users[-1], "connections that are given back are made anew"
            if before is not None:
                assert await can_log_in(dsns.hub_a, *before), "through its overlap the old one is good"
            await asyncio.sleep(2.6)
            if before is not None and before.user != login.user:
                assert not await can_log_in(dsns.hub_a, *before), "and no longer"
        assert used == ["attendance_hub_a", "attendance_hub_b"] * 2
    finally:
        at_work = False
        for ended in await asyncio.gather(*workers, return_exceptions=True):
            assert ended is None
        await database.close()


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


async def is_good(url: str, user: str, password: str) -> bool:
    async with redis.from_url(with_login(url, user, password), retry=None) as client:
        with contextlib.suppress(AuthenticationError):
            return bool(await client.ping())
    return False


async def test_a_redis_password_turns_while_bells_ring(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    settings = settings_of("postgresql://x", valkey.url, tmp_path / "keys.json")
    keys = open_key_file(settings.key_file, rotation=Rotation.from_settings(settings))
    channel = LiveChannel(
        valkey.url, on_changes=lambda _: None, on_gap=lambda: None, login=lambda: keys.login(KeyKind.REDIS)
    )
    await channel.start()
    first = valkey.url.split("@")[0].rsplit(":", 1)[-1]
    passwords = [("default", first)]
    try:
        for _ in range(TURNS):
            await new_redis_password(keys, settings, utc_now())
            assert await is_good(valkey.url, *passwords[-1])
            await asyncio.sleep(LEAD_SECONDS + 0.1)
            login = keys.login(KeyKind.REDIS)
            assert login is not None
            passwords.append(login)
            assert await is_good(valkey.url, *login)
            assert await channel.publish([]), "a publisher that connects now, too"
            await drop_old_redis_passwords(keys, settings, utc_now())
            assert await is_good(valkey.url, *passwords[-2]), "through its overlap the old one is good"
            await asyncio.sleep(2.6)
            await drop_old_redis_passwords(keys, settings, utc_now())
            assert not await is_good(valkey.url, *passwords[-2])
            assert await is_good(valkey.url, *login)
        assert len({password for _, password in passwords}) == TURNS + 1
    finally:
        await channel.stop()


async def test_where_redis_isnt_no_password_changes(tmp_path: Path) -> None:
    settings = settings_of("postgresql://x", "redis://:old@127.0.0.1:1/0", tmp_path / "keys.json")
    keys = open_key_file(settings.key_file)
    with pytest.raises(LoginNotChanged, match="Redis didn't change"):
        await new_redis_password(keys, settings, utc_now())
    assert keys.login(KeyKind.REDIS) is None
