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


class TokenBucket:
    __slots__ = ("_capacity", "_clock", "_filled_at", "_per_second", "_tokens")

    def __init__(
        self, per_second: float, *, at_once: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._capacity = at_once or per_second * BURST_SECONDS
        self._tokens = self._capacity
        self._clock = clock
        self._filled_at = clock()

    def is_empty(self) -> bool:
        """Whether `take` would say no; takes nothing."""
        return self._tokens + (self._clock() - self._filled_at) * self._per_second < 1

    def take(self) -> int:
        """Take one token: 0, or the milliseconds after which there will be one."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return math.ceil((1 - self._tokens) / self._per_second * 1_000)


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
