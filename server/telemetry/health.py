"""Whether a hub can do its work: each thing that it depends on, in one word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from server.secrets.provider import SecretsProvider
from storage.errors import StorageError
from storage.postgres import Database

OK: Final = "ok"
_KEPT_SECONDS: Final = 0.5
"""Anyone may ask; what was found serves all askers of this time."""
_TIMEOUT_SECONDS: Final = 2.0

TAKES_WRITES = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"


class HealthReport(Struct, frozen=True, kw_only=True):
    """`postgres`, `redis` and `secrets` are `ok`, or one word that says what is wrong."""

    postgres: str
    redis: str
    secrets: str
    draining: bool

    @property
    def can_record(self) -> bool:
        """Whether a punch that comes now will stand in the record here.

        Redis is no part of that: it is only the bell. Nor are the keys: what can't be opened or judged without them
        is held, and judged once they are back; a hub that sent its terminals away would help nobody.
        """
        return self.postgres == OK and not self.draining


class Health:
    """Asks the things a hub depends on.

    Args:
        redis_state: answers `ok` or one word, and doesn't raise.
        is_draining: whether this hub takes no more work.
    """

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        redis_state: Callable[[], Awaitable[str]],
        is_draining: Callable[[], bool],
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._redis_state = redis_state
        self._is_draining = is_draining
        self._asking = asyncio.Lock()
        self._found: tuple[str, str, str] | None = None
        self._found_at = 0.0

    async def check(self) -> HealthReport:
        """The state of everything, at most half a second old; takes two seconds at most."""
        async with self._asking:
            if self._found is None or time.monotonic() - self._found_at > _KEPT_SECONDS:
                self._found = await asyncio.gather(
                    self._within_time(self._postgres_state()),
                    self._within_time(self._redis_state()),
                    self._within_time(self._secrets.state()),
                )
                self._found_at = time.monotonic()
            postgres, redis, secrets = self._found
        return HealthReport(postgres=postgres, redis=redis, secrets=secrets, draining=self._is_draining())

    async def _postgres_state(self) -> str:
        try:
            async with self._database.connection() as connection:
                return OK if await connection.fetchval(TAKES_WRITES) else "read_only"
        except StorageError:
            return "unavailable"

    async def _within_time(self, asking: Awaitable[str]) -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await asking
        except TimeoutError:
            return "timeout"
