"""Terminals: how one is invited, confirmed, moved and sent away, and how it changes its own key."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from protocol.base import PageCommand, Reply, WriteCommand
from protocol.values import Binary, DeviceStatus, Id, Name, SearchText, Time, check_digest, check_kept_time

Fingerprint = Annotated[str, Meta(max_length=43)]
"""base64url SHA-256 of a terminal's raw public key."""


class DeviceInvite(WriteCommand, tag="device.invite", kw_only=True, frozen=True):
    """A pairing code for one new terminal of a site; good once, for minutes."""

    site_id: Id
    name: Name


class DeviceList(PageCommand, tag="device.list", kw_only=True, frozen=True):
    """Terminals by name; `query` finds words of it, whatever their case and accents."""

    site_id: Id | None = None
    status: DeviceStatus | None = None
    query: SearchText | None = None


class DeviceConfirm(WriteCommand, tag="device.confirm", kw_only=True, frozen=True):
    """Let a pending terminal work: the fingerprint is the one that its own screen shows."""

    device_id: Id
    fingerprint: Fingerprint


class DeviceMove(WriteCommand, tag="device.move", kw_only=True, frozen=True):
    """To another site: what comes from it from now on counts there, also what it had kept by then."""

    device_id: Id
    site_id: Id


class DeviceRetire(WriteCommand, tag="device.retire", kw_only=True, frozen=True):
    """Out of use, and no longer waited for. What it signed from `lost_at` (null: now) on isn't recorded."""

    device_id: Id
    lost_at: Time | None = None

    def __post_init__(self) -> None:
        check_kept_time("lost_at", self.lost_at)


class DeviceRevoke(WriteCommand, tag="device.revoke", kw_only=True, frozen=True):
    """Closed within seconds on every hub; what it signs later is kept as refused."""

    device_id: Id


class DeviceRotateKey(WriteCommand, tag="device.rotate_key", kw_only=True, frozen=True):
    """A kiosk's own new Ed25519 key.

    `proof` is the new key's signature of `attendance.v1|key|<device_id>|<public_key>`. Sent again after a lost answer
    it is answered again. What the key before it signed is still taken.
    """

    public_key: Binary
    proof: Binary

    def __post_init__(self) -> None:
        check_digest("public_key", self.public_key)


DeviceCommand = DeviceInvite | DeviceList | DeviceConfirm | DeviceMove | DeviceRetire | DeviceRevoke | DeviceRotateKey


class DeviceInvited(Reply, tag="device.invite.result", kw_only=True, frozen=True):
    shown_once: ClassVar[tuple[str, ...]] = ("pairing_code",)

    pairing_code: str | None
    expires_at: Time


class DeviceItem(Struct, kw_only=True, frozen=True):
    """A terminal, and what it last said of itself; `clock_offset_ms` is its wall clock less the hub's."""

    device_id: Id
    site_id: Id
    name: str
    status: DeviceStatus
    retired: bool
    fingerprint: str
    created_at: Time
    confirmed_at: Time | None
    welcomed_at: Time | None
    revoked_at: Time | None
    forked_at: Time | None
    heard_at: Time | None
    silent: bool
    complete_to: Time | None
    outbox_depth: int | None
    oldest_unsent_at: Time | None
    clock_offset_ms: int | None
    version: str | None


class DeviceListResult(Reply, tag="device.list.result", kw_only=True, frozen=True):
    items: list[DeviceItem]
    next_cursor: str | None


class DeviceConfirmed(Reply, tag="device.confirm.result", kw_only=True, frozen=True):
    pass


class DeviceMoved(Reply, tag="device.move.result", kw_only=True, frozen=True):
    pass


class DeviceRetired(Reply, tag="device.retire.result", kw_only=True, frozen=True):
    pass


class DeviceRevoked(Reply, tag="device.revoke.result", kw_only=True, frozen=True):
    pass


class DeviceKeyRotated(Reply, tag="device.rotate_key.result", kw_only=True, frozen=True):
    fingerprint: str


DeviceReply = (
    DeviceInvited | DeviceListResult | DeviceConfirmed | DeviceMoved | DeviceRetired | DeviceRevoked | DeviceKeyRotated
)
