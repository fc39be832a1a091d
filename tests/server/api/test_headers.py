"""What answers tell browsers: on every route, errors among them."""

import aiohttp
import pytest

from tests.server.api.answers import Client, login

pytestmark = pytest.mark.integration


def directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";")]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/main.js", 200),
        ("GET", "/static/nothing.js", 404),
        ("GET", "/health", 200),
        ("GET", "/metrics", 401),
        ("POST", "/api/login", 415),
        ("GET", "/api/login", 405),
        ("GET", "/nothing", 404),
        ("GET", "/broken", 500),
    ],
)
async def test_every_answer_is_strict(client: Client, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert answer.status == status
    policy = directives(answer.headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert not [word for words in policy.values() for word in words if "unsafe" in word or "*" in word]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in answer.headers, "this came over plain HTTP"
    if path.startswith("/api/"):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_reference_has_a_policy_of_its_own(client: Client) -> None:
    """It goes by the path, whatever the answer is."""
    for path in ("/docs", "/docs/viewer.css", "/redoc"):
        policy = directives((await client.get(path)).headers["Content-Security-Policy"])
        assert policy["script-src"] == ["'self'"], "no inline script, there as elsewhere"
        assert policy["style-src"] == ["'self'", "'unsafe-inline'"]
        assert policy["worker-src"] == ["'self'", "blob:"]
        assert policy["frame-ancestors"] == ["'none'"]
    for path in ("/docs-of-others", "/", "/api/docs/"):
        policy = directives((await client.get(path)).headers["Content-Security-Policy"])
        assert policy["style-src"] == ["'self'"]


async def test_hsts_is_said_where_a_trusted_proxy_ended_tls_and_nowhere_else(client: Client) -> None:
    https = {"X-Forwarded-Proto": "https"}
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=connector) as proxy:
        for path in ("/", "/nothing"):
            answer = await proxy.get(client.make_url(path), headers=https)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        plain = await proxy.get(client.make_url("/"), headers={"X-Forwarded-Proto": "http"})
        assert "Strict-Transport-Security" not in plain.headers
    lied = await client.get("/", headers=https)
    assert "Strict-Transport-Security" not in lied.headers


async def test_an_answer_keeps_what_it_says_itself(client: Client) -> None:
    signed_in = await login(client)
    assert signed_in.headers["Cache-Control"] == "no-store"
    keys = await client.get("/.well-known/jwks.json")
    assert keys.headers["Cache-Control"] == "public, max-age=300"
