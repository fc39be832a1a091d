"""An echo on the hub's own frame layer, for a suite that wants to hear again what it said.

The hub's: the socket with all its settings but one, the loop that reads it (`Connection._next_text`, which answers
pings and takes the end of a connection), and the writer of text frames. Not the hub's: what a message means, the echo
of binary messages (the hub closes on them), the limit of a message's size (raised, since the suite sends 65,536 bytes
where the contract allows 65,535), and the subprotocol, which the suite doesn't offer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Final, cast

from aiohttp import WSMessage, WSMsgType, web

from server.api.websocket import a_socket
from server.hub.connection import Connection, Registry
from server.hub.context import HubContext
from server.hub.outgoing import Flusher, text_frame
from server.settings import Settings
from server.telemetry.metrics import Metrics

MAX_MESSAGE_BYTES: Final = 1 << 20
_CONTEXT: Final = web.AppKey("context", HubContext)


class BinaryEchoed:
    """A socket whose binary messages are answered beneath the hub, which gets to see all others."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> WSMessage:
        while (message := await self._socket.receive()).type is WSMsgType.BINARY:
            await self._socket.send_bytes(message.data)
        return message

    async def pong(self, data: bytes) -> None:
        await self._socket.pong(data)


async def _echo(request: web.Request) -> web.StreamResponse:
    socket = a_socket(max_message_bytes=MAX_MESSAGE_BYTES)
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket
    heard = cast("web.WebSocketResponse", BinaryEchoed(socket))
    connection = Connection(request.app[_CONTEXT], heard, transport, cast("Registry", None))
    while (text := await connection._incoming.text()) is not None:
        if not transport.is_closing():
            transport.write(text_frame(text.encode()))
    return socket


@asynccontextmanager
async def serving_echo(settings: Settings) -> AsyncIterator[int]:
    """The port on which it listens."""
    app = web.Application()
    parts = SimpleNamespace(settings=settings, flusher=Flusher(), metrics=Metrics(version="1"))
    app[_CONTEXT] = cast("HubContext", parts)
    app.router.add_get("/", _echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        (address,) = runner.addresses
        yield address[1]
    finally:
        await runner.cleanup()
