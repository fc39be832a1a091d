"""A way to PostgreSQL that breaks at the worst moment: around a COMMIT whose reply never arrives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from urllib.parse import urlsplit, urlunsplit


class Cut(Enum):
    """Where the line breaks, once."""

    BEFORE_COMMIT = auto()
    """The server never hears of it."""
    AFTER_COMMIT = auto()
    """The server commits; its reply is lost."""


class CutLine:
    """Relays bytes between a client and the server at `dsn`; `arm` breaks the next COMMIT."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._port = 0
        self._armed: Cut | None = None
        self.cuts = 0

    @property
    def dsn(self) -> str:
        user, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    def arm(self, cut: Cut) -> None:
        self._armed = cut

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator["CutLine"]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
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
