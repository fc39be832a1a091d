"""Pings from one timer: each connection once an interval, and nobody judged for the hub's own silence."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from server.hub.heartbeat import Heartbeat

INTERVAL, TIMEOUT = 0.5, 0.2


class Member:
    """Answers pings in `answers_after` seconds, or never."""

    def __init__(self, answers_after: float | None = 0) -> None:
        self.answers_after = answers_after
        self.pinged: list[float] = []
        self.silent_at: list[float] = []
        self.waits = False
        self.on_ping: Callable[[], None] = lambda: None

    def ping(self) -> None:
        loop = asyncio.get_running_loop()
        self.pinged.append(loop.time())
        self.waits = True
        if self.answers_after is not None:
            loop.call_later(self.answers_after, self.hear)
        self.on_ping()

    def hear(self) -> None:
        self.waits = False

    def judge(self) -> None:
        if self.waits:
            self.silent_at.append(asyncio.get_running_loop().time())


@pytest.fixture
async def heartbeat() -> AsyncIterator[Heartbeat]:
    made = Heartbeat(interval_seconds=INTERVAL, timeout_seconds=TIMEOUT)
    made.start()
    yield made
    made.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_each_is_pinged_once_an_interval_and_not_all_at_once(heartbeat: Heartbeat) -> None:
    members = [Member() for _ in range(200)]
    for member in members:
        heartbeat.add(member)
    began = time.monotonic()
    await until(lambda: all(len(member.pinged) >= 3 for member in members))
    rounds = (time.monotonic() - began) / INTERVAL
    assert rounds >= 2
    for member in members:
        assert all(later - earlier >= INTERVAL * 0.99 for earlier, later in pairwise(member.pinged))
        assert not member.silent_at
    firsts = sorted(member.pinged[0] for member in members)
    assert firsts[-1] - firsts[0] > INTERVAL / 2


async def test_who_is_silent_is_judged_once_its_time_is_over(heartbeat: Heartbeat) -> None:
    silent, slow = Member(None), Member(TIMEOUT / 2)
    for member in (silent, slow):
        heartbeat.add(member)
    await until(lambda: silent.silent_at and len(slow.pinged) > 1)
    assert silent.silent_at[0] - silent.pinged[0] >= TIMEOUT * 0.99
    assert not slow.silent_at


async def test_who_left_is_not_pinged(heartbeat: Heartbeat) -> None:
    left, other = Member(None), Member()
    for member in (left, other):
        heartbeat.add(member)
    heartbeat.remove(left)
    await until(lambda: len(other.pinged) > 1)
    assert not left.pinged
    assert not left.silent_at


async def test_a_hub_that_stood_still_reads_before_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came meanwhile is in the loop's hands only turns later."""
    monkeypatch.setattr("server.hub.heartbeat.random.randrange", lambda _: 3)
    heartbeat = Heartbeat(interval_seconds=20, timeout_seconds=1)  # a turn every 0.2 s
    loop = asyncio.get_running_loop()
    member = Member(None)

    def stand_still() -> None:
        time.sleep(0.5)
        loop.call_soon(loop.call_soon, loop.call_soon, member.hear)

    def soon() -> None:
        loop.call_later(0.9, stand_still)

    member.on_ping = soon
    heartbeat.add(member)
    heartbeat.start()
    await until(lambda: member.pinged)
    await asyncio.sleep(2)
    heartbeat.stop()
    assert not member.waits
    assert not member.silent_at


async def test_a_timeout_as_long_as_the_interval_stretches_it() -> None:
    heartbeat = Heartbeat(interval_seconds=0.1, timeout_seconds=0.3)
    heartbeat.start()
    silent = Member(None)
    heartbeat.add(silent)
    await until(lambda: silent.silent_at)
    heartbeat.stop()
    assert silent.silent_at[0] - silent.pinged[0] >= 0.3 * 0.99
