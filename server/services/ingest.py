"""The way of a punch from a connection to its answer: checked in threads, queued by device, committed in batches.

Order holds within a device (its line is taken from the front only, and only once prepared), and nowhere else:
a slow PIN delays its own terminal alone. No timer: a writer takes whatever waits when it is done with the last.
Answers come from the writer; a connection that goes away cancels nothing that was accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog

from protocol.commands import PunchRecord
from protocol.errors import ErrorCode
from server.errors import Refused, as_refused
from server.services.attendance import Attendance
from server.services.batch import Settled, Submission
from server.services.pins import PinCheck, PinVerdict
from server.services.preparation import Checked, Preparation, Prepared
from server.telemetry.metrics import Metrics
from storage.errors import StorageConflict, StorageUnavailable
from storage.models import SiteChanges

_CONFLICT_RETRIES: Final = 8
_CONFLICT_PAUSE_SECONDS: Final = 0.02
_LOST_CONNECTION_RETRIES: Final = 1
_PREPARED_AT_ONCE: Final = 32

_log = structlog.get_logger()

Result = Settled | Exception
Respond = Callable[[Result], None]


class BoardBell(Protocol):
    """What is told of committed changes, in the order of their commits per site."""

    def ring(self, batches: Sequence[SiteChanges]) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    device_id: UUID
    keys: tuple[bytes, ...]
    record: PunchRecord
    received_at: datetime
    respond: Respond
    shard: _Shard
    result: Prepared | Exception | None = None
    pin: PinVerdict | None = None
    ready: bool = False


@dataclass(slots=True, eq=False)
class _Shard:
    """The lines of some sites' devices, and which of them have a prepared punch in front."""

    lines: dict[UUID, deque[_Waiting]] = field(default_factory=dict)
    ready: dict[UUID, None] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, most: int) -> list[_Waiting]:
        """Whatever is ready, line by line, at most `most`."""
        taken: list[_Waiting] = []
        while self.ready and len(taken) < most:
            device_id = next(iter(self.ready))
            del self.ready[device_id]
            line = self.lines[device_id]
            while line and line[0].ready and len(taken) < most:
                taken.append(line.popleft())
            if not line:
                del self.lines[device_id]
            elif line[0].ready:
                self.ready[device_id] = None
        return taken


