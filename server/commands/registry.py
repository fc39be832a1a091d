"""Which function answers which command."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from protocol import commands
from protocol.accounts import AccountCommand
from protocol.base import Command, Reply
from protocol.commands import AnyCommand
from protocol.devices import DeviceCommand
from protocol.errors import ErrorCode
from protocol.roster import RosterCommand
from server.commands import accounts, devices, hub, people, presence, punches, record, roster
from server.errors import Refused
from server.hub.connection import Connection


class Commands:
    """The dispatcher; a command that nobody answers doesn't type-check."""

    def __init__(self, connections: Callable[[], dict[str, int]]) -> None:
        self._status = hub.Status(connections)

    async def handle(self, connection: Connection, command: Command) -> Reply | None:
        """Answer a permitted command; None where the answer is sent by other means."""
        if not isinstance(command, AnyCommand):
            raise TypeError(f"{type(command).__name__} is no command of this protocol")
        return await self._handle(connection, command)

    async def _handle(self, connection: Connection, command: AnyCommand) -> Reply | None:  # noqa: C901, PLR0911, PLR0912 - one line a command
        match command:
            case commands.PunchRecord():
                await punches.record(connection, command)
                return None
            case commands.TimeSync():
                return await punches.sync(connection, command)
            case commands.DeviceReport():
                return await punches.report(connection, command)
            case commands.PresenceWatch():
                await presence.watch(connection, command)
                return None
            case commands.PresenceUnwatch():
                return await presence.unwatch(connection, command)
            case commands.PresenceHistory():
                return await presence.history(connection, command)
            case commands.RollcallGet():
                return await presence.rollcall(connection, command)
            case commands.EmployeeList():
                return await people.list_employees(connection, command)
            case commands.EmployeeGet():
                return await people.get_employee(connection, command)
            case commands.DepartmentList():
                return await people.list_departments(connection, command)
            case commands.PunchList():
                return await record.list_punches(connection, command)
            case commands.HubStatus():
                return await self._status(connection, command)
            case _ if isinstance(command, RosterCommand):
                return await roster.handle(connection, command)
            case _ if isinstance(command, DeviceCommand):
                return await devices.handle(connection, command)
            case _ if isinstance(command, AccountCommand):
                return await accounts.handle(connection, command)
            case commands.AuthRefresh():
                return await hub.refresh(connection, command)
            case commands.Auth():
                raise Refused(ErrorCode.INVALID, "a second auth", details={"field": "type"})
            case _:
                assert_never(command)
