"""Refusing floods of guesses by Redis, before they reach PostgreSQL.

PostgreSQL counts every attempt at a secret before it is judged, and its word is the last one. A guard stands before it
and can only refuse sooner: it counts whatever comes, so that the ten-thousandth guess of a minute costs one script in
Redis and no transaction. Without Redis it lets all through to PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

from storage.logins import CurrentLogin, RedisLogin, without_login

_CONNECTIONS: Final = 4
_REST_SECONDS: Final = 1.0
"""After a failure of Redis it isn't asked for so long: nobody's login waits for one timeout after the other."""

_log = structlog.get_logger()


class Bound(NamedTuple):
    """Under one key, of which Redis learns the keyed hash alone, at most `most` attempts in a window."""

    key_hash: bytes
    most: int


class Guard:
    """The attempts of one kind, over all hubs that share a Redis. `hit` is one atomic script for each key."""

    def __init__(
        self,
        kind: str,
        limiter: MovingWindowRateLimiter,
        *,
        window_seconds: int,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kind = kind
        self._limiter = limiter
        self._window_seconds = window_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._rests_until = 0.0

    async def admits(self, bounds: Sequence[Bound]) -> bool:
        """Count one attempt under each key; False: one of them has had more than it may. Never raises for Redis.

        What one key refuses counts under none after it: put the narrowest first, so that a flood from one address
        doesn't use up what is everybody's.
        """
        if self._clock() < self._rests_until:
            return True
        try:
            async with asyncio.timeout(self._timeout_seconds):
                for bound in bounds:
                    if not await self._hit(bound):
                        return False
                return True
        except (RedisError, OSError, TimeoutError) as error:
            self._rests_until = self._clock() + _REST_SECONDS
            _log.warning("attempts are counted by PostgreSQL alone", kind=self._kind, fault=type(error).__name__)
            return True

    async def _hit(self, bound: Bound) -> bool:
        item = RateLimitItemPerSecond(bound.most, self._window_seconds, namespace=f"attendance:{self._kind}")
        return await self._limiter.hit(item, bound.key_hash.hex())


class Guards:
    """Makes guards that share a few connections to Redis."""

    def __init__(self, pool: BlockingConnectionPool, *, timeout_seconds: float) -> None:
        self._pool = pool
        self._timeout_seconds = timeout_seconds
        self._limiter = MovingWindowRateLimiter(
            RedisStorage(  # with the URL's scheme alone: where it is, and how to sign in, the pool knows
                "async+redis://",
                implementation="redispy",
                connection_pool=pool,  # type: ignore[arg-type] # it takes one
            )
        )

    @classmethod
    def at(cls, redis_url: str, *, timeout_seconds: float, login: CurrentLogin = lambda: None) -> Self:
        """Connects when it is first asked. `timeout_seconds` bounds all that one attempt waits for Redis."""
        pool = BlockingConnectionPool.from_url(
            without_login(redis_url),
            credential_provider=RedisLogin(redis_url, login),
            max_connections=_CONNECTIONS,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
        )
        return cls(pool, timeout_seconds=timeout_seconds)

    def guard(self, kind: str, *, window_seconds: int) -> Guard:
        return Guard(kind, self._limiter, window_seconds=window_seconds, timeout_seconds=self._timeout_seconds)

    async def close(self) -> None:
        await self._pool.disconnect()
