"""Commands about people, badges, PINs and places: from message to service to reply."""

from __future__ import annotations

from protocol.base import Reply
from protocol.errors import ErrorCode
from protocol.roster import RosterCommand
from server.errors import Refused
from server.hub.connection import Connection


async def handle(_connection: Connection, command: RosterCommand) -> Reply | None:
    """Answer a permitted command of this family."""
    raise Refused(ErrorCode.UNKNOWN_COMMAND, str(command.__struct_config__.tag))
