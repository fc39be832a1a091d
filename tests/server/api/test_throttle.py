"""So many requests of one address a minute: exactly, at once as one after the other, and told in headers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from server import keys
from server.api import throttle
from server.api.problems import problems
from server.api.throttle import Window, add_rate_limit_headers, per_minute
from server.settings import read_settings
from server.telemetry.metrics import Metrics
from tests.server.api.answers import Client, problem

ITEM = RateLimitItemPerMinute(3)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def passed(window: MovingWindowRateLimiter) -> int:
    """How many of ten requests pass that run at once, as the library asks for them."""

    async def one_request() -> bool:
        if not await window.test(ITEM, "an address"):
            return False
        await asyncio.sleep(0)  # where another request may come between
        await window.hit(ITEM, "an address")
        return True

    return sum(await asyncio.gather(*(one_request() for _ in range(10))))


async def test_no_more_pass_at_once_than_one_after_the_other() -> None:
    assert await passed(Window(3)) == 3


async def test_the_librarys_two_steps_would_let_all_pass() -> None:
    assert await passed(MovingWindowRateLimiter(MemoryStorage())) == 10


def test_within_any_minute_no_more_than_the_limit() -> None:
    window = Window(3, clock=(clock := Clock()))
    assert [window.take("a") for _ in range(4)] == [True, True, True, False]
    assert window.standing("a") == (3, 0, 60)
    assert window.take("b"), "another address has its own"
    clock.now += 59.5
    assert not window.take("a")
    assert window.standing("a").reset_seconds == 1
    clock.now += 0.5
    assert window.take("a")
    assert window.standing("a") == (3, 2, 60)


def test_refused_requests_do_not_prolong_the_wait() -> None:
    window = Window(1, clock=(clock := Clock()))
    assert window.take("a")
    for _ in range(100):
        clock.now += 0.5
        assert not window.take("a")
    clock.now += 10
    assert window.take("a")


def test_many_addresses_are_forgotten_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_ADDRESSES", 100)
    window = Window(1, clock=(clock := Clock()))
    for number in range(1_000):
        assert window.take(f"address {number}")
    assert len(window._passed) == 100
    assert not window.take("address 999"), "who asked last is remembered"
    clock.now += 61
    for number in range(100):
        window.take(f"other {number}")
        window.take(f"other {number}")
    assert len(window._passed) == 100
    assert all(key.startswith("other") for key in window._passed)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    settings = read_settings(
        {
            "ATTENDANCE_POSTGRES_DSN": "postgresql://localhost",
            "ATTENDANCE_REDIS_URL": "redis://localhost",
            "ATTENDANCE_KEY_FILE": "/keys.json",
            "ATTENDANCE_TRUSTED_PROXIES": "127.0.0.1/32",
        }
    )

    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(text="here you are")

    app = web.Application(middlewares=[problems])
    app[keys.METRICS] = Metrics(version="1")
    app.router.add_get("/one", per_minute(settings, handler, limit=7, name="one"))
    app.router.add_get("/other", per_minute(settings, handler, limit=2, name="other"))
    app.on_response_prepare.append(add_rate_limit_headers)
    async with TestClient(TestServer(app)) as made:
        yield made


async def test_of_a_hundred_at_once_exactly_the_limit_is_served(client: Client) -> None:
    answers = await asyncio.gather(*(client.get("/one") for _ in range(100)))
    assert [answer.status for answer in answers].count(200) == 7
    served = sorted(int(answer.headers["RateLimit-Remaining"]) for answer in answers if answer.status == 200)
    assert served == list(range(7))
    refused = next(answer for answer in answers if answer.status == 429)
    await problem(refused, 429, "rate_limited")
    assert refused.headers["RateLimit-Limit"] == "7"
    assert refused.headers["RateLimit-Policy"] == "7;w=60"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["RateLimit-Reset"]) <= 60
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert (await client.get("/other")).status == 200, "each route has a count of its own"
    assert b'hub_requests_throttled_total{route="one"} 93.0' in client.app[keys.METRICS].render()


async def test_an_address_is_whom_the_trusted_proxy_names(client: Client) -> None:
    async def ask(forwarded: str) -> int:
        return (await client.get("/other", headers={"X-Forwarded-For": forwarded})).status

    assert [await ask("198.51.100.7") for _ in range(3)] == [200, 200, 429]
    assert await ask("198.51.100.8") == 200
    assert await ask("198.51.100.8, 198.51.100.7") == 429, "what a client puts before is its own word"
