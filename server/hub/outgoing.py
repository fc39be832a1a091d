"""What waits to be sent to one client, and when it goes.

Nothing here waits for a client. Messages queued within one turn of the loop leave as one frame; a socket that
takes nothing keeps its messages here, where pushes collapse (they are made from the boards only once the socket
is writable) and answers count against a bound. A client that stays deaf is cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol

import structlog

from protocol.codec import join_frame
from protocol.errors import CloseCode
from protocol.values import MAX_HUB_FRAME_BYTES
from server.telemetry.metrics import Metrics

_WRITABLE_BYTES: Final = 65_536
"""A socket with more than this in its own buffer is busy."""
_FLUSHED_AT_ONCE: Final = 250
"""Sockets written to in one turn of the loop: a turn stays under some milliseconds whatever the number of boards."""
_BUSY_LOOK_SECONDS: Final = 0.02
_REST_PER_ROUND: Final = 2.0
"""How much longer than a round of pushes the rest behind it is: pushes leave the loop two thirds of its time …"""
_REST_MAX_SECONDS: Final = 0.1
"""… and no change waits longer than this for its round."""

PING: Final = b"\x89\x00"

_log = structlog.get_logger()


class Shared:
    """A message that many clients get: encoded once, and framed once for those who get nothing else with it."""

    __slots__ = ("collapsed", "frame", "message")

    def __init__(self, message: bytes, *, collapsed: int = 0) -> None:
        """`collapsed` is how many changes a later one of the same person replaced in it."""
        self.message = message
        self.collapsed = collapsed
        self.frame = text_frame(join_frame([message]))


class PushSource(Protocol):
    """Makes the pushes that are due, when there is room for them."""

    def take(self) -> Sequence[Shared]: ...


class _Lane:
    """Sockets that have something to take: written to in rounds, a slice a turn, with a rest behind each round.

    The rest follows what the round took (`rest` times as long): few sockets are written to at once, and with
    thousands what changes meanwhile leaves together, while the loop keeps its time for others.
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._due: dict[Outgoing, None] = {}
        self._round: Iterator[Outgoing] = iter(())
        self._running = False
        self._began = self._rested_at = 0.0

    def add(self, outgoing: Outgoing) -> None:
        self._due[outgoing] = None
        if not self._running:
            self._start()

    def forget(self, outgoing: Outgoing) -> None:
        self._due.pop(outgoing, None)

    def _start(self) -> None:
        self._running = True
        loop = asyncio.get_running_loop()
        if (wait := self._rested_at - time.monotonic()) > 0:
            loop.call_later(wait, self._begin)
        else:
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        due, self._due = self._due, {}
        self._round = iter(due)
        self._began = time.monotonic()
        self._write_some()

    def _write_some(self) -> None:
        count = 0
        for outgoing in islice(self._round, _FLUSHED_AT_ONCE):
            count += 1
            _flush(outgoing)
        # The loop's writes come behind its callbacks: the round ends, and is measured, once they are done.
        asyncio.get_running_loop().call_soon(self._write_some if count == _FLUSHED_AT_ONCE else self._end)

    def _end(self) -> None:
        now = time.monotonic()
        self._rested_at = now + min(self._rest * (now - self._began), _REST_MAX_SECONDS)
        self._running = False
        if self._due:
            self._start()


class Flusher:
    """Writes to all sockets that have something to take, and looks after the busy ones."""

    def __init__(self) -> None:
        self._kiosks = _Lane(rest=0)
        self._answers = _Lane(rest=0)
        self._pushes = _Lane(_REST_PER_ROUND)
        self._busy: dict[Outgoing, None] = {}
        self._watch_busy: asyncio.TimerHandle | None = None

    def add(self, outgoing: Outgoing) -> None:
        """It has answers to take; pushes that are due go with them. Terminals never wait behind a crowd of others."""
        if outgoing not in self._busy:
            (self._kiosks if outgoing.is_first else self._answers).add(outgoing)

    def push(self, outgoing: Outgoing) -> None:
        """It has pushes to take, which may wait for each other for a moment."""
        if outgoing not in self._busy:
            self._pushes.add(outgoing)

    def busy(self, outgoing: Outgoing) -> None:
        """Try again once the socket took something."""
        self._busy[outgoing] = None
        if self._watch_busy is None:
            self._watch_busy = asyncio.get_running_loop().call_later(_BUSY_LOOK_SECONDS, self._look)

    def forget(self, outgoing: Outgoing) -> None:
        self._kiosks.forget(outgoing)
        self._answers.forget(outgoing)
        self._pushes.forget(outgoing)
        self._busy.pop(outgoing, None)

    def _look(self) -> None:
        self._watch_busy = None
        waiting, self._busy = self._busy, {}
        for outgoing in waiting:
            _flush(outgoing)


