"""A TCP proxy that harms what goes through it, and can say what it did.

One proxy stands for one kind of pair (kiosks and hubs, a hub and its PostgreSQL, …). A connection through it is a
*line*; it goes to one of the proxy's backends, the next one if that one doesn't listen. Harm comes as a `Fault` that
sees each chunk of bytes, or at once to the lines that there are. A fault's `proof` counts what it really did.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Final, Protocol

CHUNK_BYTES: Final = 65_536
Address = tuple[str, int]
Selects = Callable[["Line"], bool]


class Way(Enum):
    TO_SERVER = auto()
    TO_CLIENT = auto()


class Cut(Exception):
    """The line ends here, after `last` bytes more."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__()
        self.last = last


class Line:
    """One connection through the proxy."""

    def __init__(self, backend: int, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.backend = backend
        self._writers = {Way.TO_CLIENT: client, Way.TO_SERVER: server}
        self._ended: set[Way] = set()

    async def carry(self, way: Way, data: bytes) -> None:
        writer = self._writers[way]
        if way not in self._ended and not writer.is_closing():
            writer.write(data)
            await writer.drain()

    def end_of(self, way: Way) -> bool:
        """Say to one side that nothing more will come; False where that was said before."""
        writer = self._writers[way]
        if way in self._ended or writer.is_closing():
            return False
        self._ended.add(way)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()
        return True

    def cut(self) -> bool:
        """Both ends are reset (RST, not FIN); False where the line had ended before."""
        alive = False
        for writer in self._writers.values():
            if writer.is_closing():
                continue
            alive = True
            if (end := writer.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return alive

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


class Fault(Protocol):
    """What befalls chunks while it is in force. `proof` stays empty as long as it struck nothing."""

    proof: Counter[str]

    async def through(self, line: Line, way: Way, data: bytes) -> bytes:
        """What goes on of a chunk. Raises Cut."""
        ...


class Delay:
    """Each chunk arrives later, in order."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.proof: Counter[str] = Counter()

    async def through(self, line: Line, way: Way, data: bytes) -> bytes:  # noqa: ARG002 - all lines alike
        await asyncio.sleep(self._seconds)
        self.proof["delayed_bytes"] += len(data)
        return data


class Stall:
    """Nothing goes through until `end`; then all of it does."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self.proof: Counter[str] = Counter()

    async def through(self, line: Line, way: Way, data: bytes) -> bytes:  # noqa: ARG002 - all lines alike
        self.proof["held_bytes"] += len(data)
        await self._over.wait()
        return data

    def end(self) -> None:
        self._over.set()


class Truncate:
    """The last bytes of a chunk are missing, then the line is cut: the peer has a part of a frame."""

    def __init__(self, way: Way, dice: random.Random, *, lines: int = 1) -> None:
        self._way = way
        self._dice = dice
        self._left = lines
        self.proof: Counter[str] = Counter()

    async def through(self, line: Line, way: Way, data: bytes) -> bytes:  # noqa: ARG002 - whichever speaks first
        if way is not self._way or not self._left or len(data) < 8:
            return data
        self._left -= 1
        missing = self._dice.randint(1, 5)
        self.proof["truncated_frames"] += 1
        self.proof["missing_bytes"] += missing
        raise Cut(data[:-missing])


class Swallow:
    """The answers in a chunk never arrive, although what they answer is done; then the line is cut."""

    def __init__(self, answer: bytes, *, lines: int = 1) -> None:
        self._answer = answer
        self._left = lines
        self.proof: Counter[str] = Counter()

    async def through(self, line: Line, way: Way, data: bytes) -> bytes:  # noqa: ARG002 - whichever is answered first
        if way is not Way.TO_CLIENT or not self._left or self._answer not in data:
            return data
        self._left -= 1
        self.proof["swallowed_answers"] += data.count(self._answer)
        self.proof["swallowed_bytes"] += len(data)
        raise Cut


class FaultProxy:
    """Listens on a loopback port for as long as `running` lasts."""

    def __init__(self, name: str, backends: Sequence[Address], dice: random.Random, *, port: int = 0) -> None:
        self.name = name
        self.port = port
        self._backends = list(backends)
        self._dice = dice
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[tuple[Fault, Selects]] = []

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultProxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=CHUNK_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def fault(self, fault: Fault, selects: Selects = lambda _: True) -> AsyncIterator[None]:
        """In force within the block, for all lines that are selected, old and new."""
        entry = (fault, selects)
        self._faults.append(entry)
        try:
            yield
        finally:
            self._faults.remove(entry)

    def lines(self, selects: Selects = lambda _: True) -> list[Line]:
        return [line for line in self._lines if selects(line)]

    def cut(self, selects: Selects = lambda _: True) -> Counter[str]:
        """Reset every selected line; how many there were."""
        return +Counter({"connections_cut": sum(line.cut() for line in self.lines(selects))})

    def half_close(self, way: Way, selects: Selects = lambda _: True) -> Counter[str]:
        """One direction ends as if its sender had closed it, the other goes on."""
        return +Counter({"connections_half_closed": sum(line.end_of(way) for line in self.lines(selects))})

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected = await self._connect()
        if connected is None:
            writer.transport.abort()
            return
        backend, from_server, to_server = connected
        line = Line(backend, writer, to_server)
        self._lines.add(line)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(line, Way.TO_SERVER, reader))
                ways.create_task(self._pump(line, Way.TO_CLIENT, from_server))
        finally:
            self._lines.discard(line)
            line.close()

    async def _connect(self) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A backend by chance, then the others; None when none of them listens."""
        order = list(range(len(self._backends)))
        self._dice.shuffle(order)
        for backend in order:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*self._backends[backend], limit=CHUNK_BYTES)
                return backend, reader, writer
        return None

    async def _pump(self, line: Line, way: Way, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                for fault, selects in tuple(self._faults):
                    if selects(line):
                        data = await fault.through(line, way, data)
                await line.carry(way, data)
            line.end_of(way)
        except Cut as cut:
            with contextlib.suppress(OSError):
                await line.carry(way, cut.last)
                await asyncio.sleep(0.01)  # the part that is to arrive must leave before the reset overtakes it
            line.cut()
        except OSError:
            line.cut()
