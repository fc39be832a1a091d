"""What a hub does now and then: partitions for the months to come, keys near their end, what has served its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from server.secrets.provider import KeyKind, SecretsError, SecretsProvider
from server.services.rewrapping import Rewrapping
from storage.errors import StorageError
from storage.postgres import Database
from storage.repositories import attempts, request_keys, sessions, upkeep

PARTITIONS_AHEAD_MONTHS: Final = 3
CHANGES_KEPT: Final = timedelta(days=2)
REQUEST_KEYS_KEPT_DAYS: Final = 30
"""Longer than any client keeps asking; then the audit alone tells what was done."""
SESSIONS_KEPT_DAYS: Final = 90
"""After their end."""
_INTERVAL_SECONDS: Final = 60

_log = structlog.get_logger()


class Upkeep:
    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        clock: Callable[[], datetime],
        *,
        pin_window_minutes: int,
        resume_limit_changes: int,
        keys_refresh_seconds: float,
        rewrapping: Rewrapping,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._pin_window_minutes = pin_window_minutes
        self._resume_limit_changes = resume_limit_changes
        self._keys_refresh_seconds = keys_refresh_seconds
        self._rewrapping = rewrapping
        self._login = secrets.login(KeyKind.POSTGRES)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._again("upkeep", self._tidy, _INTERVAL_SECONDS), name="upkeep"),
            asyncio.create_task(self._again("renewal", self._renew, self._keys_refresh_seconds), name="renewal"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _again(self, what: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await work()
            except (StorageError, SecretsError) as error:
                _log.warning(f"{what} was put off", fault=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - keys must be renewed and months begun after any bug
                _log.error(f"{what} failed", exc_info=error)
            await asyncio.sleep(seconds)

    async def _renew(self) -> None:
        try:
            await self._secrets.renew()
        finally:  # what follows goes by the keys at hand, whether newer ones could be looked for or not
            if (login := self._secrets.login(KeyKind.POSTGRES)) != self._login:
                self._login = login
                await self._database.connect_anew()
            await self._rewrapping.go_on()

    async def _tidy(self) -> None:
        async with self._database.connection() as connection:
            await upkeep.ensure_partitions(connection, PARTITIONS_AHEAD_MONTHS)
            await upkeep.forget_unknown_badges(connection)
            # A window reaches back from an attempt; one that nothing can reach any more counts for nobody.
            await upkeep.forget_attempts(connection, self._pin_window_minutes)
            await attempts.forget_attempts(connection)
            await request_keys.forget_request_keys(connection, REQUEST_KEYS_KEPT_DAYS)
            await sessions.forget_families(connection, SESSIONS_KEPT_DAYS)
            await upkeep.prune_changes(connection, self._clock() - CHANGES_KEPT, self._resume_limit_changes)
