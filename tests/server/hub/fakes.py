"""A socket's transport, a directory, terminals and boards in memory, for what stands between boards and sockets."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from protocol.replies import SilentDevice
from server.services.site_feed import SiteFeed
from server.services.terminals import Completeness
from storage.models import Department, Employee, Site


class FakeTransport(asyncio.WriteTransport):
    """Takes frames; `stuck` bytes pretend to wait in its buffer, and `take_most` makes it fill up by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.stuck = 0
        self.fills_up = False
        self.closing = False
        self.broken_after: int | None = None

    def write(self, data: Any) -> None:  # noqa: ANN401 - as the base class has it
        if self.closing or (self.broken_after is not None and len(self.written) >= self.broken_after):
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
        self.written.append(bytes(data))
        if self.fills_up:
            self.stuck += len(data)

    def get_write_buffer_size(self) -> int:
        return self.stuck

    def is_closing(self) -> bool:
        return self.closing

    def take_frames(self) -> list[bytes]:
        """Payloads of the text frames written since the last call; pings are left out."""
        frames, self.written = self.written, []
        return [payload for payload in map(payload_of, frames) if payload is not None]

    def take_messages(self) -> list[dict[str, Any]]:
        return [message for frame in self.take_frames() for message in msgspec.json.decode(frame)]


def payload_of(frame: bytes) -> bytes | None:
    """Read one whole unmasked frame (RFC 6455, section 5.2); None for a ping."""
    if frame == b"\x89\x00":
        return None
    assert frame[0] == 0x81, "one final text frame"
    length, start = frame[1], 2
    if length == 126:
        length, start = int.from_bytes(frame[2:4], "big"), 4
        assert length > 125, "the shortest form"
    elif length == 127:
        length, start = int.from_bytes(frame[2:10], "big"), 10
        assert length > 65_535, "the shortest form"
    assert len(frame) == start + length
    return frame[start:]


@dataclass
class FakeDirectory:
    sites: dict[UUID, Site] = field(default_factory=dict)
    departments: dict[UUID, Department] = field(default_factory=dict)
    employees: dict[UUID, Employee] = field(default_factory=dict)
    version: int = 0

    async def read(self, _version: int) -> None:
        """Nobody comes or goes."""

    async def reach(self, _version: int) -> None:
        """Likewise."""

    def forget(self) -> None:
        """Likewise."""

    def knows(self, employee_ids: Iterable[UUID]) -> bool:
        return all(employee_id in self.employees for employee_id in employee_ids)


@dataclass
class FakeTerminals:
    silent: list[SilentDevice] = field(default_factory=list)

    def completeness(self, _site_id: UUID) -> Completeness:
        return Completeness(None, self.silent)


@dataclass
class FakeBoards:
    """Feeds without a database behind them."""

    feeds: dict[UUID, SiteFeed] = field(default_factory=dict)
    on_advance: Callable[[SiteFeed], None] = lambda _: None
