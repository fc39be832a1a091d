"""Section 7: signing in and out over HTTP, and what the hub says of itself."""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from http.cookies import Morsel
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import jwt
import pytest

from tests.conftest import StartHub
from tests.contract.connection import connect_person
from tests.contract.demo_file import Account
from tests.contract.primitives import Message, unb64
from tests.contract.tokens import SignIns, login, unverified
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

LOGINS_PER_MINUTE = 30
REVOKED_SECONDS = 5


@pytest.fixture
async def http(demo: RunningDemo) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(demo.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def account(demo: RunningDemo) -> Account:
    return demo.file.account("inspector")


async def is_problem(answer: aiohttp.ClientResponse, status: int) -> Message:
    """Raises AssertionError unless the answer is an RFC 9457 problem of this status."""
    assert answer.status == status, await answer.text()
    assert answer.content_type == "application/problem+json"
    body: Message = await answer.json(content_type=None)
    assert body.get("status", status) == status
    assert body.get("title")
    assert "Traceback" not in str(body)
    return body


async def refresh(http: aiohttp.ClientSession, token: str) -> tuple[int, Message]:
    async with http.post("/api/token/refresh", json={"refresh_token": token}) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_an_access_token_is_what_the_page_says(demo: RunningDemo, http: aiohttp.ClientSession) -> None:
    body = await login(demo.url, demo.file.account("admin"))
    assert 0 < body["expires_in"] <= 3600
    header, claims = unverified(body["access_token"])
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    async with http.get("/.well-known/jwks.json") as answer:
        assert answer.status == 200
        keys = (await answer.json(content_type=None))["keys"]
    for key in keys:
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        assert len(unb64(key["x"])) == 32
        assert "d" not in key
    key = jwt.PyJWK(next(key for key in keys if key["kid"] == header["kid"]))
    required: jwt.types.Options = {"require": ["exp", "iat", "aud", "iss", "sub"]}
    jwt.decode(body["access_token"], key, algorithms=["EdDSA"], audience="attendance", options=required)
    assert claims["exp"] - claims["iat"] == body["expires_in"]


async def test_wrong_and_unknown_look_alike(http: aiohttp.ClientSession, account: Account) -> None:
    answers = []
    for username, password in ((account.username, "wrong"), ("nobody-of-that-name", account.password)):
        async with http.post("/api/login", json={"username": username, "password": password}) as answer:
            answers.append(await is_problem(answer, 401))
            assert "Set-Cookie" not in answer.headers
    for body in answers:
        body.pop("instance", None)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"username":"x"}', "application/json"),
        (b'{"username":1,"password":2}', "application/json"),
        (b'{"username":"\xff","password":"x"}', "application/json"),
        (b'{"username":"\\ud800","password":"x"}', "application/json"),
        (b'{"username":"a\\u0000","password":"x"}', "application/json"),
    ],
)
async def test_a_malformed_login_is_the_clients_fault(
    http: aiohttp.ClientSession, payload: bytes, content_type: str
) -> None:
    async with http.post("/api/login", data=payload, headers={"Content-Type": content_type}) as answer:
        assert answer.status in {400, 401, 415, 422}
        await is_problem(answer, answer.status)


async def test_a_page_gets_its_refresh_token_as_a_cookie(http: aiohttp.ClientSession, account: Account) -> None:
    credentials = {"username": account.username, "password": account.password}
    async with http.post("/api/login", json=credentials) as answer:
        assert answer.status == 200
        assert "refresh_token" not in await answer.json()
        (cookie,) = answer.cookies.values()
    check_cookie(cookie)
    async with http.post("/api/token/refresh", headers={"Cookie": f"{cookie.key}={cookie.value}"}) as answer:
        assert answer.status == 200
        body = await answer.json()
        assert set(body) >= {"access_token", "expires_in"}
        (successor,) = answer.cookies.values()
    check_cookie(successor)
    assert (successor.key, successor.value == cookie.value) == (cookie.key, False)
    async with http.post("/api/token/logout", headers={"Cookie": f"{cookie.key}={successor.value}"}) as answer:
        assert answer.status in {200, 204}
        (cleared,) = answer.cookies.values()
        assert cleared.value == "" or cleared["max-age"] == "0"
    async with http.post("/api/token/refresh", headers={"Cookie": f"{cookie.key}={successor.value}"}) as answer:
        await is_problem(answer, 401)


def check_cookie(cookie: "Morsel[str]") -> None:
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/api/token"
    assert not cookie["secure"], "over plain HTTP a Secure cookie would never come back"


