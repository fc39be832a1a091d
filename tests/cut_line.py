"""A way to PostgreSQL that breaks at the worst moment: around a COMMIT whose reply never arrives."""

import asyncio
import contextlib
from enum import Enum, auto

from tests.relay import Relay


class Cut(Enum):
    """Where the line breaks, once."""

    BEFORE_COMMIT = auto()
    """The server never hears of it."""
    AFTER_COMMIT = auto()
    """The server commits; its reply is lost."""


class CutLine(Relay):
    """Relays bytes between a client and the server; `arm` breaks the next COMMIT."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._armed: Cut | None = None
        self.cuts = 0

    def arm(self, cut: Cut) -> None:
        self._armed = cut

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._to_server()
        back = asyncio.create_task(_copy(from_server, writer))
        try:
            while data := await reader.read(65_536):
                cut = self._armed if b"COMMIT;" in data else None
                if cut is None:
                    to_server.write(data)
                    continue
                self._armed = None
                self.cuts += 1
                back.cancel()
                if cut is Cut.AFTER_COMMIT:
                    to_server.write(data)
                    await from_server.read(1)  # the server has replied: it is committed
                return
        finally:
            back.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await back
            for end in (writer, to_server):
                end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()
