"""Pairing codes by their keyed hash: each lets one terminal in, once, until it expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.postgres import Connection

ADD_INVITATION = """
INSERT INTO device_invitations (code_hash, site_id, name, invited_by, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(mins => $5)) RETURNING expires_at
"""


async def add_invitation(
    connection: Connection, code_hash: bytes, *, site_id: UUID, name: str, invited_by: UUID, minutes: int
) -> datetime:
    """Let whoever has the code enrol; until when."""
    expires_at: datetime = await connection.fetchval(ADD_INVITATION, code_hash, site_id, name, invited_by, minutes)
    return expires_at


@dataclass(frozen=True, slots=True)
class Invitation:
    """`device_id` is the terminal that used it, if one did."""

    invitation_id: UUID
    site_id: UUID
    name: str
    expired: bool
    device_id: UUID | None


LOCK_INVITATION = """
SELECT invitation_id, site_id, name, expires_at <= clock_timestamp() AS expired, device_id
FROM device_invitations WHERE code_hash = $1 FOR UPDATE
"""


async def lock_invitation(connection: Connection, code_hash: bytes) -> Invitation | None:
    """The invitation of a code, which nobody else can use until this transaction ends."""
    row = await connection.fetchrow(LOCK_INVITATION, code_hash)
    return None if row is None else Invitation(**row)


ADD_PENDING_DEVICE = """
WITH device AS (
    INSERT INTO devices (site_id, name, public_key, status) VALUES ($2, $3, $4, 'pending') RETURNING device_id
)
UPDATE device_invitations SET used_at = clock_timestamp(), device_id = device.device_id
FROM device WHERE invitation_id = $1 RETURNING device.device_id
"""


async def use_invitation(connection: Connection, invitation: Invitation, public_key: bytes) -> UUID:
    """Add the terminal that came by an invitation, which is used up by it; the terminal's id."""
    device_id: UUID = await connection.fetchval(
        ADD_PENDING_DEVICE, invitation.invitation_id, invitation.site_id, invitation.name, public_key
    )
    return device_id


KEY_IS_KNOWN = """
SELECT EXISTS (SELECT FROM devices WHERE public_key = $1)
    OR EXISTS (SELECT FROM device_former_keys WHERE public_key = $1)
"""


async def key_is_known(connection: Connection, public_key: bytes) -> bool:
    """Whether some terminal has or had this key."""
    return bool(await connection.fetchval(KEY_IS_KNOWN, public_key))
