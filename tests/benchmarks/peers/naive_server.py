"""The design that most would begin with: FastAPI on uvicorn and uvloop, pydantic, a tuned asyncpg pool.

    python -m tests.benchmarks.peers.naive_server PORT REDIS_URL DSN

One INSERT and one publish a message over WebSocket, answered after commit, as durable as the hub's. It checks no
signature, opens no seal, judges nothing and keeps no board.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg
import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field

POOL: Final = 20
"""10, 20 and 40 connections differed by less than the machine's noise."""
SCHEMA: Final = """
CREATE TABLE punches (
    punch_id    uuid PRIMARY KEY,
    device_id   uuid NOT NULL,
    badge       text NOT NULL,
    kind        text NOT NULL,
    device_time timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT: Final = """
INSERT INTO punches (punch_id, device_id, badge, kind, device_time) VALUES ($1, $2, $3, $4, $5) RETURNING recorded_at
"""


class Punch(BaseModel):
    id: int
    punch_id: UUID
    device_id: UUID
    badge: str = Field(max_length=64)
    kind: Literal["auto", "in", "out", "break_start", "break_end"]
    device_time: datetime


def application(redis_url: str, dsn: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL) as pool, redis.from_url(redis_url) as bell:
            app.state.pool, app.state.bell = pool, bell
            yield

    app = FastAPI(lifespan=lifespan)

    @app.websocket("/ws")
    async def kiosk(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                punch = Punch.model_validate_json(await socket.receive_text())
                async with app.state.pool.acquire() as connection:
                    recorded_at = await connection.fetchval(
                        INSERT, punch.punch_id, punch.device_id, punch.badge, punch.kind, punch.device_time
                    )
                await app.state.bell.publish("naive:punches", punch.model_dump_json())
                await socket.send_json({"re": punch.id, "ok": True, "recorded_at": recorded_at.isoformat()})
        except WebSocketDisconnect:
            pass

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2], sys.argv[3]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        log_level="warning",
        ws_per_message_deflate=False,
        backlog=1_024,
    )
