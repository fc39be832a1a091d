"""What is done every few seconds goes on being done, whatever happens."""

import asyncio

import pytest

from server.hub.connections import Connections
from storage.errors import StorageUnavailable


@pytest.mark.parametrize("fault", [StorageUnavailable("away"), KeyError("a bug"), RuntimeError("another")])
async def test_a_fault_doesn_t_end_what_is_done_every_few_seconds(fault: Exception) -> None:
    """A revocation that comes after it must still reach its connections."""
    called = 0
    again = asyncio.Event()

    async def act() -> None:
        nonlocal called
        called += 1
        if called == 1:
            raise fault
        again.set()

    task = asyncio.create_task(Connections._every(0.001, act))
    async with asyncio.timeout(5):
        await again.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
