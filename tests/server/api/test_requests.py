import asyncio
from ipaddress import ip_network
from unittest import mock

import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from server.api.problems import language_of
from server.api.requests import came_over_tls, check_origin, client_address, read_json
from server.api.sessions import LoginRequest
from server.errors import Refused
from server.settings import Settings, read_settings

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.fixture
def settings() -> Settings:
    return read_settings(
        {
            "ATTENDANCE_POSTGRES_DSN": "postgresql://localhost",
            "ATTENDANCE_REDIS_URL": "redis://localhost",
            "ATTENDANCE_KEY_FILE": "/keys.json",
        }
    )


def a_request(remote: str = "192.0.2.1", *headers: tuple[str, str]) -> web.Request:
    return make_mocked_request("POST", "/api/login", CIMultiDict(headers)).clone(remote=remote)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # nobody we trust says so
        ("10.1.1.1", "198.51.100.7", "198.51.100.7"),
        ("10.1.1.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first part is the client's own word
        ("10.1.1.1", "203.0.113.9, 198.51.100.7, 10.2.2.2", "198.51.100.7"),
        ("10.1.1.1", "198.51.100.7, nonsense", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "10.3.3.3", "10.3.3.3"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("fd00::1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", None, "unknown"),
    ],
)
def test_a_client_is_counted_by_an_address_that_it_can_not_choose(
    remote: str, forwarded: str | None, address: str
) -> None:
    headers = [] if forwarded is None else [("X-Forwarded-For", forwarded)]
    assert client_address(a_request(remote, *headers), TRUSTED) == address


def test_several_forwarding_headers_are_one_list() -> None:
    request = a_request("10.1.1.1", ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.7"))
    assert client_address(request, TRUSTED) == "198.51.100.7"


def test_tls_is_believed_of_a_trusted_proxy_alone() -> None:
    https = ("X-Forwarded-Proto", "https")
    assert came_over_tls(a_request("10.1.1.1", https), TRUSTED)
    assert not came_over_tls(a_request("192.0.2.1", https), TRUSTED)
    assert not came_over_tls(a_request("10.1.1.1", ("X-Forwarded-Proto", "http")), TRUSTED)
    assert not came_over_tls(a_request("10.1.1.1"), TRUSTED)


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8080", "http://localhost:8080"])
def test_our_own_origins_pass(settings: Settings, origin: str | None) -> None:
    check_origin(a_request("192.0.2.1", *([("Origin", origin)] if origin else [])), settings)


@pytest.mark.parametrize(
    "origin",
    [
        "https://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://127.0.0.1:8081",
        "http://127.0.0.1:8080.evil.example",
        "http://LOCALHOST:8080",
        "null",
        "",
    ],
)
def test_other_origins_are_refused(settings: Settings, origin: str) -> None:
    with pytest.raises(Refused):
        check_origin(a_request("192.0.2.1", ("Origin", origin)), settings)


@pytest.mark.parametrize("second", ["http://127.0.0.1:8080", "http://localhost:8080", "https://evil.example", "null"])
def test_a_doubled_origin_is_refused_whatever_it_says(settings: Settings, second: str) -> None:
    allowed = "http://127.0.0.1:8080"
    for origins in ((allowed, second), (second, allowed)):
        with pytest.raises(Refused):
            check_origin(a_request("192.0.2.1", *(("Origin", origin) for origin in origins)), settings)
    with pytest.raises(Refused):
        check_origin(a_request("192.0.2.1", ("Origin", f"{allowed}, {second}")), settings)


@pytest.mark.parametrize(
    ("header", "language"), [("es", "es"), ("es-AR,en;q=0.8", "es"), ("en,es", "en"), ("", "en"), ("eso", "en")]
)
def test_the_language_asked_for_first(header: str, language: str) -> None:
    assert language_of(a_request("192.0.2.1", ("Accept-Language", header))) == language


async def test_who_hangs_up_amid_the_body_is_no_fault_of_ours(settings: Settings) -> None:
    body = StreamReader(mock.Mock(), 2**16, loop=asyncio.get_running_loop())
    body.feed_data(b'{"username":')
    body.set_exception(ConnectionResetError())
    request = make_mocked_request("POST", "/", headers={"Content-Type": "application/json"}, payload=body)
    with pytest.raises(web.HTTPBadRequest):
        await read_json(request, LoginRequest, settings)
