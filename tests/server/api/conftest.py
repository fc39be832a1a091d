"""A hub's HTTP routes on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from protocol.values import Role
from server import keys
from server.api.http import MIDDLEWARES, setup_http
from server.secrets.local import open_key_file
from server.services.accounts import Accounts
from server.services.hashing import SlowHashes
from server.services.login_attempts import LoginAttempts, LoginLimits
from server.services.second_factor import SecondFactor, totp_binding
from server.services.tokens import AccessTokens
from server.settings import Settings, read_settings
from server.telemetry.health import Health
from server.telemetry.metrics import Metrics
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from storage.repositories.accounts import Account, add_account
from tests.server.api.answers import CREDENTIALS, Client


@dataclass
class Switches:
    """What a test turns off."""

    redis: str = "ok"
    draining: bool = False
    databases: list[Database] = field(default_factory=list)


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def settings(database_dsns: DatabaseDsns, tmp_path: Path) -> Settings:
    return read_settings(
        {
            "ATTENDANCE_POSTGRES_DSN": database_dsns.hub_a,
            "ATTENDANCE_REDIS_URL": "redis://localhost",
            "ATTENDANCE_KEY_FILE": str(tmp_path / "keys.json"),
            "ATTENDANCE_TRUSTED_PROXIES": "127.0.0.2/32",
            "ATTENDANCE_ARGON2_MEMORY_KIB": "8",
            "ATTENDANCE_ARGON2_ITERATIONS": "1",
            "ATTENDANCE_HTTP_BODY_SECONDS": "0.3",
        }
    )


@pytest.fixture
def hashes(settings: Settings) -> Iterator[SlowHashes]:
    made = SlowHashes.from_settings(settings)
    yield made
    made.close()


@pytest.fixture
async def client(
    database_dsns: DatabaseDsns, settings: Settings, hashes: SlowHashes, switches: Switches
) -> AsyncIterator[Client]:
    secrets = open_key_file(settings.key_file)
    database = await Database.connect(settings.postgres_dsn, min_size=1, max_size=4, acquire_timeout_seconds=1)
    switches.databases.append(database)

    async def redis_state() -> str:
        return switches.redis

    app = web.Application(middlewares=MIDDLEWARES)
    app[keys.SETTINGS] = settings
    app[keys.SECRETS] = secrets
    app[keys.METRICS] = metrics = Metrics(version="1")
    app[keys.HEALTH] = Health(database, secrets, redis_state, lambda: switches.draining)
    app[keys.ACCOUNTS] = Accounts(
        database,
        secrets,
        hashes,
        AccessTokens(secrets, issuer=settings.token_issuer),
        metrics,
        attempts=LoginAttempts(database, secrets, LoginLimits.from_settings(settings), None),
        second_factor=SecondFactor(secrets, lambda: datetime.now(UTC), issuer="Test", required_of=()),
        clock=lambda: datetime.now(UTC),
        access_token_minutes=settings.access_token_minutes,
        refresh_token_days=settings.refresh_token_days,
        refresh_grace_seconds=settings.refresh_grace_seconds,
    )
    setup_http(app, settings)
    app.router.add_get("/broken", broken)
    owner = await asyncpg.connect(database_dsns.migrator)
    password_hash = await hashes.hash(CREDENTIALS["password"].encode())
    account_id = uuid4()
    for account in [
        Account(account_id=uuid4(), username="ana", role=Role.ADMIN, password_hash=password_hash),
        Account(
            account_id=account_id,
            username="two-steps",
            role=Role.ADMIN,
            password_hash=password_hash,
            totp_secret=secrets.encrypt(b"12345678901234567890", totp_binding(account_id)),
        ),
    ]:
        await add_account(owner, account)
    await owner.close()
    async with TestClient(TestServer(app), cookie_jar=aiohttp.DummyCookieJar()) as made:
        yield made
    await database.close()


async def broken(_request: web.Request) -> web.Response:
    raise ValueError("secret=hunter2")
