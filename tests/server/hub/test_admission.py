"""So many at once, the others in their order; a place is free again when its holder leaves, dies or takes too long."""

import asyncio
from collections.abc import Callable

import pytest

from server.hub.admission import Admission


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def entering(admission: Admission, count: int, address: str = "") -> list["asyncio.Task[Callable[[], None]]"]:
    return [asyncio.create_task(admission.enter(address)) for _ in range(count)]


async def test_the_rest_wait_in_their_order() -> None:
    admission = Admission(at_once=2, longest_seconds=60)
    tasks = entering(admission, 5)
    await turns()
    assert [task.done() for task in tasks] == [True, True, False, False, False]
    tasks[1].result()()
    tasks[1].result()()
    await turns()
    assert [task.done() for task in tasks] == [True, True, True, False, False], "who leaves twice frees one place"
    tasks[0].result()()
    tasks[2].result()()
    await turns()
    assert all(task.done() for task in tasks)
    for task in tasks:
        task.result()()
    again = entering(admission, 3)
    await turns()
    assert [task.done() for task in again] == [True, True, False]
    again[2].cancel()


async def test_addresses_take_turns() -> None:
    """Whoever has a thousand waiting delays another address by one."""
    admission = Admission(at_once=1, longest_seconds=60)
    (first,) = entering(admission, 1)
    await turns()
    many = entering(admission, 100, "192.0.2.1")
    await turns()
    few = entering(admission, 2, "192.0.2.2")
    await turns()
    waiting, order = {*many, *few}, []
    left = first.result()
    for _ in range(6):
        left()
        await turns()
        [now] = [task for task in waiting if task.done()]
        waiting.remove(now)
        order.append(now)
        left = now.result()
    assert order == [many[0], few[0], many[1], few[1], many[2], many[3]]
    for task in waiting:
        task.cancel()


async def test_who_holds_a_place_too_long_no_longer_counts() -> None:
    admission = Admission(at_once=1, longest_seconds=0.02)
    slow = await admission.enter()
    async with asyncio.timeout(5):
        (await admission.enter())()
    slow()
    only, other = entering(admission, 2)
    await turns()
    assert (only.done(), other.done()) == (True, False)
    other.cancel()


@pytest.mark.parametrize("turn_had_come", [False, True])
async def test_who_went_away_while_waiting_takes_no_place(turn_had_come: bool) -> None:
    admission = Admission(at_once=1, longest_seconds=60)
    first, gone, last = entering(admission, 3)
    await turns()
    if turn_had_come:
        first.result()()
        gone.cancel()
    else:
        gone.cancel()
        await turns()
        first.result()()
    await turns()
    assert last.done()