def _flush(outgoing: Outgoing) -> None:
    try:
        outgoing.flush()
    except Exception as error:  # noqa: BLE001 - what is wrong with one client's pushes must not end the others'
        _log.error("a client could not be written to", exc_info=error)


class Outgoing:
    """One client's queue. `on_slow` is called once, when the client has taken nothing for too long."""

    __slots__ = (
        "_bytes",
        "_closed",
        "_flusher",
        "_max_bytes",
        "_messages",
        "_metrics",
        "_on_slow",
        "_slow_client_seconds",
        "_stuck_bytes",
        "_stuck_since",
        "_transport",
        "is_first",
        "pushes",
    )

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        flusher: Flusher,
        metrics: Metrics,
        *,
        max_bytes: int,
        slow_client_seconds: float,
        on_slow: Callable[[CloseCode], None],
    ) -> None:
        self._transport = transport
        self._flusher = flusher
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._slow_client_seconds = slow_client_seconds
        self._on_slow = on_slow
        self._messages: list[bytes] = []
        self._bytes = 0
        self._stuck_since: float | None = None
        self._stuck_bytes = 0
        self._closed = False
        self.pushes: PushSource | None = None
        self.is_first = False

    def send(self, message: bytes) -> None:
        """Queue one encoded message."""
        if self._closed:
            return
        self._messages.append(message)
        self._bytes += len(message)
        if self._bytes <= self._max_bytes:
            self._flusher.add(self)
        elif self._stuck_since is None:
            # Told much at once (a board of many thousands), and not known to be slow: the bound is for those who are.
            self.flush(force=True)
        else:
            self._cut_off()

    def wake(self) -> None:
        """Pushes are due."""
        if not self._closed:
            self._flusher.push(self)

    def ping(self) -> None:
        if not (self._closed or self._transport.is_closing()):
            self._transport.write(PING)

    def flush(self, *, force: bool = False) -> None:
        """Write what is due if the socket takes it; with `force` before a close, answers only."""
        # A write on a closed transport raises, and here it would be somebody else's turn that it ends.
        if self._closed or self._transport.is_closing():
            self.close()
            return
        waiting = self._transport.get_write_buffer_size()
        if waiting > _WRITABLE_BYTES and not force:
            self._stay_busy(waiting)
            return
        self._stuck_since = None
        pushes = self.pushes.take() if self.pushes is not None and not force else ()
        if pushes:
            together = len(self._messages) + len(pushes)
            self._metrics.pushed(
                pushes=len(pushes),
                coalesced=len(pushes) if together > 1 else 0,
                collapsed=pushes[0].collapsed if len(pushes) == 1 else sum(push.collapsed for push in pushes),
            )
            if together == 1:
                self._write(pushes[0].frame)
                return
        if self._messages or pushes:
            messages, self._messages, self._bytes = self._messages, [], 0
            for frame in _frames([*messages, *(push.message for push in pushes)]):
                self._write(frame)

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        self._messages.clear()
        self.pushes = None
        self._flusher.forget(self)

    def _write(self, frame: bytes) -> None:
        try:  # noqa: SIM105 - a context manager costs what the rest of a delivery does
            self._transport.write(frame)
        except RuntimeError:  # closed between the check and here
            pass

    def _stay_busy(self, waiting: int) -> None:
        now = time.monotonic()
        if self._stuck_since is None or waiting < self._stuck_bytes:
            self._stuck_since, self._stuck_bytes = now, waiting
        elif now - self._stuck_since > self._slow_client_seconds:
            self._cut_off()
            return
        self._flusher.busy(self)

    def _cut_off(self) -> None:
        self.close()
        self._on_slow(CloseCode.SLOW)


def _frames(messages: Sequence[bytes]) -> Iterator[bytes]:
    """Messages in as few frames as their size allows."""
    together: list[bytes] = []
    size = 0
    for message in messages:
        if together and size + len(message) + 1 > MAX_HUB_FRAME_BYTES - 2:
            yield text_frame(join_frame(together))
            together, size = [], 0
        together.append(message)
        size += len(message) + 1
    yield text_frame(join_frame(together))


def text_frame(payload: bytes) -> bytes:
    """A whole unmasked WebSocket text frame (RFC 6455 section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload
