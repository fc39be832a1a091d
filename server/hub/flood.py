"""A token bucket: so many commands a second on average, a few more at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

BURST_SECONDS: Final = 2
"""How many seconds' worth of commands may come at once."""


class TokenBucket:
    __slots__ = ("_capacity", "_clock", "_filled_at", "_per_second", "_tokens")

    def __init__(self, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._capacity = per_second * BURST_SECONDS
        self._tokens = self._capacity
        self._clock = clock
        self._filled_at = clock()

    def take(self) -> int:
        """Take one token: 0, or the milliseconds after which there will be one."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return math.ceil((1 - self._tokens) / self._per_second * 1_000)
