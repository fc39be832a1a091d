"""Commands about terminals: from message to service to reply."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from protocol.base import Reply
from protocol.devices import (
    DeviceCommand,
    DeviceConfirm,
    DeviceInvite,
    DeviceItem,
    DeviceKeyRotated,
    DeviceList,
    DeviceListResult,
    DeviceMove,
    DeviceRetire,
    DeviceRevoke,
    DeviceRotateKey,
)
from protocol.errors import ErrorCode
from protocol.signing import raw_fingerprint
from protocol.values import format_time, from_binary
from server.commands.actor import actor_of
from server.commands.cursors import make_cursor, read_cursor
from server.errors import Refused
from server.hub.caller import Kiosk
from server.hub.connection import Connection
from server.services.fleet import Position
from storage.repositories.fleet import ListedDevice


async def handle(connection: Connection, command: DeviceCommand) -> Reply:
    """Answer a permitted command of this family."""
    actor, context = actor_of(connection, command), connection.context
    match command:
        case DeviceInvite():
            return await context.pairing.invite(actor, command)
        case DeviceList():
            return await list_devices(connection, command)
        case DeviceConfirm():
            return await context.fleet.confirm(actor, command)
        case DeviceMove():
            return await context.fleet.move(actor, command)
        case DeviceRetire():
            return await context.fleet.retire(actor, command)
        case DeviceRevoke():
            return await context.fleet.revoke(actor, command)
        case DeviceRotateKey():
            return await rotate_key(connection, command)
        case _:
            assert_never(command)


async def list_devices(connection: Connection, command: DeviceList) -> DeviceListResult:
    """Terminals in scope by name, a page at a time."""
    context = connection.context
    after: Position | None = None
    if command.cursor is not None:
        after = read_cursor(context.secrets, "device", command.cursor, Position)
    page = await context.fleet.page(
        connection.caller.scope,
        site_id=command.site_id,
        status=command.status,
        query=command.query,
        after=after,
        limit=command.limit,
    )
    return DeviceListResult(
        re=command.id,
        items=[_item(device, silent=context.fleet.is_silent(device)) for device in page.devices],
        next_cursor=None if page.end is None else make_cursor(context.secrets, "device", page.end),
    )


async def rotate_key(connection: Connection, command: DeviceRotateKey) -> DeviceKeyRotated:
    """A kiosk's own new key, which counts on this connection at once."""
    kiosk = connection.caller
    if not isinstance(kiosk, Kiosk):
        raise Refused(ErrorCode.FORBIDDEN, "not a kiosk")
    answer = await connection.context.fleet.rotate_key(
        actor_of(connection, command), kiosk.device_id, command, signed_in_by=kiosk.public_key
    )
    kiosk.take_key(from_binary(command.public_key))
    return answer


def _item(device: ListedDevice, *, silent: bool) -> DeviceItem:
    return DeviceItem(
        device_id=device.device_id,
        site_id=device.site_id,
        name=device.name,
        status=device.status,
        retired=device.retired,
        fingerprint=raw_fingerprint(device.public_key),
        created_at=format_time(device.created_at),
        confirmed_at=_time(device.confirmed_at),
        welcomed_at=_time(device.welcomed_at),
        revoked_at=_time(device.revoked_at),
        forked_at=_time(device.forked_at),
        heard_at=_time(device.heard_at),
        silent=silent,
        complete_to=_time(device.complete_to),
        outbox_depth=device.outbox_depth,
        oldest_unsent_at=_time(device.oldest_unsent_at),
        clock_offset_ms=device.clock_offset_ms,
        version=device.version,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
