"""Queues towards clients: one frame a turn, never above its size, and nobody waits for a client that takes nothing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from protocol.errors import CloseCode
from protocol.values import MAX_HUB_FRAME_BYTES
from server.hub import outgoing as module
from server.hub.outgoing import PING, Flusher, Outgoing, Shared, text_frame
from server.telemetry.metrics import Metrics
from tests.server.hub.fakes import FakeTransport, payload_of

BUSY: Final = 65_537
"""More than a writable socket's buffer holds."""


@dataclass
class Pushes:
    """Collapses as a watch does: whatever changed since the last take is one push."""

    changes: int = 0
    taken: list[int] = field(default_factory=list)

    def take(self) -> list[Shared]:
        if not self.changes:
            return []
        self.taken.append(self.changes)
        self.changes = 0
        return [Shared(json.dumps({"push": self.taken[-1]}).encode())]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@dataclass
class Client:
    outgoing: Outgoing
    transport: FakeTransport
    ended: list[CloseCode]
    pushes: Pushes

    def frames(self) -> list[list[Any]]:
        return [json.loads(frame) for frame in self.transport.take_frames()]


Connect = Callable[[], Client]


@pytest.fixture
def connect() -> Connect:
    """Clients of one flusher: 1 MB may wait, 20 s without a byte taken."""
    flusher = Flusher()

    def make() -> Client:
        transport, ended, pushes = FakeTransport(), list[CloseCode](), Pushes()
        outgoing = Outgoing(
            transport,
            flusher,
            Metrics(version="1"),
            max_bytes=3_000_000,
            slow_client_seconds=20,
            on_slow=ended.append,
        )
        outgoing.pushes = pushes
        return Client(outgoing, transport, ended, pushes)

    return make


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_is_queued_in_one_turn_leaves_as_one_frame(connect: Connect) -> None:
    client = connect()
    client.outgoing.send(b'{"a":1}')
    client.outgoing.send(b'{"a":2}')
    client.pushes.changes = 3
    client.outgoing.wake()
    assert client.transport.written == []
    await turns()
    assert client.frames() == [[{"a": 1}, {"a": 2}, {"push": 3}]]
    client.outgoing.send(b'{"a":3}')
    await turns()
    assert client.frames() == [[{"a": 3}]]


async def test_nothing_due_is_no_frame(connect: Connect) -> None:
    client = connect()
    client.outgoing.wake()
    await turns()
    assert client.transport.written == []


async def test_a_frame_stays_under_one_mebibyte(connect: Connect) -> None:
    client = connect()
    sizes = [300_000, 300_000, 300_000, 300_000, 1_048_573, 10, 600_000]
    for size in sizes:
        client.outgoing._max_bytes = 10_000_000
        client.outgoing.send(b'"' + b"x" * (size - 2) + b'"')
    await turns()
    frames = client.transport.take_frames()
    assert all(len(frame) <= MAX_HUB_FRAME_BYTES < 2**20 for frame in frames)
    assert [len(text) + 2 for frame in frames for text in json.loads(frame)] == sizes
    assert [len(json.loads(frame)) for frame in frames] == [3, 1, 1, 2]


