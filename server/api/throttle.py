"""How many requests of one address a route takes in a minute, by aiohttp-ratelimiter in this process's memory.

The library is given what it lacks. Its key believes any X-Forwarded-For: ours believes trusted proxies. It looks
whether there is room and takes it in two steps, with other requests in between: here one step takes the place that it
finds. And its store walks through all addresses at each request: this one forgets one or two, so that many addresses
are no lever against the hub.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from aiohttp import web
from aiohttplimiter import Limiter, RateLimitExceeded
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from protocol.errors import ErrorCode
from server import keys
from server.api.problems import language_of, refusal_response
from server.api.requests import client_address
from server.errors import Refused
from server.settings import Settings

AsyncHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WINDOW_SECONDS: Final = 60
MAX_ADDRESSES: Final = 65_536
"""Remembered for one route; beyond, those that asked longest ago are forgotten."""
_ADMITTED: Final = web.Response()
"""Never sent: says that a request may go on to its handler."""


class Standing(NamedTuple):
    """What an address may still ask of a route, and after how many seconds it may ask one more than that."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> Mapping[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-06 has them."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
            "RateLimit-Policy": f"{self.limit};w={WINDOW_SECONDS}",
        }


STANDING: Final = web.RequestKey("rate limit", Standing)


class Window(MovingWindowRateLimiter):
    """The last minute of each address, one entry for each request that was let through."""

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(MemoryStorage())  # which the library's class asks for, and nothing is put in
        self._limit = limit
        self._clock = clock
        self._passed: dict[str, deque[float]] = {}

    async def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Take a place if there is one. Nothing is awaited: what runs at once can't take the same one."""
        del item, cost
        return self.take(identifiers[0])

    async def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Nothing more to take: `test` did."""
        del item, identifiers, cost
        return True

    def take(self, key: str) -> bool:
        now = self._clock()
        passed = self._passed.pop(key, None) or deque()
        self._passed[key] = passed  # the latest to ask is the last in order
        while passed and passed[0] <= now - WINDOW_SECONDS:
            passed.popleft()
        if len(passed) >= self._limit:
            return False
        passed.append(now)
        self._forget(now)
        return True

    def _forget(self, now: float) -> None:
        """The one or two that asked longest ago, where their minute is over or there are too many."""
        for _ in range(2):
            oldest = next(iter(self._passed))
            if len(self._passed) > MAX_ADDRESSES or self._passed[oldest][-1] <= now - WINDOW_SECONDS:
                del self._passed[oldest]

    def standing(self, key: str) -> Standing:
        """After `take`."""
        passed = self._passed.get(key) or deque([self._clock()])
        wait = max(math.ceil(passed[0] + WINDOW_SECONDS - self._clock()), 1)
        return Standing(self._limit, max(self._limit - len(passed), 0), wait)


def per_minute(settings: Settings, handler: AsyncHandler, *, limit: int, name: str) -> AsyncHandler:
    """`handler`, for at most `limit` requests of one address within any minute; others get 429 with Retry-After.

    `name` is the route's in the metrics.
    """
    window = Window(limit)

    def key(request: web.Request) -> str:
        return client_address(request, settings.trusted_proxies)

    def standing(request: web.Request) -> Standing:
        return window.standing(f"{key(request)}:{name}")  # the words by which the library makes its key

    async def refuse(request: web.Request, _exceeded: RateLimitExceeded) -> web.StreamResponse:
        request[STANDING] = stands = standing(request)
        request.app[keys.METRICS].throttled(name)
        refused = Refused(ErrorCode.RATE_LIMITED, name, retry_after_ms=stands.reset_seconds * 1_000)
        return refusal_response(refused, language_of(request))

    async def admit(request: web.Request) -> web.StreamResponse:
        request[STANDING] = standing(request)
        return _ADMITTED

    limiter = Limiter(keyfunc=key)
    limiter.moving_window = window
    gate: AsyncHandler = limiter.limit(f"{limit}/minute", path_id=name, error_handler=refuse)(admit)

    # The handler isn't called from within the library's: a socket lives as long as its handler, and holds its callers.
    async def limited(request: web.Request) -> web.StreamResponse:
        answer = await gate(request)
        return await handler(request) if answer is _ADMITTED else answer

    return limited


async def add_rate_limit_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Where the client stands, on every answer of a limited route (an `on_response_prepare` signal)."""
    if (standing := request.get(STANDING)) is not None:
        response.headers.update(standing.headers())