async def test_refresh_rotates_and_reuse_ends_the_family(
    demo: RunningDemo, http: aiohttp.ClientSession, account: Account
) -> None:
    first = (await login(demo.url, account))["refresh_token"]
    status, body = await refresh(http, first)
    assert status == 200
    second = body["refresh_token"]
    assert second != first
    status, body = await refresh(http, first)
    assert (status, body["refresh_token"]) == (200, second), "the previous one within 30 s: the same successor"
    status, body = await refresh(http, second)
    third = body["refresh_token"]
    assert status == 200
    assert (await refresh(http, first))[0] == 401, "an older one is a theft"
    assert (await refresh(http, third))[0] == 401, "and ends the family"


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é", "A" * 5000])
async def test_no_token_no_refresh(http: aiohttp.ClientSession, token: str) -> None:
    assert (await refresh(http, token))[0] in {400, 401}
    async with http.post("/api/token/refresh") as answer:
        await is_problem(answer, 401)


async def test_a_logout_ends_the_session_everywhere(
    demo: RunningDemo, second_hub: ServingHub, http: aiohttp.ClientSession, account: Account
) -> None:
    """The session's live sockets close within 5 s on every hub; its access token opens no new one."""
    body, other = await login(demo.url, account), await login(demo.url, account)
    async with (
        connect_person(demo.ws_url, body["access_token"]) as here,
        connect_person(second_hub.ws_url, body["access_token"]) as there,
        connect_person(demo.ws_url, other["access_token"]) as neighbour,
    ):
        async with http.post("/api/token/logout", json={"refresh_token": body["refresh_token"]}) as answer:
            assert answer.status in {200, 204}
        codes = await asyncio.gather(here.closed(REVOKED_SECONDS + 1), there.closed(REVOKED_SECONDS + 1))
        assert all(code is not None and 3500 <= code < 4000 for code in codes), codes
        assert (await neighbour.ask("no.such"))["code"] == "unknown_command", "another session of the same person"
    assert (await refresh(http, body["refresh_token"]))[0] == 401
    with pytest.raises(AssertionError, match="unauthenticated"):
        async with connect_person(demo.ws_url, body["access_token"]):
            pass


async def test_logins_are_bounded_by_address(start_hub: StartHub) -> None:
    hub = start_hub()
    statuses = []
    async with aiohttp.ClientSession(hub.url) as session:
        for index in range(LOGINS_PER_MINUTE + 5):
            wrong = {"username": f"guess-{index}", "password": "guess"}
            headers = {"X-Forwarded-For": f"10.0.0.{index}"}
            async with session.post("/api/login", json=wrong, headers=headers) as answer:
                statuses.append(answer.status)
                if answer.status == 429:
                    await is_problem(answer, 429)
                    assert int(answer.headers["Retry-After"]) >= 1
    assert statuses[:LOGINS_PER_MINUTE] == [401] * LOGINS_PER_MINUTE
    assert statuses[LOGINS_PER_MINUTE:] == [429] * 5


async def test_of_many_logins_at_once_over_two_hubs_five_are_evaluated(
    demo: RunningDemo, second_hub: ServingHub, account: Account
) -> None:
    """Whether the name is somebody's or not; and the right password is among what is no longer looked at."""
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.9", 0), limit=0)
    async with aiohttp.ClientSession(connector=elsewhere) as session:

        async def status_of(hub_url: str, username: str, password: str) -> int:
            async with session.post(
                f"{hub_url}/api/login", json={"username": username, "password": password}
            ) as answer:
                if answer.status == 429:
                    await is_problem(answer, 429)
                    assert int(answer.headers["Retry-After"]) >= 1
                return answer.status

        for username in (account.username, "nobody-of-that-name"):
            hubs = [demo.url, second_hub.url]
            # Twelve a hub for each name: beyond thirty a hub's own limit would refuse, whatever is evaluated.
            guesses = [status_of(hubs[number % 2], username, f"guess {number}") for number in range(24)]
            statuses = await asyncio.gather(*guesses)
            assert sorted(statuses) == [401] * 5 + [429] * 19, username
        assert await status_of(second_hub.url, account.username, account.password) == 429


async def test_health_and_readiness(demo: RunningDemo, second_hub: ServingHub) -> None:
    async with aiohttp.ClientSession() as session:
        for url in (demo.url, second_hub.url):
            async with session.get(f"{url}/health") as answer:
                assert answer.status == 200
            async with session.get(f"{url}/ready") as answer:
                assert answer.status == 200
                text = (await answer.text()).lower()
            for part in ("postgres", "redis", "secrets"):
                assert part in text


