"""The outbox on a thread of its own, and what it holds, known without asking the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from kiosk.outbox import Outbox
from kiosk.outbox_file import FolderLock
from kiosk.outbox_rows import KeptPunch, Place, Settled, SignedPunch, Waiting

_T = TypeVar("_T")
_NOTHING = Waiting(0, None, None, 0)


class OutboxThread:
    """Calls of `Outbox`, one after another, off the event loop. They raise OutboxUnwritable."""

    def __init__(
        self, folder: Path, device_id: UUID, *, new_id: Callable[[], UUID], on_kept: Callable[[], None]
    ) -> None:
        """Takes the folder's lock; `on_kept` is called on the loop after each punch that was kept.

        Raises FolderInUse; OSError where there is no such folder to be had.
        """
        self._on_kept = on_kept
        self._lock = FolderLock(folder)
        self._outbox = Outbox(folder, device_id, new_id=new_id)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._waiting = _NOTHING
        self._being_kept: dict[UUID, datetime] = {}

    @property
    def unanswered(self) -> int:
        """Punches without an answer, those on their way to the disk included: never fewer than there are."""
        return self._waiting.count + len(self._being_kept)

    @property
    def waiting(self) -> Waiting:
        """The same, with the time of the oldest."""
        if self._waiting.count or not self._being_kept:
            return self._waiting
        return Waiting(0, min(self._being_kept.values()), None, 0)

    @property
    def damaged_files(self) -> list[Path]:
        """Files that were put aside since the start."""
        return list(self._outbox.set_aside_files)

    async def open(self) -> None:
        await self._call(self._outbox.open)

    async def close(self) -> None:
        """Ends the thread after what is being written, and gives the folder free."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._outbox.close)
        self._thread.shutdown(wait=False)
        self._lock.release()

    async def append(self, punch_id: UUID, made_at: datetime, sign: Callable[[Place], SignedPunch]) -> KeptPunch:
        """Keep a punch. Once begun it is finished, whether the caller waits for it or is cancelled."""
        self._being_kept[punch_id] = made_at
        writing = asyncio.ensure_future(self._call(partial(self._outbox.append, punch_id, sign)))
        writing.add_done_callback(lambda done: self._kept(punch_id, done))
        return await asyncio.shield(writing)

    def _kept(self, punch_id: UUID, done: asyncio.Future[KeptPunch]) -> None:
        del self._being_kept[punch_id]
        # A caller that was cancelled has seen no exception, but its punch is kept all the same.
        if not done.cancelled() and done.exception() is None:
            self._on_kept()

    async def unsent(self, after: int, limit: int) -> list[KeptPunch]:
        return await self._call(partial(self._outbox.unsent, after=after, limit=limit))

    async def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        await self._call(partial(self._outbox.settle, settled, at))

    async def lacks(self, log_id: UUID, from_seq: int) -> None:
        await self._call(partial(self._outbox.lacks, log_id, from_seq))

    async def meet(self, log_id: UUID | None, last_seq: int, last_digest: str | None) -> None:
        await self._call(partial(self._outbox.meet, log_id, last_seq, last_digest))

    async def prune(self, before: datetime) -> int:
        return await self._call(partial(self._outbox.prune, before))

    async def remember(self, name: str, value: str) -> None:
        await self._call(partial(self._outbox.remember, name, value))

    async def recall(self, name: str) -> str | None:
        return await self._call(partial(self._outbox.recall, name))

    async def _call(self, work: Callable[[], _T]) -> _T:
        result, self._waiting = await asyncio.get_running_loop().run_in_executor(self._thread, self._then_count, work)
        return result

    def _then_count(self, work: Callable[[], _T]) -> tuple[_T, Waiting]:
        return work(), self._outbox.waiting()
