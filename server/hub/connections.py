"""All live connections of a hub: what happens to them from outside (revocation, heads, the hub's end)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from protocol.errors import CloseCode
from server.hub.caller import Kiosk, Someone
from server.hub.connection import Connection
from server.hub.context import HubContext
from server.hub.heartbeat import Heartbeat
from server.secrets.provider import SecretsError
from storage.errors import StorageError

_log = structlog.get_logger()


class Connections:
    def __init__(self, context: HubContext) -> None:
        self._context = context
        self._live: dict[Connection, None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._none_left = asyncio.Event()
        self._heartbeat = Heartbeat(
            interval_seconds=context.settings.ping_interval_seconds,
            timeout_seconds=context.settings.pong_timeout_seconds,
        )
        self._epoch = context.boards.epoch

    def start(self) -> None:
        settings = self._context.settings
        self._heartbeat.start()
        self._tasks = [
            asyncio.create_task(self._every(settings.head_interval_seconds, self._heads), name="heads due"),
            asyncio.create_task(
                self._every(settings.account_check_interval_ms / 1_000, self._follow_people), name="follow people"
            ),
            asyncio.create_task(
                self._every(settings.account_check_interval_ms / 1_000, self._follow_devices), name="follow devices"
            ),
        ]

    async def stop(self) -> None:
        self._heartbeat.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def serve(self, connection: Connection) -> None:
        """Run a connection as one of the live ones."""
        self._live[connection] = None
        self._context.crowd.enter(connection)
        self._heartbeat.add(connection)
        self._none_left.clear()
        try:
            await connection.run()
        finally:
            del self._live[connection]
            self._context.crowd.leave(connection, connection.subject)
            self._heartbeat.remove(connection)
            if not self._live:
                self._none_left.set()

    async def drain(self, seconds: float) -> None:
        """Send everyone away with 3001 and wait for them to go."""
        await self._send_away(list(self._live), CloseCode.DRAINING)
        if self._live:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none_left.wait()

    async def _send_away(self, leaving: list[Connection], code: CloseCode) -> None:
        """Close in batches, in random order and with jitter: between two the loop and the other hubs get air."""
        settings = self._context.settings
        random.shuffle(leaving)
        for start in range(0, len(leaving), settings.drain_batch_connections):
            for connection in leaving[start : start + settings.drain_batch_connections]:
                connection.end(code)
            await asyncio.sleep(settings.drain_pause_ms / 1_000 * random.uniform(0.5, 1.5))  # noqa: S311 - jitter

    def by_role(self) -> dict[str, int]:
        """How many are welcomed, by role."""
        counts: dict[str, int] = {}
        for connection in self._live:
            if connection.is_welcomed:
                role = str(connection.caller.role)
                counts[role] = counts.get(role, 0) + 1
        return counts

    async def _heads(self) -> None:
        self._context.switchboard.tick()

    async def _follow_people(self) -> None:
        """Within seconds of a revocation on any hub, its connections here are closed or see less."""
        people = [
            (connection, connection.caller.session.session_id)
            for connection in self._live
            if connection.is_welcomed and isinstance(connection.caller, Someone)
        ]
        await self._follow(people)

    async def _follow(self, people: list[tuple[Connection, UUID]]) -> None:
        sessions = await self._context.accounts.revalidate({session_id for _, session_id in people})
        for connection, session_id in people:
            connection.follow_session(sessions.get(session_id))

    async def follow_account(self, account_id: UUID, *, but: Connection | None = None) -> None:
        """Make the connections of an account, or all but one, what it is now. Other hubs do so within seconds."""
        try:
            await self._follow(
                [
                    (connection, caller.session.session_id)
                    for connection in self._live
                    if connection is not but
                    and connection.is_welcomed
                    and isinstance(caller := connection.caller, Someone)
                    and caller.session.account_id == account_id
                ]
            )
        except (StorageError, SecretsError) as error:
            # What was done is done; the next look every few seconds makes good for this one.
            _log.warning("connections could not be looked after", fault=type(error).__name__)

    async def _follow_devices(self) -> None:
        if (epoch := self._context.boards.epoch) != self._epoch:
            # The database was restored or failed over: kiosks hand in again what it lacks, from their welcome on.
            self._epoch = epoch
            await self._send_away([one for one in self._live if one.is_kiosk], CloseCode.RESYNC)
            return
        kiosks: dict[UUID, list[tuple[Connection, Kiosk]]] = {}
        for connection in self._live:
            if connection.is_welcomed and isinstance(caller := connection.caller, Kiosk):
                kiosks.setdefault(caller.device_id, []).append((connection, caller))
        for device in await self._context.kiosks.find_all(list(kiosks)) if kiosks else []:
            for connection, kiosk in kiosks[device.device_id]:
                if kiosk.public_key != device.public_key:
                    # Signed in by a key that it has changed since, on another connection: let it show the new one.
                    connection.end(CloseCode.RESYNC)
                elif self._context.kiosks.is_news(device, kiosk.state):
                    connection.follow_device(await self._context.kiosks.state(device))
                    await self._context.kiosks.welcomed(device.device_id)

    @staticmethod
    async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except (StorageError, SecretsError) as error:
                _log.warning("connections could not be looked after", fault=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a revocation must reach its connections after any bug
                _log.error("looking after connections failed", exc_info=error)
