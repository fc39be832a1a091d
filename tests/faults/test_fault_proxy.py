"""The fault proxy on real sockets: what goes through whole, what is harmed, and that the proof says what was done."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.faults.campaign.proxy import CHUNK_BYTES, Delay, FaultProxy, Stall, Swallow, Truncate, Way
from tests.running_hub import free_port

pytestmark = pytest.mark.integration

SECONDS = 10
ANSWER = b"answer:"


@dataclass
class Echo:
    """A server that answers each line, and knows what it heard."""

    heard: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(ANSWER + line)
                await writer.drain()
            self.ends.append("closed")
        except ConnectionError:
            self.ends.append("reset")
        writer.close()


@asynccontextmanager
async def a_line(echo: Echo) -> AsyncIterator[tuple[FaultProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    proxy = FaultProxy("pair", [("127.0.0.1", server.sockets[0].getsockname()[1])], random.Random(1))
    async with asyncio.timeout(SECONDS), proxy.running():
        reader, writer = await asyncio.open_connection(*proxy.address)
        yield proxy, reader, writer
        writer.close()
    server.close()


async def until_line(proxy: FaultProxy) -> None:
    while not proxy.lines():
        await asyncio.sleep(0.005)


async def test_without_a_fault_every_byte_goes_through() -> None:
    echo = Echo()
    sent = bytes(random.Random(2).choices(b"abcdefgh", k=5 * CHUNK_BYTES)) + b"\n"
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0, limit=len(sent) + 1)
    proxy = FaultProxy("pair", [("127.0.0.1", server.sockets[0].getsockname()[1])], random.Random(1))
    async with asyncio.timeout(SECONDS), proxy.running():
        reader, writer = await asyncio.open_connection(*proxy.address)
        writer.write(sent)
        assert await reader.readexactly(len(ANSWER) + len(sent)) == ANSWER + sent
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    server.close()
    assert (echo.heard, echo.ends) == ([sent], ["closed"])


async def test_a_cut_resets_both_ends() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, _):
        await until_line(proxy)
        assert proxy.cut() == {"connections_cut": 1}
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        while not echo.ends:
            await asyncio.sleep(0.005)
        assert echo.ends == ["reset"]
        assert not proxy.cut(), "nothing is left that could be struck"


async def test_half_closed_towards_the_client_the_server_still_hears() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        await until_line(proxy)
        assert proxy.half_close(Way.TO_CLIENT) == {"connections_half_closed": 1}
        assert await reader.read() == b""
        writer.write(b"still there\n")
        while not echo.heard:
            await asyncio.sleep(0.005)
        assert echo.heard == [b"still there\n"]
        assert not proxy.half_close(Way.TO_CLIENT), "it was half-closed before"


async def test_half_closed_towards_the_server_it_sees_the_end() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        writer.write(b"first\n")
        assert await reader.readline() == ANSWER + b"first\n"
        proxy.half_close(Way.TO_SERVER)
        assert await reader.read() == b""
        assert echo.ends == ["closed"]


@pytest.mark.parametrize("way", list(Way))
async def test_a_truncated_chunk_arrives_in_part_before_the_line_breaks(way: Way) -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        fault = Truncate(way, random.Random(3))
        async with proxy.fault(fault):
            writer.write(b"0123456789\n")
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while part := await reader.read(100):
                    got += part
        assert fault.proof["truncated_frames"] == 1
        whole = ANSWER + b"0123456789\n"
        if way is Way.TO_CLIENT:
            assert echo.heard == [b"0123456789\n"]
            assert len(got) in (
                0,
                len(whole) - fault.proof["missing_bytes"],
            )  # a reset may overtake it on a busy machine
        else:
            assert echo.heard == []
            assert got == b""


async def test_a_stall_holds_everything_and_then_lets_it_go() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        fault = Stall()
        async with proxy.fault(fault):
            writer.write(b"held\n")
            while not fault.proof:
                await asyncio.sleep(0.005)
            assert fault.proof == {"held_bytes": 5}
            assert echo.heard == []
            fault.end()
            assert await reader.readline() == ANSWER + b"held\n"


async def test_a_delay_comes_late_and_in_order() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        fault = Delay(0.1)
        async with proxy.fault(fault):
            began = asyncio.get_running_loop().time()
            writer.write(b"one\n")
            writer.write(b"two\n")
            assert await reader.readline() == ANSWER + b"one\n"
            assert await reader.readline() == ANSWER + b"two\n"
            assert asyncio.get_running_loop().time() - began >= 0.2  # there and back
        assert fault.proof["delayed_bytes"] == len(b"one\ntwo\n") + 2 * len(ANSWER) + len(b"one\ntwo\n")


async def test_a_swallowed_answer_was_given_and_never_arrives() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        fault = Swallow(ANSWER)
        async with proxy.fault(fault):
            writer.write(b"commit\n")
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        assert echo.heard == [b"commit\n"]
        assert fault.proof == {"swallowed_answers": 1, "swallowed_bytes": len(ANSWER) + 7}


async def test_only_selected_lines_are_struck() -> None:
    echo = Echo()
    async with a_line(echo) as (proxy, reader, writer):
        await until_line(proxy)
        fault = Swallow(ANSWER)
        async with proxy.fault(fault, lambda line: line.backend == 1):
            writer.write(b"safe\n")
            assert await reader.readline() == ANSWER + b"safe\n"
        assert not fault.proof
        assert not proxy.cut(lambda line: line.backend == 1)


async def test_a_backend_that_does_not_listen_is_passed_over() -> None:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    alive = ("127.0.0.1", server.sockets[0].getsockname()[1])
    proxy = FaultProxy("pair", [("127.0.0.1", free_port()), alive], random.Random(1))
    async with asyncio.timeout(SECONDS), proxy.running():
        for _ in range(8):
            reader, writer = await asyncio.open_connection(*proxy.address)
            writer.write(b"hello\n")
            assert await reader.readline() == ANSWER + b"hello\n"
            writer.close()
    server.close()
    assert len(echo.heard) == 8


async def test_with_no_backend_a_client_is_turned_away() -> None:
    proxy = FaultProxy("pair", [("127.0.0.1", free_port())], random.Random(1))
    async with asyncio.timeout(SECONDS), proxy.running():
        reader, writer = await asyncio.open_connection(*proxy.address)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        writer.close()
