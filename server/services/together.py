"""Look-ups that are asked for while one is under way go together: thousands who return at once are a few queries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")


class Together(Generic[_Key, _Found]):
    """`find` one by one what `look_up` finds for many. An answer is never older than its question."""

    def __init__(self, look_up: Callable[[Collection[_Key]], Awaitable[Mapping[_Key, _Found]]]) -> None:
        self._look_up = look_up
        self._asked: dict[_Key, list[asyncio.Future[_Found | None]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key: _Key) -> _Found | None:
        """What belongs to the key, None where nothing does. Raises what `look_up` raises."""
        answer: asyncio.Future[_Found | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="look up together")
        return await answer

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                answers = [(key, answer) for key, waiting in asked.items() for answer in waiting]
                try:
                    found = await self._look_up(asked)
                except Exception as error:  # noqa: BLE001 - whoever asked gets it, and the next ones their own
                    for _, answer in answers:
                        if not answer.done():  # a client that went away doesn't wait
                            answer.set_exception(error)
                else:
                    for key, answer in answers:
                        if not answer.done():
                            answer.set_result(found.get(key))
        finally:
            self._asking = None
