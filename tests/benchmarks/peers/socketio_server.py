"""The framework that most would take: python-socketio on uvicorn and uvloop, its Redis manager between processes.

    python -m tests.benchmarks.peers.socketio_server PORT REDIS_URL

What changes is emitted by another process to the room that every client is in.
"""

from __future__ import annotations

import sys

import socketio
import uvicorn

ROOM = "site"
EVENT = "presence.changed"


def application(redis_url: str) -> socketio.ASGIApp:
    server = socketio.AsyncServer(
        async_mode="asgi", client_manager=socketio.AsyncRedisManager(redis_url), transports=["websocket"]
    )

    @server.event
    async def connect(sid: str, _environ: object) -> None:
        await server.enter_room(sid, ROOM)

    return socketio.ASGIApp(server)


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        backlog=1_024,
    )
