"""The bell: what one hub committed reaches the others at once, or not at all. Nobody's answer depends on it.

One channel a site, one PUBLISH a batch. A listener says when its connection was lost or restored, since what
rang in between is gone: whoever listens reads the log then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import redis.asyncio as redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from storage.models import SiteChanges

_PREFIX: Final = "attendance:changes:"
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SiteChanges)


class LiveChannel:
    """Publishes and hears changes; never raises towards its user for a Redis that is away."""

    def __init__(
        self,
        url: str,
        *,
        on_changes: Callable[[SiteChanges], None],
        on_gap: Callable[[], None],
        connect_timeout_seconds: float = 2,
        publish_timeout_seconds: float = 1,
        retry_seconds: float = 0.5,
        health_check_seconds: int = 5,
    ) -> None:
        self._on_changes = on_changes
        self._on_gap = on_gap
        self._retry_seconds = retry_seconds
        self._health_check_seconds = health_check_seconds
        self._publisher = redis.from_url(
            url, socket_timeout=publish_timeout_seconds, socket_connect_timeout=connect_timeout_seconds, retry=None
        )
        # A listening connection waits for as long as nothing rings.
        self._listener = redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=connect_timeout_seconds, retry=None
        )
        self._task: asyncio.Task[None] | None = None
        self.listening = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="live channel")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._listener.aclose()
        await self._publisher.aclose()

    async def publish(self, batches: Sequence[SiteChanges]) -> bool:
        """Ring for each site; False when Redis didn't take it: the others will read the log."""
        try:
            async with self._publisher.pipeline(transaction=False) as pipeline:
                for batch in batches:
                    pipeline.publish(f"{_PREFIX}{batch.site_id}", _ENCODER.encode(batch))
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError, TimeoutError):
                pass
            finally:
                self.listening = False
            await asyncio.sleep(self._retry_seconds)

    async def _hear(self) -> None:
        async with self._listener.pubsub() as subscription:
            await subscription.psubscribe(f"{_PREFIX}*")
            probing = False
            while True:
                message = await subscription.get_message(timeout=self._health_check_seconds)
                if message is None:
                    # Own probe: a connection on which nothing comes back, not even our ping, is dead.
                    if probing:
                        raise RedisConnectionError("no answer to a ping")
                    await subscription.ping()
                    probing = True
                    continue
                probing = False
                match message:
                    case {"type": "psubscribe"}:
                        self.listening = True
                        self._on_gap()
                    case {"type": "pmessage", "data": bytes(data)}:
                        with contextlib.suppress(msgspec.MsgspecError):
                            self._on_changes(_DECODER.decode(data))
                    case _:
                        pass
