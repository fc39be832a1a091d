"""Commands about terminals: from message to service to reply."""

from __future__ import annotations

from protocol.base import Reply
from protocol.devices import DeviceCommand
from protocol.errors import ErrorCode
from server.errors import Refused
from server.hub.connection import Connection


async def handle(_connection: Connection, command: DeviceCommand) -> Reply | None:
    """Answer a permitted command of this family."""
    raise Refused(ErrorCode.UNKNOWN_COMMAND, str(command.__struct_config__.tag))
