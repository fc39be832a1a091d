"""The network under a session: one WebSocket to a hub, with every wait bounded and every failure in plain words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from kiosk.settings import Settings
from protocol import SUBPROTOCOL
from protocol.values import MAX_HUB_FRAME_BYTES

_CLOSE_SECONDS: Final = 2.0
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class LinkDown(Exception):
    """No connection, or no longer one. The message is a plain English line for a technician.

    `close_code` is the hub's, where it closed.
    """

    def __init__(self, message: str, close_code: int | None = None) -> None:
        super().__init__(message)
        self.close_code = close_code


def websocket_url(hub_url: str) -> str:
    """The hub's `/ws` from its address; raises ValueError for what is no address."""
    parts = urlsplit(hub_url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError("the hub's address is like http://hub.example:8080 or https://hub.example")
    path = parts.path.rstrip("/")
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path if path.endswith("/ws") else f"{path}/ws", "", ""))


def http_url(hub_url: str, path: str) -> str:
    """An HTTP address of the hub that is named by any of its addresses; raises ValueError."""
    parts = urlsplit(websocket_url(hub_url))
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, parts.path.removesuffix("/ws") + path, "", ""))


class Wire:
    """An open WebSocket: text frames in and out."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, settings: Settings) -> None:
        self._socket = socket
        self._settings = settings

    async def receive(self) -> str:
        """The next text frame; pings are answered on the way. Raises LinkDown."""
        while True:
            try:
                async with asyncio.timeout(self._settings.silence_timeout_seconds):
                    message = await self._socket.receive()
                    if message.type is aiohttp.WSMsgType.PING:
                        await self._socket.pong(message.data)
            except TimeoutError:
                raise LinkDown("nothing was heard of the hub for too long") from None
            except (aiohttp.ClientError, OSError) as fault:
                raise LinkDown(f"the connection broke: {fault}") from None
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    return str(message.data)
                case aiohttp.WSMsgType.PING | aiohttp.WSMsgType.PONG:
                    continue
                case aiohttp.WSMsgType.CLOSE | aiohttp.WSMsgType.CLOSING | aiohttp.WSMsgType.CLOSED:
                    code = self._socket.close_code
                    raise LinkDown(f"the hub closed the connection ({code})", code)
                case aiohttp.WSMsgType.BINARY:
                    raise LinkDown("the hub sent a binary frame")
                case _:
                    raise LinkDown(f"the connection broke: {self._socket.exception() or 'unreadable frame'}")

    async def send(self, frames: Iterable[bytes]) -> None:
        """Send text frames in this order. Raises LinkDown."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                for frame in frames:
                    await self._socket.send_frame(frame, aiohttp.WSMsgType.TEXT)
        except TimeoutError:
            raise LinkDown("the network takes nothing any more") from None
        except (aiohttp.ClientError, OSError) as fault:
            raise LinkDown(f"the connection broke: {fault}") from None


@asynccontextmanager
async def connect(hub_url: str, settings: Settings) -> AsyncIterator[Wire]:
    """A WebSocket to the hub, closed at the end of the block. Raises LinkDown where none can be had."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout_seconds)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        socket = await _open(http, hub_url, settings)
        try:
            yield Wire(socket, settings)
        finally:
            # A peer that is gone doesn't answer the close; aiohttp gives up after _CLOSE_SECONDS.
            await socket.close()


async def _open(http: aiohttp.ClientSession, hub_url: str, settings: Settings) -> aiohttp.ClientWebSocketResponse:
    try:
        async with asyncio.timeout(settings.connect_timeout_seconds):
            socket = await http.ws_connect(
                websocket_url(hub_url),
                protocols=(SUBPROTOCOL,),
                autoping=False,  # so that a ping counts as a sign of life
                compress=0,
                max_msg_size=MAX_HUB_FRAME_BYTES + 1,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            )
    except TimeoutError:
        raise LinkDown("the hub can't be reached: no answer in time") from None
    except aiohttp.WSServerHandshakeError as fault:
        raise LinkDown(f"the server at the hub's address answers HTTP {fault.status}") from None
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        raise LinkDown(_plain_reason(fault)) from None
    if socket.protocol != SUBPROTOCOL:
        await socket.close()
        raise LinkDown(f"the server at the hub's address doesn't speak {SUBPROTOCOL}")
    return socket


def _plain_reason(fault: Exception) -> str:
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            return "the hub's certificate is not accepted"
        case aiohttp.ClientConnectorDNSError():
            return f"the hub's name is not known: {fault.host}"
        case aiohttp.ClientConnectorError():
            number = fault.os_error.errno
            reason = os.strerror(number).lower() if number else "no connection"
            return f"the hub can't be reached at {fault.host}:{fault.port}: {reason}"
        case _:
            return f"the hub can't be reached: {fault}"
