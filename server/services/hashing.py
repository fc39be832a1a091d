"""argon2id (RFC 9106) away from the event loop: a few threads, a bounded queue, the same work for an unknown name."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from protocol.errors import ErrorCode
from server.errors import Refused
from server.settings import Settings

_OVERLOADED_RETRY_MS: Final = 1_000
_T = TypeVar("_T")


class SlowHashes:
    """Hashes passwords and PIN material. One instance a process, so that its bounds hold.

    Every method raises Refused(overloaded) when `queue_max` hashes wait already.
    """

    def __init__(self, *, iterations: int, memory_kib: int, lanes: int, threads: int, queue_max: int) -> None:
        self._hasher = PasswordHasher(
            time_cost=iterations, memory_cost=memory_kib, parallelism=lanes, hash_len=32, salt_len=16, type=Type.ID
        )
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue_max
        self._decoy = self._hasher.hash(secrets.token_bytes(16))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            iterations=settings.argon2_iterations,
            memory_kib=settings.argon2_memory_kib,
            lanes=settings.argon2_lanes,
            threads=settings.argon2_threads,
            queue_max=settings.argon2_queue_max,
        )

    async def hash(self, secret: bytes) -> str:
        """A new salted hash of `secret` in argon2's own text form."""
        return await self._run(lambda: self._hasher.hash(secret))

    async def verify(self, stored: str | None, secret: bytes) -> bool:
        """Whether `stored` is a hash of `secret`. With None the same work is done for nothing, and it is False."""
        return await self._run(lambda: self.verify_now(stored, secret))

    def verify_now(self, stored: str | None, secret: bytes) -> bool:
        """`verify` in the calling thread, for one that already left the event loop."""
        try:
            self._hasher.verify(stored or self._decoy, secret)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def close(self) -> None:
        """Let running hashes end and drop those that wait."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._room == 0:
            raise Refused(ErrorCode.OVERLOADED, "too many hashes wait", retry_after_ms=_OVERLOADED_RETRY_MS)
        loop = asyncio.get_running_loop()
        self._room -= 1
        job = self._executor.submit(work)
        # The place is free when the thread is, not when whoever asked gave up.
        job.add_done_callback(lambda _: self._give_back(loop, job))
        return await asyncio.wrap_future(job)

    def _give_back(self, loop: asyncio.AbstractEventLoop, _job: Future[_T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._one_more)

    def _one_more(self) -> None:
        self._room += 1
