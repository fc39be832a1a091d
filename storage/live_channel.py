"""The bell: what one hub committed reaches the others at once, or not at all. Nobody's answer depends on it.

One channel a site, one PUBLISH a batch. A listener says when its connection was lost or restored, since what
rang in between is gone: whoever listens reads the log then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec
import redis.asyncio as redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from storage.logins import CurrentLogin, RedisLogin, without_login
from storage.models import SiteChanges

_PREFIX: Final = "attendance:changes:"
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SiteChanges)
_AWAY: Final = (
    RedisError,
    OSError,
    TimeoutError,
    RuntimeError,  # what uvloop raises for a write on a connection that it has closed, and redis-py has not yet noticed
)


class Loss(StrEnum):
    """How a listening connection was lost."""

    CLOSED = "closed"
    SILENT = "silent"
    """Nothing came back, not even what our own ping asks for."""


class _SilentError(RedisConnectionError):
    """No answer to our own ping."""


class LiveChannel:
    """Publishes and hears changes; never raises towards its user for a Redis that is away."""

    def __init__(
        self,
        url: str,
        *,
        on_changes: Callable[[SiteChanges], None],
        on_gap: Callable[[], None],
        on_loss: Callable[[Loss], None] = lambda _: None,
        connect_timeout_seconds: float = 2,
        publish_timeout_seconds: float = 1,
        retry_seconds: float = 0.5,
        health_check_seconds: float = 5,
        login: CurrentLogin = lambda: None,
    ) -> None:
        """`on_gap` is called when the listening begins, each time; `on_loss` when it ends by itself.

        `login` says at each connecting who signs in with what, where it isn't as the URL says.
        """
        self._on_changes = on_changes
        self._on_gap = on_gap
        self._on_loss = on_loss
        self._connect_timeout_seconds = connect_timeout_seconds
        self._retry_seconds = retry_seconds
        self._health_check_seconds = health_check_seconds
        self._publisher = redis.from_url(
            without_login(url),
            credential_provider=RedisLogin(url, login),
            socket_timeout=publish_timeout_seconds,
            socket_connect_timeout=connect_timeout_seconds,
            retry=None,
        )
        # A listening connection waits for as long as nothing rings.
        self._listener = redis.from_url(
            without_login(url),
            credential_provider=RedisLogin(url, login),
            socket_timeout=None,
            socket_connect_timeout=connect_timeout_seconds,
            retry=None,
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
        except _AWAY:
            return False
        return True

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except _AWAY as fault:
                if self.listening:
                    self._on_loss(Loss.SILENT if isinstance(fault, _SilentError) else Loss.CLOSED)
            finally:
                self.listening = False
            await asyncio.sleep(self._retry_seconds)

    async def _hear(self) -> None:
        async with self._listener.pubsub() as subscription:
            # The listener's own reads have no limit: a server that takes connections and says nothing must not hold us.
            async with asyncio.timeout(self._connect_timeout_seconds):
                await subscription.psubscribe(f"{_PREFIX}*")
            probing = False
            while True:
                message = await subscription.get_message(timeout=self._health_check_seconds)
                if message is None:
                    # Own probe: a connection on which nothing comes back, not even our ping, is dead.
                    if probing:
                        raise _SilentError("no answer to a ping")
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
