"""The library that most would take: `websockets`, and its own `broadcast`.

python -m tests.benchmarks.peers.websockets_server PORT REDIS_URL CHANNEL PAYLOAD_FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.benchmarks.peers.bell import rings


async def run(port: int, redis_url: str, channel: str, payload: str) -> None:
    clients: set[ServerConnection] = set()

    async def client(connection: ServerConnection) -> None:
        clients.add(connection)
        try:
            await connection.wait_closed()
        finally:
            clients.discard(connection)

    async with serve(client, "127.0.0.1", port, compression=None, backlog=1_024):
        async for _ in rings(redis_url, channel):
            broadcast(clients, payload)


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]).read_text()))
