"""A loop whose time passes only when nothing is left to do, and processes that can be killed in the middle of anything.

No thread, no socket and no real clock take part: what happens follows from the machine's steps alone, so that
Hypothesis can repeat and shrink it.
"""

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
BEGIN: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Idle(AssertionError):
    """Whoever waits here would wait for ever: no timer is set and nothing is due."""


class _NoSelector(selectors.SelectSelector):
    """Instead of waiting, the clock is put forward."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Idle
        self.passed_seconds += max(timeout, 0)
        return []


class ProcessIsGone(BaseException):
    """Raised where a process was killed in the middle of something; it does nothing more."""


class Process:
    """What dies together: all tasks that were begun on its behalf, by whatever way."""

    def __init__(self) -> None:
        self.alive = True
        self.tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        token = _owner.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _owner.reset(token)

    def kill(self) -> None:
        """At once; nothing that it still does on its way out may be seen by anybody."""
        self.alive = False
        asyncio.get_running_loop().call_soon(self._bury)

    def _bury(self) -> None:
        for task in self.tasks:
            task.cancel()

    @staticmethod
    def current() -> "Process | None":
        return _owner.get()


_owner: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _NoSelector()
        super().__init__(self._clock)
        self.faults: list[dict[str, Any]] = []
        """What the loop would have logged: errors that nobody took notice of."""
        self.set_exception_handler(lambda _, fault: self.faults.append(fault))
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        return self._clock.passed_seconds

    def now(self) -> datetime:
        """The true time, which no clock of the world needs to tell."""
        return BEGIN + timedelta(seconds=self.time())

    def _write_to_self(self) -> None:
        """No other thread calls, so nobody has to wake the loop."""


def _owned_task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - likewise
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
    if (owner := _owner.get()) is not None:
        owner.tasks.add(task)
        task.add_done_callback(owner.tasks.discard)
    return task


class AtOnce(ThreadPoolExecutor):
    """An executor that has done the work when it is handed over."""

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:  # noqa: ANN401 - as the base class has it
        done: Future[_T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as fault:  # noqa: BLE001 - it is the caller's, whatever it is
            done.set_exception(fault)
        return done
