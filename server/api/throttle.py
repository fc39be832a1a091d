"""At most so many requests a minute from one address, by aiohttp-ratelimiter in this process's memory.

The library looks whether there is room and takes it in two steps, and other requests run in between; and its own
key believes any X-Forwarded-For. Both are replaced here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttplimiter import Limiter, RateLimitExceeded
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter

from protocol.errors import ErrorCode
from server.api.problems import language_of, refusal_response
from server.api.requests import client_address
from server.errors import Refused
from server.settings import Settings

AsyncHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _OneStepWindow(MovingWindowRateLimiter):
    """A moving window whose test takes the place that it finds."""

    async def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        return await super().hit(item, *identifiers, cost=cost)

    async def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Nothing more to take: `test` did."""
        del item, identifiers, cost
        return True


def per_minute(
    settings: Settings, handler: AsyncHandler, *, limit: int, name: str, on_refusal: Callable[[web.Request], None]
) -> AsyncHandler:
    """`handler`, for at most `limit` requests of one address within any minute; the others get 429 with Retry-After."""
    item = RateLimitItemPerMinute(limit)

    def key(request: web.Request) -> str:
        return client_address(request, settings.trusted_proxies)

    limiter = Limiter(keyfunc=key)
    limiter.moving_window = window = _OneStepWindow(limiter.db)

    async def refuse(request: web.Request, _exceeded: RateLimitExceeded) -> web.StreamResponse:
        on_refusal(request)
        # The same words by which the library makes its key.
        stats = await window.get_window_stats(item, f"{key(request)}:{name}")
        seconds = max(math.ceil(stats.reset_time - time.time()), 1)
        refused = Refused(ErrorCode.RATE_LIMITED, name, retry_after_ms=seconds * 1_000)
        return refusal_response(refused, language_of(request))

    limited: AsyncHandler = limiter.limit(f"{limit}/minute", path_id=name, error_handler=refuse)(handler)
    return limited
