"""A way to Valkey on which bells can be held back, let go in another order, or lost; all else passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

BELL = b"attendance:changes:"


class BellLine:
    """Relays between a hub and the server at `url`. While `holding`, what rings is kept in `held`, in its order."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._port = 0
        self._to_hub: asyncio.StreamWriter | None = None
        self.holding = False
        self.held: list[bytes] = []
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        user, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    def hold(self) -> None:
        self.holding, self.held = True, []

    def lose(self) -> None:
        """What was held is gone; what rings from now on passes."""
        self.holding, self.held = False, []

    async def rung(self, count: int) -> None:
        """Until so many bells are held."""
        async with asyncio.timeout(20):
            while len(self.held) < count:
                self._news.clear()
                await self._news.wait()

    def let_go(self, number: int) -> None:
        """Ring one of those that are held."""
        assert self._to_hub is not None
        self._to_hub.write(self.held[number])

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator["BellLine"]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        back = asyncio.create_task(self._copy_back(from_server, writer))
        try:
            while data := await reader.read(65_536):
                to_server.write(data)
        finally:
            back.cancel()
            for end in (writer, to_server):
                end.close()

    async def _copy_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if BELL in data and b"pmessage" in data:
                self._to_hub = writer
                if self.holding:
                    # One read holds one bell as long as whoever rings waits for its answer in between.
                    self.held.append(data)
                    self._news.set()
                    continue
            writer.write(data)
