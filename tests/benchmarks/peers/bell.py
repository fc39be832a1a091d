"""What the peers hear of a change: a message on a Redis channel, as a hub hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import redis.asyncio as redis


async def rings(url: str, channel: str) -> AsyncIterator[bytes]:
    async with redis.from_url(url).pubsub() as subscription:
        await subscription.subscribe(channel)
        async for message in subscription.listen():
            if message["type"] == "message":
                yield message["data"]
