"""Questions to a hub, whatever carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final, TypeVar

from protocol.base import Command, Reply

PAGE: Final = 500
_R = TypeVar("_R", bound=Reply)


class Asker(ABC):
    """A hub that answers. Every method raises AdminFault and LinkDown."""

    @abstractmethod
    async def ask(self, make: Callable[..., Command], answer: type[_R]) -> _R:
        """Ask for one answer; `make(id=…)` makes the command."""

    @abstractmethod
    async def ask_parts(self, make: Callable[..., Command], answer: type[_R]) -> list[_R]:
        """Ask for an answer that comes in parts, of which only the last one says so."""

    async def pages(
        self, make: Callable[..., Command], answer: type[Any], limit: int | None = None
    ) -> AsyncIterator[list[Any]]:
        """The items of a listing, page by page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = await self.ask(partial(make, limit=size, cursor=cursor), answer)
            yield list(page.items)
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def items(self, make: Callable[..., Command], answer: type[Any], limit: int | None = None) -> list[Any]:
        """All items of a listing, at most `limit` of them."""
        return [item async for page in self.pages(make, answer, limit) for item in page]
