"""The floor of a broadcast: a frame made once, sent to every client by picows.

python -m tests.benchmarks.peers.picows_server PORT REDIS_URL CHANNEL PAYLOAD_FILE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from picows import WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from tests.benchmarks.peers.bell import rings


class Client(WSListener):
    def __init__(self, clients: dict[WSTransport, None]) -> None:
        self._clients = clients

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._clients[transport] = None

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._clients.pop(transport, None)


async def serve(port: int, redis_url: str, channel: str, payload: bytes) -> None:
    clients: dict[WSTransport, None] = {}

    def upgrade(_: WSUpgradeRequest) -> WSListener:
        return Client(clients)

    server = await ws_create_server(upgrade, "127.0.0.1", port, backlog=1_024)
    serving = asyncio.create_task(server.serve_forever())
    async for _ in rings(redis_url, channel):
        for client in clients:
            client.send(WSMsgType.TEXT, payload)
    await serving


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]).read_bytes()))
