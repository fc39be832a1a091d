"""Frames byte by byte (RFC 6455 section 5.2), as no library would let a client write them, and a bare connection."""

import asyncio
import contextlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 20
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, said_length: int | None = None
) -> bytes:
    """A masked frame; `reserved` are the three RSV bits, `said_length` a length that the header claims instead."""
    length = len(payload) if said_length is None else said_length
    head = bytes([final << 7 | reserved << 4 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


@dataclass
class Bare:
    """An upgraded connection without a WebSocket library."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> tuple[int, bytes]:
        """(opcode, payload) of the hub's next frame."""
        async with asyncio.timeout(SECONDS):
            first, length = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, "whole, and no reserved bit"
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            elif length == 127:
                length = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(length)

    async def close_code(self) -> int:
        """Of the hub's close, behind whatever else it says; then it must end the connection."""
        while True:
            opcode, payload = await self.read()
            if opcode == CLOSE:
                async with asyncio.timeout(SECONDS):
                    with contextlib.suppress(ConnectionError):  # what it left unread is thrown back at us
                        self.writer.write(frame(CLOSE, payload[:2]))
                        assert await self.reader.read() == b"", "nothing comes behind a close"
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def upgraded(ws_url: str, subprotocol: str) -> AsyncIterator[Bare]:
    """A connection on which the hub has said its hello."""
    address = urlsplit(ws_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        key = b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
        )
        async with asyncio.timeout(SECONDS):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        bare = Bare(reader, writer)
        opcode, hello = await bare.read()
        assert (opcode, b'"hello"' in hello) == (TEXT, True)
        yield bare
    finally:
        writer.close()
