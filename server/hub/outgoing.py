"""What waits to be sent to one client, and when it goes.

Nothing here waits for a client. Messages queued within one turn of the loop leave as one frame; a socket that
takes nothing keeps its messages here, where pushes collapse (they are made from the boards only once the socket
is writable) and answers count against a bound. A client that stays deaf is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from protocol.codec import join_frame
from protocol.errors import CloseCode
from protocol.values import MAX_HUB_FRAME_BYTES
from server.telemetry.metrics import Metrics

_WRITABLE_BYTES: Final = 65_536
"""A socket with more than this in its own buffer is busy."""
_FLUSHED_AT_ONCE: Final = 250
"""Sockets written to in one turn of the loop: a turn stays under some milliseconds whatever the number of boards."""
_BUSY_LOOK_SECONDS: Final = 0.02

PING: Final = b"\x89\x00"


class PushSource(Protocol):
    """Makes the pushes that are due, when there is room for them."""

    def take(self) -> list[bytes]: ...


class Flusher:
    """Writes to all sockets that have something to send, a slice a turn; looks after the busy ones."""

    def __init__(self) -> None:
        self._due: dict[Outgoing, None] = {}
        self._busy: dict[Outgoing, None] = {}
        self._scheduled = False
        self._watch_busy: asyncio.TimerHandle | None = None

    def add(self, outgoing: Outgoing) -> None:
        if outgoing in self._busy:
            return
        self._due[outgoing] = None
        self._schedule()

    def busy(self, outgoing: Outgoing) -> None:
        """Try again once the socket took something."""
        self._busy[outgoing] = None
        if self._watch_busy is None:
            self._watch_busy = asyncio.get_running_loop().call_later(_BUSY_LOOK_SECONDS, self._look)

    def forget(self, outgoing: Outgoing) -> None:
        self._due.pop(outgoing, None)
        self._busy.pop(outgoing, None)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        for _ in range(min(len(self._due), _FLUSHED_AT_ONCE)):
            outgoing = next(iter(self._due))
            del self._due[outgoing]
            outgoing.flush()
        if self._due:
            self._schedule()

    def _look(self) -> None:
        self._watch_busy = None
        waiting, self._busy = self._busy, {}
        for outgoing in waiting:
            outgoing.flush()


class Outgoing:
    """One client's queue. `on_slow` is called once, when the client has taken nothing for too long."""

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
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._stuck_since: float | None = None
        self._stuck_bytes = 0
        self._closed = False
        self.pushes: PushSource | None = None

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
            self._flusher.add(self)

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
        parts = list(self._messages)
        self._messages.clear()
        self._bytes = 0
        if self.pushes is not None and not force:
            pushes = self.pushes.take()
            self._metrics.pushed(pushes=len(pushes), coalesced=len(pushes) if len(parts) + len(pushes) > 1 else 0)
            parts += pushes
        self._write(parts)

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        self._messages.clear()
        self.pushes = None
        self._flusher.forget(self)

    def _write(self, parts: list[bytes]) -> None:
        frame: list[bytes] = []
        size = 0
        with contextlib.suppress(RuntimeError):  # closed between the check and here
            for part in parts:
                if frame and size + len(part) + 1 > MAX_HUB_FRAME_BYTES - 2:
                    self._transport.write(text_frame(join_frame(frame)))
                    frame, size = [], 0
                frame.append(part)
                size += len(part) + 1
            if frame:
                self._transport.write(text_frame(join_frame(frame)))

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


def text_frame(payload: bytes) -> bytes:
    """A whole unmasked WebSocket text frame (RFC 6455 section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload
