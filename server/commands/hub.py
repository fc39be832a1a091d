"""Commands about the connection and the hub itself."""

from __future__ import annotations

from collections.abc import Callable

from protocol.commands import AuthRefresh, HubStatus
from protocol.errors import ErrorCode
from protocol.replies import AuthRefreshed, HubStatusResult
from protocol.values import format_time
from server.errors import Refused
from server.hub.caller import Someone
from server.hub.connection import Connection
from storage.errors import StorageError


async def refresh(connection: Connection, command: AuthRefresh) -> AuthRefreshed:
    """Stay connected with a newer token of the same session."""
    caller = connection.caller
    principal = await connection.context.accounts.authenticate(command.token)
    if not isinstance(caller, Someone) or principal.session.session_id != caller.session.session_id:
        raise Refused(ErrorCode.UNAUTHENTICATED, "another session's token")
    connection.renew(Someone(principal.session, principal.expires_at))
    return AuthRefreshed(re=command.id, expires_at=format_time(principal.expires_at))


class Status:
    """`hub.status`; `connections` counts those that are welcomed, by role."""

    def __init__(self, connections: Callable[[], dict[str, int]]) -> None:
        self._connections = connections

    async def __call__(self, connection: Connection, command: HubStatus) -> HubStatusResult:
        context = connection.context
        try:
            async with context.database.connection() as database:
                await database.fetchval("SELECT 1")
            postgres = "ok"
        except StorageError:
            postgres = "unavailable"
        return HubStatusResult(
            re=command.id,
            hub_id=context.hub_id,
            version=context.version,
            started_at=format_time(context.started_at),
            connections=self._connections(),
            ingest_depth=context.ingest.depth,
            postgres=postgres,
            redis="ok" if context.live_channel.listening else "unavailable",
            secrets=await context.secrets.state(),
            draining=context.draining,
        )