class Ingest:
    def __init__(
        self,
        attendance: Attendance,
        preparation: Preparation,
        pins: PinCheck,
        metrics: Metrics,
        bell: BoardBell,
        *,
        writers: int,
        batch_max_punches: int,
        queue_max: int,
        crypto_threads: int,
        overloaded_retry_ms: int = 1_000,
    ) -> None:
        self._overloaded_retry_ms = overloaded_retry_ms
        self._attendance = attendance
        self._preparation = preparation
        self._pins = pins
        self._metrics = metrics
        self._bell = bell
        self._batch_max_punches = batch_max_punches
        self._queue_max = queue_max
        self._shards = [_Shard() for _ in range(writers)]
        self._unprepared: deque[_Waiting] = deque()
        self._unprepared_wake = asyncio.Event()
        self._executor = ThreadPoolExecutor(crypto_threads, thread_name_prefix="crypto")
        self._crypto_threads = crypto_threads
        self._tasks: list[asyncio.Task[None]] = []
        self._pin_checks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.depth = 0
        metrics.ingest_depth.set_function(lambda: self.depth)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._write(shard), name="punch writer") for shard in self._shards]
        self._tasks += [
            asyncio.create_task(self._prepare(), name="punch preparation") for _ in range(self._crypto_threads)
        ]

    async def drain(self, seconds: float) -> None:
        """Wait until all that was accepted is answered, for as long as `seconds` allow."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def stop(self) -> None:
        """Stop; what isn't answered by now is the kiosks' to send again."""
        for task in [*self._tasks, *self._pin_checks]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._pin_checks, return_exceptions=True)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def submit(
        self,
        record: PunchRecord,
        *,
        device_id: UUID,
        site_id: UUID,
        public_key: bytes,
        received_at: datetime,
        respond: Respond,
        former_keys: tuple[bytes, ...] = (),
    ) -> None:
        """Queue a punch; `respond` is called once, after commit or with why not. Raises Refused(overloaded)."""
        if self.depth >= self._queue_max:
            # Whoever is refused now must not all come back at once.
            wait_ms = round(self._overloaded_retry_ms * random.uniform(1, 2))  # noqa: S311 - jitter
            raise Refused(ErrorCode.OVERLOADED, "ingest queue", retry_after_ms=wait_ms)
        shard = self._shards[site_id.int % len(self._shards)]
        waiting = _Waiting(device_id, (public_key, *former_keys), record, received_at, respond, shard)
        shard.lines.setdefault(device_id, deque()).append(waiting)
        self._unprepared.append(waiting)
        self._unprepared_wake.set()
        self._count(+1)

    def _count(self, change: int) -> None:
        self.depth += change
        if self.depth == 0:
            self._idle.set()
        elif self.depth == 1:
            self._idle.clear()

    async def _prepare(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._unprepared_wake.wait()
            some = [self._unprepared.popleft() for _ in range(min(len(self._unprepared), _PREPARED_AT_ONCE))]
            if not self._unprepared:
                self._unprepared_wake.clear()
            if not some:
                continue
            await loop.run_in_executor(self._executor, self._prepare_some, some)
            for waiting in some:
                if isinstance(waiting.result, Prepared) and self._pins.concerns(waiting.result):
                    check = asyncio.create_task(self._check_pin(waiting, waiting.result))
                    self._pin_checks.add(check)
                    check.add_done_callback(self._pin_checks.discard)
                else:
                    self._make_ready(waiting)

    def _prepare_some(self, some: Sequence[_Waiting]) -> None:
        checked: list[tuple[_Waiting, Checked]] = []
        for waiting in some:
            try:
                found = self._preparation.check(waiting.record, waiting.device_id, *waiting.keys)
                checked.append((waiting, found))
            except Exception as error:  # noqa: BLE001 - one punch's fault, whatever it is, is that punch's answer
                waiting.result = error
        for waiting, found in checked:
            try:
                waiting.result = self._preparation.open(found)
            except Exception as error:  # noqa: BLE001 - likewise
                waiting.result = error

    async def _check_pin(self, waiting: _Waiting, prepared: Prepared) -> None:
        try:
            waiting.pin = await self._pins.judge(prepared)
        except Exception as error:  # noqa: BLE001 - likewise
            waiting.result = error
        self._make_ready(waiting)

    @staticmethod
    def _make_ready(waiting: _Waiting) -> None:
        waiting.ready = True
        shard = waiting.shard
        if shard.lines[waiting.device_id][0].ready:
            shard.ready[waiting.device_id] = None
            shard.wake.set()

    async def _write(self, shard: _Shard) -> None:
        while True:
            await shard.wake.wait()
            taken = shard.take(self._batch_max_punches)
            if not shard.ready:
                shard.wake.clear()
            good = [waiting for waiting in taken if isinstance(waiting.result, Prepared)]
            for waiting in taken:
                if isinstance(waiting.result, Exception):
                    self._answer(waiting, waiting.result)
            await self._settle(good)

    async def _settle(self, batch: Sequence[_Waiting]) -> None:
        """Commit a batch and answer it; a batch that fails for one of its punches is halved until that one is alone."""
        if not batch:
            return
        submissions = [
            Submission(waiting.result, waiting.pin, waiting.received_at)
            for waiting in batch
            if isinstance(waiting.result, Prepared)
        ]
        try:
            results = await self._commit(submissions)
        except Exception as error:  # noqa: BLE001 - the writer must outlive whatever a batch does
            if as_refused(error) is None and len(batch) > 1:
                half = len(batch) // 2
                await self._settle(batch[:half])
                await self._settle(batch[half:])
                return
            results = [error] * len(batch)
        for waiting, result in zip(batch, results, strict=True):
            self._answer(waiting, result)

    async def _commit(self, submissions: Sequence[Submission]) -> list[Result]:
        conflicts = lost = 0
        while True:
            began = time.perf_counter()
            try:
                recorded = await self._attendance.record(submissions)
            except StorageConflict:
                conflicts += 1
                if conflicts > _CONFLICT_RETRIES:
                    raise
                await asyncio.sleep(random.uniform(0, _CONFLICT_PAUSE_SECONDS) * conflicts)  # noqa: S311 - jitter
            except StorageUnavailable:
                # Also a lost reply to COMMIT: the receipts know, so the same batch is simply asked again.
                lost += 1
                if lost > _LOST_CONNECTION_RETRIES:
                    raise
            else:
                self._metrics.committed(punches=len(submissions), seconds=time.perf_counter() - began)
                for device_id, sign in recorded.forks.items():
                    self._metrics.device_forked(sign)
                    _log.warning("two terminals may be at work with one key", device_id=device_id, reason=sign)
                if recorded.changes:
                    self._bell.ring(recorded.changes)
                return list(recorded.answers)

    def _answer(self, waiting: _Waiting, result: Result) -> None:
        self._count(-1)
        match result:
            case Settled(duplicate=True):
                self._metrics.punch_repeated()
            case Settled(punch=punch):
                self._metrics.punch(punch.outcome, punch.reason)
            case Refused(code=ErrorCode.CONFLICT):
                self._metrics.journal_conflict()
            case Exception() if as_refused(result) is None:
                _log.error("a punch could not be recorded", device_id=waiting.device_id, exc_info=result)
            case _:
                pass
        try:
            waiting.respond(result)
        except Exception as error:  # noqa: BLE001 - the punch is settled, and the writer has others to answer
            _log.error("an answer could not be given", device_id=waiting.device_id, exc_info=error)
