"""Commands about accounts, sessions, second factors and the audit: from message to service to reply."""

from __future__ import annotations

from protocol.accounts import AccountCommand
from protocol.base import Reply
from protocol.errors import ErrorCode
from server.errors import Refused
from server.hub.connection import Connection


async def handle(_connection: Connection, command: AccountCommand) -> Reply | None:
    """Answer a permitted command of this family."""
    raise Refused(ErrorCode.UNKNOWN_COMMAND, str(command.__struct_config__.tag))
