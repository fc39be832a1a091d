"""The hub and its peers with boards connected to each, driven in the same way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import redis.asyncio as redis
import socketio

from protocol.codec import encode, join_frame
from protocol.events import PresenceChanged
from protocol.replies import Person
from protocol.values import Status, format_time
from server.secrets.local import utc_now
from tests.benchmarks.arena import Arena, Hub
from tests.benchmarks.other_hub import OtherHub, other_hub
from tests.benchmarks.peers.socketio_server import EVENT, ROOM
from tests.benchmarks.processes import Child
from tests.running_hub import free_port

OURS: Final = "attendance-hub"


@dataclass(frozen=True, slots=True)
class Boards:
    """A server and the client process that holds its boards; `change` moves something and gives when it rang."""

    name: str
    server: Child
    client: Child
    connect: Callable[[int], Awaitable[Any]]
    change: Callable[[], Awaitable[float]]


def sample_change(arena: Arena) -> PresenceChanged:
    """The push that one change at the quiet site makes: what the peers send too."""
    site = arena.company.sites[2]
    person = next(one for one in arena.company.employees if one.site_id == site.site_id)
    return PresenceChanged(
        site_id=site.site_id,
        epoch=site.site_id,
        from_=1_000,
        offset=1_001,
        people=[
            Person(
                employee_id=person.employee_id,
                display_name=person.display_name,
                department_id=person.department_id,
                status=Status.IN,
                since=format_time(utc_now()),
                at_site_id=site.site_id,
            )
        ],
        removed=[],
    )


async def client_of(arena: Arena, name: str, url: str, kind: str) -> Child:
    return await Child.start(
        f"boards-{name}",
        "tests.benchmarks.clients.boards",
        url,
        kind,
        folder=arena.folder,
        cores=arena.cores.load,
    )


@asynccontextmanager
async def hub_boards(arena: Arena, hub: Hub, site_id: UUID, other: OtherHub) -> AsyncIterator[Boards]:
    client = await client_of(arena, OURS, hub.ws_url, "hub")
    token = await arena.token(hub)

    async def connect(count: int) -> object:
        return await client.ask("connect", count=count, token=token, site_ids=[str(site_id)])

    async def change() -> float:
        return await other.change(1)

    try:
        yield Boards(OURS, hub.child, client, connect, change)
    finally:
        await client.stop()


@asynccontextmanager
async def peer_boards(
    arena: Arena, name: str, module: str, kind: str, change: Callable[[], Awaitable[float]], *arguments: str
) -> AsyncIterator[Boards]:
    port = free_port()
    server = await Child.start(
        name, module, str(port), arena.valkey.url, *arguments, folder=arena.folder, cores=arena.cores.server
    )
    path = "socket.io/?EIO=4&transport=websocket" if kind == "socketio" else ""
    client = await client_of(arena, name, f"ws://127.0.0.1:{port}/{path}", kind)

    async def connect(count: int) -> object:
        return await client.ask("connect", count=count)

    try:
        await server.listens(port)
        yield Boards(name, server, client, connect, change)
    finally:
        await client.stop()
        await server.stop()


@asynccontextmanager
async def everyone(arena: Arena) -> AsyncIterator[list[Boards]]:
    """The hub, then its peers, all up and without a board yet."""
    push = sample_change(arena)
    payload = arena.folder / "payload.json"
    payload.write_bytes(join_frame([encode(push)]))
    async with AsyncExitStack() as stack:
        bell = await stack.enter_async_context(redis.from_url(arena.valkey.url))
        manager = socketio.AsyncRedisManager(arena.valkey.url, write_only=True)
        event = json.loads(encode(push))

        async def ring(channel: str) -> float:
            rang = time.monotonic()
            await bell.publish(channel, b"1")
            return rang

        async def emit() -> float:
            rang = time.monotonic()
            await manager.emit(EVENT, event, room=ROOM, namespace="/")
            return rang

        hub = await stack.enter_async_context(arena.hub("hub", pinned=True))
        other = await stack.enter_async_context(other_hub(arena, arena.quiet_site))
        ours = await stack.enter_async_context(hub_boards(arena, hub, arena.quiet_site, other))
        package = "tests.benchmarks.peers"
        peers = [
            await stack.enter_async_context(peer_boards(arena, name, f"{package}.{module}", kind, change, *arguments))
            for name, module, kind, change, arguments in (
                ("picows, prebuilt frame", "picows_server", "plain", partial(ring, "picows"), ("picows", str(payload))),
                (
                    "websockets.broadcast",
                    "websockets_server",
                    "plain",
                    partial(ring, "websockets"),
                    ("websockets", str(payload)),
                ),
                ("python-socketio", "socketio_server", "socketio", emit, ()),
            )
        ]
        await asyncio.sleep(1)  # until the peers listen to Redis
        yield [ours, *peers]
