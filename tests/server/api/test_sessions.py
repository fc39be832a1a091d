"""Signing in and out over HTTP, as a browser and a native client see it."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from server import keys
from server.secrets.local import open_key_file
from server.settings import Settings
from tests.server.api.answers import CREDENTIALS, Client, cookie_of, login, problem, shows

pytestmark = pytest.mark.integration


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


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES, ids=lambda value: str(value)[:40])
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


async def figures_of(client: Client) -> str:
    token = open_key_file(client.app[keys.SETTINGS].key_file).metrics_token
    return await (await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})).text()


async def test_five_logins_a_minute_with_one_name_whether_it_is_anybodys_or_not(client: Client) -> None:
    for name in ("ana", "nobody"):
        answers = await asyncio.gather(*(login(client, username=name, password="guess") for _ in range(12)))
        assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 7
        throttled = next(answer for answer in answers if answer.status == 429)
        body = await problem(throttled, 429, "rate_limited")
        assert name not in str(body)
        assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    assert (await login(client)).status == 429, "not even the right password is looked at"
    assert 'hub_logins_total{result="throttled"} 15.0' in await figures_of(client)


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
    assert 'hub_requests_throttled_total{route="login"} 71.0' in await figures_of(client)
