"""How many clients are let in at once: the rest wait, so that a rush is worked off, not worked on.

When a hub dies, all of its boards come to another within a second. Were they all let in at once, each would wait for
all, past its patience, and come back: the work would be for nothing, again and again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Admission:
    """`at_once` places. One is held until its holder leaves, and for `longest_seconds` at most.

    So what takes long delays others by that, and can't lock them out. Addresses take turns, and those of one address
    have theirs in the order in which they came: whoever sends a thousand delays the others by one at a time.
    """

    def __init__(self, *, at_once: int, longest_seconds: float) -> None:
        self._free = at_once
        self._longest_seconds = longest_seconds
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, address: str = "") -> Callable[[], None]:
        """Wait for a place; call what this gives when done with it, once or more often."""
        if self._free > 0:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(address, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                timer.cancel()
                self._pass_on()

        timer = asyncio.get_running_loop().call_later(self._longest_seconds, leave)
        return leave

    def _pass_on(self) -> None:
        while self._waiting:
            address = next(iter(self._waiting))
            turns = self._waiting.pop(address)
            turn = turns.popleft()
            if turns:
                self._waiting[address] = turns  # the last in turn now
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
