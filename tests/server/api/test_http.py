"""The HTTP routes on a real PostgreSQL, as a browser and a native client see them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import Morsel
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from protocol.values import Role
from server import keys
from server.api.http import MIDDLEWARES, setup_http
from server.secrets.local import open_key_file
from server.services.accounts import Accounts, totp_binding
from server.services.hashing import SlowHashes
from server.services.tokens import AccessTokens
from server.settings import Settings, read_settings
from server.telemetry.health import Health
from server.telemetry.metrics import Metrics
from storage.bootstrap import DatabaseDsns
from storage.postgres import Database
from storage.repositories.accounts import Account, add_account
from tests.postgres import MigratedCluster

pytestmark = pytest.mark.integration

Client = TestClient[web.Request, web.Application]
ORIGIN = "http://127.0.0.1:8080"
CREDENTIALS = {"username": "ana", "password": "correct horse"}


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


async def problem(answer: aiohttp.ClientResponse, status: int, code: str) -> dict[str, object]:
    body: dict[str, object] = await answer.json(content_type="application/problem+json")
    assert answer.status == status
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert answer.headers["Cache-Control"] == "no-store"
    return body


async def login(client: Client, /, **changes: object) -> aiohttp.ClientResponse:
    return await client.post("/api/login", json=CREDENTIALS | changes)


def cookie_of(answer: aiohttp.ClientResponse) -> "Morsel[str]":
    [cookie] = answer.cookies.values()
    return cookie


def shows(cookie: "Morsel[str]") -> dict[str, str]:
    return {"Cookie": f"{cookie.key}={cookie.value}", "Origin": ORIGIN}


async def test_a_page_signs_in_renews_and_signs_out_by_cookie(client: Client) -> None:
    answer = await login(client)
    body = await answer.json()
    assert answer.status == 200
    assert set(body) == {"access_token", "expires_in", "token_type"}
    assert body["expires_in"] == 900
    assert answer.headers["Cache-Control"] == "no-store"
    first = cookie_of(answer)
    assert (first["path"], first["httponly"], first["samesite"], first["secure"]) == ("/api/token", True, "Strict", "")
    assert int(first["max-age"]) > 29 * 86_400
    answer = await client.post("/api/token/refresh", headers=shows(first))
    assert answer.status == 200
    second = cookie_of(answer)
    assert second.value != first.value
    assert (await client.post("/api/token/logout", headers=shows(second))).status == 204
    answer = await client.post("/api/token/refresh", headers=shows(second))
    await problem(answer, 401, "unauthenticated")


async def test_signing_out_clears_the_cookie_whoever_asks(client: Client) -> None:
    for headers in ({}, {"Cookie": "attendance_refresh=nonsense"}):
        answer = await client.post("/api/token/logout", headers=headers)
        assert answer.status == 204
        cleared = cookie_of(answer)
        assert (cleared.value, cleared["max-age"], cleared["path"]) == ("", "0", "/api/token")


async def test_a_native_client_keeps_its_token_itself(client: Client) -> None:
    answer = await login(client, client="native")
    first = await answer.json()
    assert not answer.cookies
    answer = await client.post("/api/token/refresh", json={"refresh_token": first["refresh_token"]})
    second = await answer.json()
    assert not answer.cookies
    assert second["refresh_token"] != first["refresh_token"]
    await client.post("/api/token/logout", json={"refresh_token": second["refresh_token"]})
    answer = await client.post("/api/token/refresh", json={"refresh_token": second["refresh_token"]})
    await problem(answer, 401, "unauthenticated")


async def test_over_tls_the_cookie_is_secure(client: Client, settings: Settings) -> None:
    behind_proxy = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=behind_proxy, cookie_jar=aiohttp.DummyCookieJar()) as proxy:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
        answer = await proxy.post(client.make_url("/api/login"), json=CREDENTIALS, headers=headers)
        assert cookie_of(answer)["secure"] is True
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert settings.trusted_proxies
    plain = await login(client)
    assert "Strict-Transport-Security" not in plain.headers


async def test_wrong_and_unknown_get_the_same_answer(client: Client) -> None:
    bodies = [
        await problem(await login(client, **changes), 401, "unauthenticated")
        for changes in ({"password": "wrong"}, {"username": "nobody"})
    ]
    assert bodies[0] == bodies[1]


async def test_a_one_time_code_is_asked_for(client: Client) -> None:
    answer = await client.post(
        "/api/login", json=CREDENTIALS | {"username": "two-steps"}, headers={"Accept-Language": "es"}
    )
    body = await problem(answer, 401, "totp_required")
    assert body["detail"] == "Hace falta un código de un solo uso."


BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "malformed"),
    (b"{", 400, "malformed"),
    (b"[]", 400, "malformed"),
    (b'"text"', 400, "malformed"),
    (b'{"username":"a","username":"b","password":"c"}', 400, "malformed"),
    (b'{"username":"a","password":NaN}', 400, "malformed"),
    (b'{"username":"\xff","password":"x"}', 400, "malformed"),
    (b'{"username":"a\\u0000","password":"x"}', 400, "malformed"),
    (b"[" * 5_000, 400, "malformed"),
    (b'{"username":"a"}', 422, "invalid"),
    (b'{"username":1,"password":2}', 422, "invalid"),
    (b'{"username":"a","password":"b","client":"robot"}', 422, "invalid"),
    (json.dumps({"username": "a" * 201, "password": "b"}).encode(), 422, "invalid"),
    (json.dumps({"username": "a", "password": "b" * 20_000}).encode(), 413, "too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
async def test_a_bad_body_is_a_problem(client: Client, body: bytes, status: int, code: str) -> None:
    answer = await client.post("/api/login", data=body, headers={"Content-Type": "application/json"})
    await problem(answer, status, code)


async def test_an_invalid_field_is_named(client: Client) -> None:
    answer = await login(client, username=7)
    assert (await problem(answer, 422, "invalid"))["field"] == "username"


async def test_only_json_is_taken(client: Client) -> None:
    answer = await client.post("/api/login", data=CREDENTIALS)
    await problem(answer, 415, "unsupported_media_type")


async def test_a_body_must_come_in_time(client: Client) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(3)
        yield b"}"

    answer = await client.post("/api/login", data=slowly(), headers={"Content-Type": "application/json"})
    await problem(answer, 408, "request_timeout")


@pytest.mark.parametrize("path", ["/api/login", "/api/token/refresh", "/api/token/logout"])
async def test_another_pages_origin_is_refused(client: Client, path: str) -> None:
    cookie = cookie_of(await login(client))
    headers = shows(cookie) | {"Origin": "https://evil.example"}
    await problem(await client.post(path, json={}, headers=headers), 403, "forbidden")
    assert (await client.post("/api/token/refresh", headers=shows(cookie))).status == 200


async def test_a_cookie_and_no_token_of_ours(client: Client) -> None:
    await problem(await client.post("/api/token/refresh"), 401, "unauthenticated")
    for token in ("", "x", "é", "A" * 5_000):
        await problem(await client.post("/api/token/refresh", json={"refresh_token": token}), 401, "unauthenticated")


async def test_thirty_logins_a_minute_from_one_address_even_at_once(client: Client) -> None:
    answers = await asyncio.gather(*(login(client, username=f"guess-{index}") for index in range(100)))
    statuses = [answer.status for answer in answers]
    assert statuses.count(401) == 30
    assert statuses.count(429) == 70
    throttled = next(answer for answer in answers if answer.status == 429)
    await problem(throttled, 429, "rate_limited")
    assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    # What a client says of itself changes nothing.
    answer = await client.post("/api/login", json=CREDENTIALS, headers={"X-Forwarded-For": "198.51.100.7"})
    assert answer.status == 429
    token = open_key_file(client.app[keys.SETTINGS].key_file).metrics_token
    figures = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert 'hub_logins_total{result="throttled"} 71.0' in await figures.text()


async def test_an_independent_library_verifies_a_token_by_the_published_keys(client: Client) -> None:
    token = (await (await login(client)).json())["access_token"]
    answer = await client.get("/.well-known/jwks.json")
    published = jwt.PyJWKSet.from_dict(await answer.json(content_type=None))
    key = published[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        audience="attendance",
        issuer="attendance-hub",
        options={"require": ["exp", "iat", "aud", "iss", "sub"]},
    )
    assert claims["exp"] - claims["iat"] == 900


async def test_ready_says_what_each_part_is(client: Client) -> None:
    answer = await client.get("/ready")
    assert answer.status == 200
    assert await answer.json() == {
        "status": "ready",
        "postgres": "ok",
        "redis": "ok",
        "secrets": "ok",
        "draining": False,
    }


async def test_without_redis_a_hub_still_records(client: Client, switches: Switches) -> None:
    switches.redis = "unavailable"
    answer = await client.get("/ready")
    assert answer.status == 200
    assert (await answer.json())["redis"] == "unavailable"


async def test_a_draining_hub_is_not_ready(client: Client, switches: Switches) -> None:
    switches.draining = True
    answer = await client.get("/ready")
    assert answer.status == 503
    assert (await answer.json())["status"] == "not_ready"


async def test_without_postgres_it_lives_and_is_not_ready(client: Client, switches: Switches) -> None:
    await switches.databases[0].close()
    assert (await client.get("/health")).status == 200
    answer = await client.get("/ready")
    assert answer.status == 503
    assert (await answer.json())["postgres"] == "unavailable"
    answer = await login(client)
    await problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_database_that_takes_no_writes_is_not_ready(
    client: Client, migrated_cluster_dsn: str, database_dsns: DatabaseDsns, switches: Switches
) -> None:
    name = database_dsns.hub_a.rpartition("/")[2]
    connection = await asyncpg.connect(migrated_cluster_dsn)
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await connection.close()
    assert switches.databases
    answer = await client.get("/ready")
    assert answer.status == 503
    assert (await answer.json())["postgres"] in {"read_only", "unavailable"}


@pytest.fixture
def migrated_cluster_dsn(migrated_cluster: MigratedCluster) -> str:
    return migrated_cluster.superuser_dsn


async def test_metrics_are_for_the_bearer(client: Client) -> None:
    token = open_key_file(client.app[keys.SETTINGS].key_file).metrics_token
    for authorization in ("", "Bearer", "Bearer wrong", f"Basic {token}", f"Bearer {token}x", "Bearer ñ"):
        answer = await client.get("/metrics", headers={"Authorization": authorization})
        await problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "hub_connections" in await answer.text()


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/api/nothing", 404), ("/api/login", 405)])
async def test_an_unknown_path_is_a_problem(client: Client, path: str, status: int) -> None:
    answer = await client.get(path)
    await problem(answer, status, "not_found" if status == 404 else "method_not_allowed")
    if status == 405:
        assert answer.headers["Allow"] == "POST"


async def test_a_bug_says_nothing_of_itself(client: Client) -> None:
    answer = await client.get("/broken")
    await problem(answer, 500, "internal")
    assert "hunter2" not in await answer.text()
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_the_page_is_served_with_strict_headers(client: Client) -> None:
    answer = await client.get("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"
    unchanged = await client.get("/", headers={"If-None-Match": answer.headers["ETag"]})
    assert unchanged.status == 304


async def test_the_pages_files_have_their_types(client: Client) -> None:
    for path, kind in [("main.js", "text/javascript"), ("dashboard.css", "text/css"), ("icon.svg", "image/svg+xml")]:
        answer = await client.get(f"/static/{path}")
        assert answer.status == 200
        assert answer.content_type == kind
        assert answer.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["none.js", "", "/etc/passwd", "../settings.py", "%2e%2e/settings.py", "..%2fsettings.py", "x\0.js"]
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = await client.get(f"/static/{path}")
    assert answer.status in {400, 404}
    assert "Settings" not in await answer.text()
