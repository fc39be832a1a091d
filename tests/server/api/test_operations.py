"""What machines and browsers get of a hub beside sessions."""

import asyncpg
import jwt
import pytest
import structlog

from server import keys
from server.secrets.local import open_key_file
from storage.bootstrap import DatabaseDsns
from tests.postgres import MigratedCluster
from tests.server.api.answers import Client, login, problem
from tests.server.api.conftest import Switches

pytestmark = pytest.mark.integration


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
    await connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
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


async def test_the_page_is_asked_about_each_time(client: Client) -> None:
    answer = await client.get("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
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
    "path",
    [
        "none.js",
        "",
        "/etc/passwd",
        "../settings.py",
        "%2e%2e/settings.py",
        "..%2fsettings.py",
        "x\0.js",
        "x" * 300 + ".js",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = await client.get(f"/static/{path}")
    assert answer.status in {400, 404}
    assert "Settings" not in await answer.text()


async def test_what_leads_nowhere_is_no_line_of_the_log(client: Client) -> None:
    with structlog.testing.capture_logs() as logged:
        assert (await client.get("/nothing")).status == 404
        assert (await login(client)).status == 200
    assert [line["route"] for line in logged if line["event"] == "request"] == ["/api/login"]
