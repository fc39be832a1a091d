"""Look-ups that go together: few for many, never older than the question, one's fault told to those who asked."""

import asyncio
from collections.abc import Collection

import pytest

from server.services.together import Together


class Book:
    """Finds even numbers, once `gate` is open."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def look_up(self, keys: Collection[int]) -> dict[int, str]:
        self.asked.append(set(keys))
        error = self.error
        await self.gate.wait()
        if error is not None:
            raise error
        return {key: str(key) for key in keys if key % 2 == 0}


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_asks_during_a_look_up_shares_the_next() -> None:
    book = Book()
    together = Together(book.look_up)
    first = asyncio.create_task(together.find(2))
    await turns()
    later = [asyncio.create_task(together.find(key)) for key in (2, 3, 4, 2)]
    await turns()
    assert book.asked == [{2}], "the one under way may have read before they asked"
    book.gate.set()
    assert await asyncio.gather(first, *later) == ["2", "2", None, "4", "2"]
    assert book.asked == [{2}, {2, 3, 4}]
    assert await together.find(6) == "6"


async def test_a_fault_is_told_to_those_who_asked_and_to_nobody_else() -> None:
    book = Book()
    together = Together(book.look_up)
    book.error = LookupError("away")
    failing = [asyncio.create_task(together.find(key)) for key in (2, 4)]
    await turns()
    book.error = None
    later = asyncio.create_task(together.find(8))
    await turns()
    book.gate.set()
    for task in failing:
        with pytest.raises(LookupError):
            await task
    assert await later == "8"


async def test_who_went_away_holds_up_nobody() -> None:
    book = Book()
    together = Together(book.look_up)
    gone, stays = asyncio.create_task(together.find(2)), asyncio.create_task(together.find(2))
    await turns()
    gone.cancel()
    book.gate.set()
    assert await stays == "2"
    with pytest.raises(asyncio.CancelledError):
        await gone
