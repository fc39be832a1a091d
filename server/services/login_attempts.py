"""Logins: counted in PostgreSQL before they are judged, under what was typed and where it came from.

Every name counts, an account's or nobody's, and the answer of a throttled one is the same. What an address tries with
one name, what it tries with all, and what all try with one name have limits of their own: whoever guesses at a name
from elsewhere keeps its owner out only with a crowd of addresses. A right password counts for a few seconds only (it
begins nothing anew), so that people behind one address don't use up each other's attempts.
"""

from __future__ import annotations

import asyncio
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self
from uuid import UUID, uuid4

from protocol.errors import ErrorCode
from server.errors import Refused
from server.secrets.provider import SecretsProvider
from server.services.guards import Bound, Guard
from server.settings import Settings
from storage.postgres import Connection, Database
from storage.repositories import attempts
from storage.repositories.attempts import Limit

_COUNTED_AT_ONCE: Final = 2
"""Attempts under one key queue up in PostgreSQL, each on a connection: a flood must leave punches theirs."""


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Attempts judged within a window; a right one counts for `right_seconds` of it.

    One-time codes behind a right password have a count and a longer window of their own: at five a minute six digits
    are guessed within weeks.
    """

    of_name_from_address: int
    of_name: int
    of_address: int
    window_seconds: int
    right_seconds: int
    codes_of_account: int
    code_window_seconds: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            of_name_from_address=settings.login_attempts,
            of_name=settings.login_attempts_of_name,
            of_address=settings.login_attempts_of_address,
            window_seconds=settings.login_window_seconds,
            right_seconds=settings.login_right_seconds,
            codes_of_account=settings.code_attempts_of_account,
            code_window_seconds=settings.code_window_seconds,
        )

    @property
    def most_per_limit(self) -> int:
        """How many times a limit can be let through within one window, were all attempts right."""
        return max(math.ceil(self.window_seconds / self.right_seconds), 1)


class LoginAttempts:
    """Every method may raise StorageError."""

    def __init__(self, database: Database, secrets: SecretsProvider, limits: LoginLimits, guard: Guard | None) -> None:
        self._database = database
        self._secrets = secrets
        self._limits = limits
        self._guard = guard
        self._turn = asyncio.Semaphore(_COUNTED_AT_ONCE)

    async def begin(self, username: str, address: str | None) -> UUID:
        """Count an attempt, which may then be judged. Raises Refused(rate_limited)."""
        limits = self._under(_folded(username), address or "unknown")
        # Beyond what PostgreSQL could let through at best, Redis refuses without asking it.
        bounds = [Bound(limit.key_hash, limit.most * self._limits.most_per_limit) for limit in limits]
        if self._guard is not None and not await self._guard.admits(bounds):
            raise _refused(timedelta(seconds=self._limits.window_seconds))
        return await self._count(limits, self._limits.window_seconds)

    async def begin_code(self, account_id: UUID) -> UUID:
        """Count a one-time code for an account whose password was right. Raises Refused(rate_limited)."""
        limit = Limit(self._hash(f"code|{account_id}"), self._limits.codes_of_account)
        return await self._count([limit], self._limits.code_window_seconds)

    async def _count(self, limits: Sequence[Limit], window_seconds: int) -> UUID:
        attempt_id = uuid4()
        async with self._turn, self._database.transaction() as connection:
            wait = await attempts.count_attempt(connection, attempt_id, limits, window_seconds=window_seconds)
        if wait is not None:
            raise _refused(wait)
        return attempt_id

    async def was_right(self, connection: Connection, attempt_id: UUID) -> None:
        await attempts.shorten_attempt(connection, attempt_id, seconds=self._limits.right_seconds)

    def _under(self, name: str, address: str) -> list[Limit]:
        limits = self._limits
        return [
            Limit(self._hash(f"name from|{address}|{name}"), limits.of_name_from_address),
            Limit(self._hash(f"from|{address}"), limits.of_address),
            Limit(self._hash(f"name|{name}"), limits.of_name),
        ]

    def _hash(self, text: str) -> bytes:
        return self._secrets.keyed_hash("login", text.encode("utf-8", "surrogatepass"))


def _refused(wait: timedelta) -> Refused:
    retry_after_ms = max(math.ceil(wait / timedelta(milliseconds=1)), 1)
    return Refused(ErrorCode.RATE_LIMITED, "logins", retry_after_ms=retry_after_ms)


def _folded(username: str) -> str:
    """Names that PostgreSQL takes for one when it looks for an account, and some more: none is guessed at twice."""
    decomposed = unicodedata.normalize("NFKD", username).casefold()
    return "".join(sign for sign in unicodedata.normalize("NFKD", decomposed) if not unicodedata.combining(sign))