async def test_metrics_are_for_the_bearer_alone(http: aiohttp.ClientSession, metrics_token: str) -> None:
    for authorization in (None, "Bearer", "Bearer wrong", f"Basic {metrics_token}", f"Bearer {metrics_token}x"):
        headers = {} if authorization is None else {"Authorization": authorization}
        async with http.get("/metrics", headers=headers) as answer:
            assert answer.status == 401, authorization
            assert metrics_token not in await answer.text()
    async with http.get("/metrics", headers={"Authorization": f"Bearer {metrics_token}"}) as answer:
        assert answer.status == 200
        text = await answer.text()
    assert "# TYPE" in text


@pytest.fixture
def metrics_token(demo: RunningDemo) -> str:
    """The metrics' bearer token, out of the environment of a hub or the key file that it names."""
    environment = demo.hub_environment
    if token := environment.get("ATTENDANCE_METRICS_TOKEN"):
        return token
    keys = Path(environment["ATTENDANCE_KEY_FILE"]).read_text()
    (token,) = (
        line.split("=", 1)[-1].split(":", 1)[-1].strip(' ",')
        for line in keys.replace("{", "\n").replace("}", "\n").replace(",", "\n").splitlines()
        if "metrics" in line
    )
    return token


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/api/login"])
async def test_an_unknown_path_is_a_problem_too(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status in {404, 405}
        await is_problem(answer, answer.status)


async def test_a_packed_body_is_refused(http: aiohttp.ClientSession, account: Account) -> None:
    body = gzip.compress(json.dumps({"username": account.username, "password": account.password}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with http.post("/api/login", data=body, headers=headers) as answer:
        await is_problem(answer, 415)


async def test_nobody_unpacks_what_comes_for_no_route(demo: RunningDemo) -> None:
    """Whoever unpacks it finds that it isn't packed, and reads nothing more from this connection."""
    address = urlsplit(demo.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    headers = "Host: hub\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"
    try:
        async with asyncio.timeout(20):
            writer.write(f"POST /nowhere HTTP/1.1\r\n{headers}not packed".encode())
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")
            writer.write(b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
            assert b'{"status":"ok"}' in await reader.read()
    finally:
        writer.close()


async def test_the_demos_files_are_private(demo: RunningDemo) -> None:
    for name in ("demo.json", "hub.env"):
        assert (demo.data / name).stat().st_mode & 0o777 == 0o600
    key_file = Path(demo.hub_environment["ATTENDANCE_KEY_FILE"])
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.stat().st_uid == os.getuid()


async def test_the_sample_company_is_as_promised(demo: RunningDemo) -> None:
    file = demo.file
    assert [site.time_zone for site in file.sites] == [
        "Europe/Madrid",
        "Atlantic/Canary",
        "America/Argentina/Buenos_Aires",
    ]
    assert (len(file.employees), len(file.devices)) == (240, 6)
    assert len({spare.site_id for spare in file.spares}) == len(file.spares) == 2
    assert {"admin", "supervisor", "inspector"} <= {account.role for account in file.accounts}
    for employee in file.employees:
        assert employee.pin.isdecimal()
        assert len(employee.pin) == 6
        assert employee.employee_number.isdecimal()
        assert 8 <= len(employee.badge) <= 20
        assert set(employee.badge) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert len({employee.badge for employee in file.employees}) == len(file.employees)


async def test_a_draining_hub_says_so(demo: RunningDemo, start_hub: StartHub, sign_ins: SignIns) -> None:
    hub = start_hub()
    async with connect_person(hub.ws_url, await sign_ins.token(demo.file.account("admin"))) as connection:
        await connection.watch()
        hub.process.terminate()
        assert await connection.closed() == 3001
    assert await asyncio.to_thread(hub.stop) == 0


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: "], ids=["nothing", "half a header"])
async def test_who_never_finishes_a_request_is_let_go(demo: RunningDemo, tmp_path: Path, begun: bytes) -> None:
    environment = {**demo.hub_environment, "ATTENDANCE_HTTP_IDLE_SECONDS": "1"}
    hub = ServingHub(environment, tmp_path / "hub.log")
    try:
        await asyncio.to_thread(hub.wait_ready)
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    finally:
        await asyncio.to_thread(hub.stop)