@pytest.mark.parametrize("size", [0, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frames_length_is_written_in_its_shortest_form(size: int) -> None:
    assert payload_of(text_frame(b"x" * size)) == b"x" * size


async def test_a_busy_socket_collapses_pushes_and_keeps_answers(connect: Connect) -> None:
    client = connect()
    client.transport.stuck = BUSY
    for number in range(50):
        client.pushes.changes += 1
        client.outgoing.wake()
        if number < 3:
            client.outgoing.send(b'{"answer":%d}' % number)
        await turns(1)
    assert client.transport.written == []
    assert client.pushes.taken == []
    client.transport.stuck = 0
    await until(lambda: client.transport.written)
    assert client.frames() == [[{"answer": 0}, {"answer": 1}, {"answer": 2}, {"push": 50}]]
    assert not client.ended


async def test_one_busy_socket_holds_up_nobody(connect: Connect) -> None:
    slow, quick = connect(), connect()
    slow.transport.stuck = BUSY
    for client in (slow, quick):
        client.outgoing.send(b"1")
    await turns()
    assert quick.frames() == [[1]]
    assert slow.frames() == []


async def test_thousands_of_sockets_are_written_in_slices(connect: Connect) -> None:
    """Between two slices the loop does other things."""
    clients = [connect() for _ in range(600)]
    for client in clients:
        client.outgoing.send(b"1")
    written: list[int] = []
    while not written or written[-1] < len(clients):
        await turns(1)
        written.append(sum(bool(client.transport.written) for client in clients))
    assert len(written) >= 3


async def test_a_client_that_takes_nothing_is_cut_off(connect: Connect, clock: Clock) -> None:
    client = connect()
    client.transport.stuck = BUSY
    client.outgoing.send(b"1")
    await turns()
    clock.now += 20
    await asyncio.sleep(0.06)
    assert not client.ended
    clock.now += 0.01
    await until(lambda: client.ended)
    assert client.ended == [CloseCode.SLOW]
    client.outgoing.send(b"2")
    client.outgoing.wake()
    client.transport.stuck = 0
    await asyncio.sleep(0.06)
    assert client.transport.written == []
    assert client.ended == [CloseCode.SLOW]


async def test_a_client_that_takes_little_by_little_stays(connect: Connect, clock: Clock) -> None:
    client = connect()
    client.transport.stuck = BUSY + 100
    client.outgoing.send(b"1")
    for _ in range(6):
        await asyncio.sleep(0.03)
        clock.now += 15
        client.transport.stuck -= 1
    assert not client.ended


async def test_too_much_that_waits_is_cut_off_at_once(connect: Connect) -> None:
    client = connect()
    client.transport.stuck = BUSY
    client.outgoing.send(b"x" * 1_000_000)
    await turns()
    for _ in range(2):
        client.outgoing.send(b"x" * 1_000_000)
    assert not client.ended
    client.outgoing.send(b"x")
    assert client.ended == [CloseCode.SLOW]
    await turns()
    assert client.transport.written == []


async def test_much_at_once_is_no_slowness(connect: Connect) -> None:
    """A socket that took all it was given gets a board of any size."""
    client = connect()
    client.transport.fills_up = True
    for _ in range(40):
        client.outgoing.send(b'"' + b"x" * 200_000 + b'"')
    await turns()
    assert not client.ended
    client.transport.stuck = 0
    await until(lambda: sum(map(len, client.transport.written)) > 8_000_000)
    assert sum(len(json.loads(frame)) for frame in client.transport.take_frames()) == 40
    assert not client.ended


async def test_a_ping_goes_past_the_queue(connect: Connect) -> None:
    client = connect()
    client.transport.stuck = BUSY
    client.outgoing.ping()
    assert client.transport.written == [PING]


async def test_before_a_close_answers_go_out_and_pushes_don_t(connect: Connect) -> None:
    client = connect()
    client.transport.stuck = BUSY
    client.outgoing.send(b'{"last":true}')
    client.pushes.changes = 1
    client.outgoing.flush(force=True)
    client.outgoing.close()
    assert client.frames() == [[{"last": True}]]
    assert client.pushes.taken == []
    await turns()
    assert client.transport.written == []


async def test_a_closed_transport_raises_at_nobody(connect: Connect) -> None:
    gone, other = connect(), connect()
    gone.outgoing.send(b"1")
    other.outgoing.send(b"1")
    gone.transport.closing = True
    gone.outgoing.ping()
    await turns()
    assert other.frames() == [[1]]
    gone.outgoing.send(b"2")
    gone.outgoing.wake()
    gone.outgoing.flush(force=True)
    gone.outgoing.close()
    assert not gone.ended


@pytest.mark.parametrize("frames_before", [0, 1])
async def test_a_transport_that_closes_while_it_is_written_raises_at_nobody(
    connect: Connect, frames_before: int
) -> None:
    """uvloop raises on a write to a closed transport; here it would be another client's turn that it ends."""
    gone, other = connect(), connect()
    gone.transport.broken_after = frames_before
    for _ in range(3):
        gone.outgoing.send(b"x" * 700_000)
    other.outgoing.send(b"1")
    await turns()
    assert other.frames() == [[1]]


async def test_a_forgotten_client_is_not_written_to(connect: Connect) -> None:
    client = connect()
    client.outgoing.send(b"1")
    client.outgoing.close()
    await turns()
    assert client.transport.written == []


async def test_pushes_rest_after_a_long_round_and_answers_wait_for_nothing(
    connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, kiosk = connect(), connect()
    written = watcher.transport.write

    def slowly(data: bytes) -> None:
        clock.now += 0.03
        written(data)

    monkeypatch.setattr(watcher.transport, "write", slowly)
    watcher.pushes.changes = 1
    watcher.outgoing.wake()
    await turns(5)
    assert watcher.frames() == [[{"push": 1}]]
    for _ in range(2):
        for client in (watcher, kiosk):
            client.pushes.changes += 1
            client.outgoing.wake()
        await turns(5)
    assert (watcher.frames(), kiosk.frames()) == ([], [])
    kiosk.outgoing.send(b'{"answer":1}')
    await turns(5)
    assert kiosk.frames() == [[{"answer": 1}, {"push": 2}]]
    assert watcher.frames() == []
    await until(lambda: watcher.transport.written)
    assert watcher.frames() == [[{"push": 2}]]


async def test_what_is_wrong_with_one_clients_pushes_ends_nobody_elses(connect: Connect) -> None:
    ill, other = connect(), connect()

    class Broken:
        def take(self) -> list[Shared]:
            raise KeyError("a bug")

    ill.outgoing.pushes = Broken()
    for number in range(2):
        for client in (ill, other):
            client.pushes.changes = 1
            client.outgoing.wake()
            client.outgoing.send(b"%d" % number)
        await turns(5)
        assert other.frames() == [[number, {"push": 1}]]
    ill.transport.stuck = BUSY
    ill.outgoing.wake()
    await turns(5)
    ill.transport.stuck = 0
    await asyncio.sleep(0.05)
    other.outgoing.send(b"3")
    await turns(5)
    assert other.frames() == [[3]]


async def test_a_push_alone_is_framed_once_for_all(connect: Connect) -> None:
    first, second = connect(), connect()
    push = Shared(b'{"push":1}')
    for client in (first, second):
        client.outgoing.pushes = type("One", (), {"take": lambda _: [push]})()
        client.outgoing.wake()
    await turns(5)
    assert first.frames() == second.frames() == [[{"push": 1}]]
    assert payload_of(push.frame) == b'[{"push":1}]'
