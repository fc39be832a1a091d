"""Who acts, for the services behind commands."""

from __future__ import annotations

from protocol.base import Command
from server.hub.caller import Kiosk, Someone
from server.hub.connection import Connection
from server.services.acts import Actor


def actor_of(connection: Connection, command: Command) -> Actor:
    """The caller of this command as audits name it."""
    caller = connection.caller
    request_id = f"{connection.connection_id}/{command.id}"
    match caller:
        case Someone(session=session):
            return Actor(
                name=f"account:{session.account_id}",
                scope=session.scope,
                role=session.role,
                account_id=session.account_id,
                session_id=session.session_id,
                address=connection.address,
                request_id=request_id,
            )
        case Kiosk(device_id=device_id, scope=scope):
            return Actor(name=f"device:{device_id}", scope=scope, address=connection.address, request_id=request_id)
