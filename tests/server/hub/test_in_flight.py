"""What a connection may have in flight, and who waits for it."""

import asyncio

from server.hub.in_flight import InFlight


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_there_is_room_until_the_most_are_in_flight() -> None:
    flight = InFlight(2)
    await flight.room()
    flight.begin()
    await flight.room()
    flight.begin()
    waiting = asyncio.create_task(flight.room())
    await turns()
    assert not waiting.done()
    flight.end()
    await turns()
    assert waiting.done()


async def test_all_are_answered_only_when_none_is_left() -> None:
    flight = InFlight(2)
    await flight.none()
    for _ in range(2):
        flight.begin()
    waiting = asyncio.create_task(flight.none())
    for left in (1, 0):
        await turns()
        assert not waiting.done(), f"{left + 1} in flight"
        flight.end()
    await turns()
    assert waiting.done()


async def test_who_gives_up_waiting_is_not_woken() -> None:
    flight = InFlight(1)
    flight.begin()
    waiting = asyncio.create_task(flight.room())
    await turns()
    waiting.cancel()
    flight.end()
    await turns()
    assert waiting.cancelled()
    await flight.room()
