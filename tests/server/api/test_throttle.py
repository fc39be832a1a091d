import asyncio

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from server.api.throttle import _OneStepWindow

ITEM = RateLimitItemPerMinute(3)


async def passed(window: MovingWindowRateLimiter, storage: MemoryStorage) -> int:
    """How many of ten requests pass that are all there before the first takes its place."""

    async def one_request() -> bool:
        if not await window.test(ITEM, "an address"):
            return False
        await window.hit(ITEM, "an address")
        return True

    async with storage.locks[ITEM.key_for("an address")]:
        requests = [asyncio.create_task(one_request()) for _ in range(10)]
        await asyncio.sleep(0.01)
    return sum(await asyncio.gather(*requests))


async def test_no_more_pass_at_once_than_one_after_the_other() -> None:
    storage = MemoryStorage()
    assert await passed(_OneStepWindow(storage), storage) == 3


async def test_the_librarys_two_steps_would_let_all_pass() -> None:
    storage = MemoryStorage()
    assert await passed(MovingWindowRateLimiter(storage), storage) == 10
