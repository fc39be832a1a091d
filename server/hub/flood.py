"""What one connection may send: so many commands a second on average, a few more at once; and what is too much."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

BURST_SECONDS: Final = 2
"""How many seconds' worth of commands may come at once."""
MAX_LIMITED: Final = 200
"""So many refused at once close a connection …"""
_LIMITED_PER_COMMAND: Final = 2
"""… and in the long run so many times what is let through."""

_A_TOKEN: Final = 1 - 1e-6
"""As sums of times come out."""


class TokenBucket:
    """Holds at most `at_once` tokens (two seconds' worth where none is given) and gains `per_second`."""

    # An idle connection has three of these: a full bucket holds nothing of its own but that it is full.
    __slots__ = ("_at_once", "_clock", "_full_at", "_per_second")

    def __init__(
        self, per_second: float, *, at_once: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._at_once = at_once or per_second * BURST_SECONDS
        self._clock = clock
        self._full_at = -math.inf

    def is_empty(self) -> bool:
        """Whether `take` would say no; takes nothing."""
        return self._tokens(self._clock()) < _A_TOKEN

    def take(self) -> int:
        """Take one token: 0, or the milliseconds after which there will be one."""
        now = self._clock()
        if (tokens := self._tokens(now)) < _A_TOKEN:
            return math.ceil((1 - tokens) / self._per_second * 1_000)
        self._full_at = max(self._full_at, now) + 1 / self._per_second
        return 0

    def _tokens(self, now: float) -> float:
        return self._at_once - max(self._full_at - now, 0) * self._per_second


class Pace:
    """Commands and control frames of one connection. Refusals have a bucket too: a client that goes on is ended."""

    __slots__ = ("_commands", "_control", "_patience")

    def __init__(self, *, commands_per_second: int, control_frames_per_second: int) -> None:
        self._commands = TokenBucket(commands_per_second)
        self._control = TokenBucket(control_frames_per_second)
        self._patience = TokenBucket(commands_per_second * _LIMITED_PER_COMMAND, at_once=MAX_LIMITED)

    def is_spent(self) -> bool:
        """Whether a command that came now would be refused."""
        return self._commands.is_empty()

    def command(self) -> int:
        """Take one command: 0, or the milliseconds after which there will be room for it."""
        return self._commands.take()

    def allows_control(self) -> bool:
        """Take one ping or pong: whether it may be looked at."""
        return self._control.take() == 0

    def has_patience(self) -> bool:
        """Take one refusal: False where there were too many."""
        return self._patience.take() == 0
