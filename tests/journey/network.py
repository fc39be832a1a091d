"""Lines between kiosks and hubs: frames take their time, and a line may break in every way that lines do."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, cast

from aiohttp import WSMessage, WSMsgType

from kiosk.link.client import LinkDown
from tests.server.hub.fakes import FakeTransport, payload_of

LATENCIES_SECONDS = [(0.001, 0.06)] * 3 + [(0.2, 2.5)]
"""One line in four is slow."""
LEAST_STEP_SECONDS = 1e-6


class Break(Enum):
    """How a line ends."""

    BOTH_KNOW = auto()
    """Closed: what was under way is lost in both directions."""
    ARRIVES_FIRST = auto()
    """The kiosk is gone; what it had sent still reaches the hub, whose answers reach nobody."""
    ANSWERS_SWALLOWED = auto()
    """The hub's words vanish from now on, and nobody is told."""
    KIOSK_UNHEARD = auto()
    """The kiosk's words vanish from now on, and nobody is told."""


class _Way:
    """One direction; frames arrive in their order."""

    def __init__(self, chance: random.Random, latency: tuple[float, float], arrive: Callable[[Any], None]) -> None:
        self._chance = chance
        self._latency = latency
        self._arrive = arrive
        self._latest = 0.0
        self._under_way: deque[asyncio.TimerHandle] = deque()
        self.dark = False

    def send(self, item: object) -> None:
        if self.dark:
            return
        loop = asyncio.get_running_loop()
        moment = loop.time() + self._chance.uniform(*self._latency)
        self._latest = max(moment, self._latest + LEAST_STEP_SECONDS)
        self._under_way.append(loop.call_at(self._latest, self._arrived, item))

    def _arrived(self, item: object) -> None:
        self._under_way.popleft()
        self._arrive(item)

    def lose_all(self) -> None:
        self.dark = True
        for timer in self._under_way:
            timer.cancel()
        self._under_way.clear()


class Line:
    """One WebSocket. `wire` is the kiosk's end; `socket` and `transport` are what the hub's connection stands on."""

    def __init__(self, chance: random.Random, *, latency: tuple[float, float] | None = None) -> None:
        latency = latency or chance.choice(LATENCIES_SECONDS)
        self.wire = KioskEnd(self)
        self.socket = HubSocket(self)
        self.transport = HubTransport(self)
        self.up = _Way(chance, latency, self.socket.arrive)
        self.down = _Way(chance, latency, self.wire.arrive)
        self.broken: Break | None = None

    def lose(self, how: Break) -> None:
        self.broken = how
        match how:
            case Break.BOTH_KNOW:
                self.up.lose_all()
                self.down.lose_all()
                self.wire.arrive(LinkDown("the line broke"))
                self.socket.arrive(CLOSED)
            case Break.ARRIVES_FIRST:
                self.down.lose_all()
                self.wire.arrive(LinkDown("the line broke"))
                self.up.send(CLOSED)
                self.up.dark = True
            case Break.ANSWERS_SWALLOWED:
                self.down.lose_all()
            case Break.KIOSK_UNHEARD:
                self.up.lose_all()

    def hub_is_gone(self) -> None:
        """Its kernel says so; what lies in the line still arrives."""
        self.up.lose_all()
        self.transport.closing = True
        self.down.send(LinkDown("the hub is gone"))
        self.down.dark = True

    def kiosk_is_gone(self) -> None:
        self.down.lose_all()
        self.wire.closed = True
        self.up.send(CLOSED)
        self.up.dark = True


class KioskEnd:
    """In the place of `kiosk.link.client.Wire`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._heard: asyncio.Queue[str | LinkDown] = asyncio.Queue()
        self.closed = False
        self.on_send: Callable[[bytes], None] = lambda _: None
        self.on_receive: Callable[[str], None] = lambda _: None

    def arrive(self, item: bytes | LinkDown) -> None:
        if isinstance(item, LinkDown):
            self._heard.put_nowait(item)
        elif (payload := payload_of(item)) is None:
            self._line.up.send(WSMessage(WSMsgType.PONG, b"", None))
        else:
            self._heard.put_nowait(payload.decode())

    async def receive(self) -> str:
        item = await self._heard.get()
        if isinstance(item, LinkDown):
            self.closed = True
            raise item
        self.on_receive(item)
        return item

    async def send(self, frames: list[bytes]) -> None:
        self.send_now(frames)

    def send_now(self, frames: list[bytes]) -> None:
        for frame in frames:
            if self.closed:
                raise LinkDown("the line is broken")
            self.on_send(frame)
            self._line.up.send(WSMessage(WSMsgType.TEXT, frame.decode(), None))


CLOSED = WSMessage(WSMsgType.CLOSED, None, None)


class HubSocket:
    """In the place of aiohttp's `WebSocketResponse`, behind the frame layer."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._heard: asyncio.Queue[WSMessage] = asyncio.Queue()

    def arrive(self, message: WSMessage) -> None:
        self._heard.put_nowait(message)

    async def receive(self) -> WSMessage:
        return await self._heard.get()

    async def pong(self, _data: bytes) -> None:
        raise AssertionError("a kiosk doesn't ping")

    async def close(self, *, code: int, message: bytes, drain: bool) -> None:
        del drain
        self._line.down.send(LinkDown(f"the hub closed the connection ({message.decode()})", code))
        self._line.down.dark = True
        self._line.transport.closing = True
        self.arrive(CLOSED)


class HubTransport(FakeTransport):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self.on_write: Callable[[bytes], None] = lambda _: None

    def write(self, data: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().write(data)
        self.written.clear()
        self.on_write(bytes(data))
        self._line.down.send(bytes(data))

    def abort(self) -> None:
        self.closing = True


def as_any(part: object) -> Any:  # noqa: ANN401 - it stands for a type of aiohttp's
    """A stand-in where the product names a class of its network."""
    return cast("Any", part)
