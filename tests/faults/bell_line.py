"""A way to Valkey on which bells can be held back, let go in another order, or lost; all else passes."""

import asyncio

from tests.relay import Relay

BELL = b"attendance:changes:"


class BellLine(Relay):
    """Relays between a hub and the server. While `holding`, what rings is kept in `held`, in its order."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._to_hub: asyncio.StreamWriter | None = None
        self.holding = False
        self.held: list[bytes] = []
        self._news = asyncio.Event()

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

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._to_server()
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
