"""Connections that say nothing, or dribble: how long they may, and how many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from server import keys
from server.api.doorstep import Doorstep
from server.api.problems import problems

HEADER_SECONDS = 0.5
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@asynccontextmanager
async def serving(*, most: int = 100) -> AsyncIterator[tuple[int, Doorstep]]:
    """Its port, and the doorstep before it."""
    doorstep = Doorstep(header_seconds=HEADER_SECONDS, most=most)

    async def index(_request: web.Request) -> web.Response:
        return web.Response(text="here you are")

    app = web.Application(middlewares=[problems])
    app[keys.DOORSTEP] = doorstep
    app.router.add_get("/", index)
    runner = web.AppRunner(app, keepalive_timeout=60)
    await runner.setup()

    def line() -> asyncio.Protocol:
        assert runner.server is not None
        made = runner.server()
        doorstep.opened(made)
        return made

    server = await asyncio.get_running_loop().create_server(line, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], doorstep
    server.close()
    await runner.cleanup()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    return await reader.readuntil(b"here you are")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: here\r\n"])
async def test_who_is_silent_or_dribbles_is_cut_off_in_time(sent: bytes) -> None:
    async with serving() as (port, _), asyncio.timeout(20):
        began = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)

        async def dribble() -> None:
            for number in range(1_000):
                writer.write(b"X-%d: y\r\n" % number)
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble()) if sent else None
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert HEADER_SECONDS * 0.9 < asyncio.get_running_loop().time() - began < 10
        if dribbling is not None:
            dribbling.cancel()
        writer.close()


async def test_who_has_asked_may_rest() -> None:
    async with serving() as (port, _), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(reader, writer)
        await asyncio.sleep(HEADER_SECONDS * 2)
        assert await ask(reader, writer)
        writer.close()


async def test_of_too_many_the_longest_idle_goes() -> None:
    async with serving(most=3) as (port, doorstep), asyncio.timeout(20):
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for line in lines:
            await ask(*line)
        await ask(*lines[0])
        newcomer = await asyncio.open_connection("127.0.0.1", port)
        await ask(*newcomer)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await lines[1][0].readexactly(1)
        for line in (lines[0], lines[2], newcomer):
            await ask(*line)
        for _, writer in (*lines, newcomer):
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.05)
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
        assert len(doorstep._idle) <= 3
