"""A way to a server that a test can tamper with."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Relay(ABC):
    """Listens on loopback for who would go to the server at `target`; what passes is the subclass's business."""

    def __init__(self, target: str) -> None:
        self._parts = urlsplit(target)
        self._port = 0

    @property
    def url(self) -> str:
        """`target` by this way."""
        user, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _to_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._parts.hostname, self._parts.port)

    @abstractmethod
    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, from its begin to its end."""
