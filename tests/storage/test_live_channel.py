"""The bell on a real Valkey: heard by all at once, and silent without harm while the server is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
import pytest
import redis.asyncio as redis
import uvloop

from protocol.values import Status
from storage.embedded import EmbeddedValkey
from storage.live_channel import LiveChannel, Loss
from storage.models import Change, SiteChanges

pytestmark = pytest.mark.integration

SECONDS: Final = 20


@dataclass
class Hearer:
    """A hub's end of the bell, and what it heard."""

    channel: LiveChannel
    heard: list[SiteChanges]
    losses: list[Loss]
    _gaps: list[None]

    @property
    def gaps(self) -> int:
        return len(self._gaps)


@asynccontextmanager
async def hearer(url: str) -> AsyncIterator[Hearer]:
    heard: list[SiteChanges] = []
    gaps: list[None] = []
    losses: list[Loss] = []
    made = Hearer(
        LiveChannel(
            url,
            on_changes=heard.append,
            on_gap=lambda: gaps.append(None),
            on_loss=losses.append,
            connect_timeout_seconds=1,
            publish_timeout_seconds=1,
            retry_seconds=0.02,
            health_check_seconds=1,
        ),
        heard,
        losses,
        gaps,
    )
    await made.channel.start()
    try:
        yield made
    finally:
        await made.channel.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def a_change(*, after: int = 0) -> SiteChanges:
    site_id = uuid4()
    return SiteChanges(
        site_id=site_id,
        epoch=uuid4(),
        after=after,
        changes=[
            Change(uuid4(), True, Status.IN, datetime(2026, 11, 24, 8, 0, 0, 250, tzinfo=UTC), site_id),
            Change(uuid4(), False, Status.OUT, None, None),
        ],
        committed_at=datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC),
    )


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


async def test_what_one_rings_all_hear_in_order(valkey: EmbeddedValkey) -> None:
    async with hearer(valkey.url) as first, hearer(valkey.url) as second:
        await until(lambda: first.channel.listening and second.channel.listening)
        assert (first.gaps, second.gaps) == (1, 1), "what rang before is gone: that is a gap"
        batches = [a_change(after=number) for number in range(20)]
        assert await first.channel.publish(batches[:15])
        assert await second.channel.publish(batches[15:])
        await until(lambda: len(second.heard) == 20)
        assert first.heard == second.heard == batches


async def test_what_is_no_bell_is_passed_over(valkey: EmbeddedValkey) -> None:
    async with hearer(valkey.url) as hub, redis.from_url(valkey.url) as stranger:
        await until(lambda: hub.channel.listening)
        bell = msgspec.json.encode(a_change())
        zoneless = bell.replace(b'"committed_at":"2026-11-24T08:00:01Z"', b'"committed_at":"2026-11-24T08:00:01"')
        assert zoneless != bell
        for noise in (b"", b"{", b"[]", b'{"site_id":1}', b"\xff\xfe", b'{"site_id":"' + b"x" * 100_000, zoneless):
            await stranger.publish("attendance:changes:anything", noise)
        await stranger.publish("another:channel", b"{}")
        heard = a_change()
        assert await hub.channel.publish([heard])
        await until(lambda: hub.heard)
        assert hub.heard == [heard]
        assert hub.gaps == 1


async def test_a_server_that_goes_and_comes_back(valkey: EmbeddedValkey) -> None:
    async with hearer(valkey.url) as ringer, hearer(valkey.url) as hub:
        await until(lambda: ringer.channel.listening and hub.channel.listening)
        assert await ringer.channel.publish([a_change()])
        await until(lambda: hub.heard)
        await valkey.stop()
        await until(lambda: not hub.channel.listening)
        async with asyncio.timeout(5):
            assert not await ringer.channel.publish([a_change()])
        await valkey.start()
        await until(lambda: hub.channel.listening)
        assert hub.gaps == 2
        bell = a_change()
        async with asyncio.timeout(SECONDS):
            while not await ringer.channel.publish([bell]):
                await asyncio.sleep(0.02)
        await until(lambda: hub.heard[-1:] == [bell])
        assert len(hub.heard) == 2


async def test_a_connection_that_is_cut_is_a_gap(valkey: EmbeddedValkey) -> None:
    async with hearer(valkey.url) as hub, redis.from_url(valkey.url) as admin:
        await until(lambda: hub.channel.listening)
        await admin.client_kill_filter(_type="pubsub", skipme=True)
        await until(lambda: hub.gaps == 2)
        bell = a_change()
        assert await hub.channel.publish([bell])
        await until(lambda: hub.heard)
        assert hub.heard == [bell]
        assert hub.losses == [Loss.CLOSED]


async def test_a_listening_connection_on_which_nothing_comes_back_is_given_up(valkey: EmbeddedValkey) -> None:
    """A server that is there and says nothing, as behind a network that swallows packets."""
    silent = False
    writers = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = valkey.url.rpartition("@")[2].removesuffix("/0").split(":")
        from_server, to_server = await asyncio.open_connection(host, int(port))
        writers.extend([writer, to_server])

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                if not silent:
                    sink.write(data)

        await asyncio.gather(copy(reader, to_server), copy(from_server, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"{valkey.url.rpartition('@')[0]}@127.0.0.1:{port}/0"
    async with hearer(url) as hub:
        await until(lambda: hub.channel.listening)
        silent = True
        await until(lambda: not hub.channel.listening)
        silent = False
        await until(lambda: hub.gaps == 2)
        assert hub.losses == [Loss.SILENT]
    server.close()
    for writer in writers:
        writer.close()


async def test_without_a_server_nothing_is_raised() -> None:
    async with hearer("redis://127.0.0.1:1/0") as hub:
        assert not await hub.channel.publish([a_change()])
        await asyncio.sleep(0.1)
        assert not hub.channel.listening
        assert hub.gaps == 0
        assert hub.losses == []


async def test_a_server_that_takes_connections_and_says_nothing_is_left_again(valkey: EmbeddedValkey) -> None:
    """Nor does it come back: only who gives up and tries anew finds the one that took its place."""
    mute = True
    taken: list[asyncio.StreamWriter] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        if mute:
            return
        host, port = valkey.url.rpartition("@")[2].removesuffix("/0").split(":")
        from_server, to_server = await asyncio.open_connection(host, int(port))
        taken.append(to_server)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)

        await asyncio.gather(copy(reader, to_server), copy(from_server, writer), return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with hearer(f"{valkey.url.rpartition('@')[0]}@127.0.0.1:{port}/0") as hub:
        await until(lambda: taken)
        mute = False
        await until(lambda: hub.channel.listening)
        assert hub.losses == []
    server.close()
    for writer in taken:
        writer.close()


def test_a_connection_that_uvloop_has_closed_is_a_server_that_is_away(tmp_path: Path) -> None:
    """A hub's loop raises RuntimeError there; a bell that died of it would be silent for good."""

    async def ring_and_hear() -> None:
        async with EmbeddedValkey(tmp_path / "valkey") as valkey, hearer(valkey.url) as one:
            await until(lambda: one.gaps)
            assert await one.channel.publish([a_change()])
            for client in (one.channel._publisher, one.channel._listener):
                pool: Any = client.connection_pool
                for connection in [*pool._available_connections, *pool._in_use_connections]:
                    connection._writer.transport.abort()
            assert not await one.channel.publish([a_change()])
            await until(lambda: one.gaps == 2)
            last = a_change()
            assert await one.channel.publish([last])
            await until(lambda: last in one.heard)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ring_and_hear())
