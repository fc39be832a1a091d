"""One typed sample of everything that is said about terminals."""

from typing import Final
from uuid import UUID

from protocol import devices
from protocol.base import Command, Message
from protocol.devices import DeviceItem
from protocol.values import DeviceStatus, to_binary

SITE: Final = UUID("0190b7a0-0000-7000-8000-000000000001")
DEVICE: Final = UUID("0190b7a0-0000-7000-8000-000000000031")
OTHER_DEVICE: Final = UUID("0190b7a0-0000-7000-8000-000000000032")
KEY: Final = UUID("7f3c1a9e-0000-4000-8000-0000000000c1")
NOON: Final = "2026-11-24T12:00:00.000000Z"
LATER: Final = "2026-11-24T12:00:01.250000Z"
FINGERPRINT: Final = to_binary(bytes(range(32)))

COMMANDS: Final[dict[str, Command]] = {
    "device.invite": devices.DeviceInvite(id=70, request_key=KEY, site_id=SITE, name="Puerta 2"),
    "device.list": devices.DeviceList(
        id=71, limit=20, cursor="cHVlcnRh", site_id=SITE, status=DeviceStatus.ACTIVE, query="puerta"
    ),
    "device.confirm": devices.DeviceConfirm(id=72, request_key=KEY, device_id=DEVICE, fingerprint=FINGERPRINT),
    "device.move": devices.DeviceMove(id=73, request_key=KEY, device_id=DEVICE, site_id=SITE),
    "device.retire": devices.DeviceRetire(id=74, request_key=KEY, device_id=DEVICE, lost_at=NOON),
    "device.revoke": devices.DeviceRevoke(id=75, request_key=KEY, device_id=DEVICE),
    "device.rotate_key": devices.DeviceRotateKey(
        id=76, request_key=KEY, public_key=FINGERPRINT, proof=to_binary(bytes(range(64)))
    ),
}

MESSAGES: Final[dict[str, Message]] = {
    "device.invite.result": devices.DeviceInvited(re=70, pairing_code="7K3M-Q0ZD-4VXR-9H2T", expires_at=LATER),
    "device.list.result": devices.DeviceListResult(
        re=71,
        items=[
            DeviceItem(
                device_id=DEVICE,
                site_id=SITE,
                name="Puerta 2",
                status=DeviceStatus.ACTIVE,
                retired=False,
                fingerprint=FINGERPRINT,
                created_at=NOON,
                confirmed_at=NOON,
                welcomed_at=LATER,
                revoked_at=None,
                forked_at=LATER,
                heard_at=LATER,
                silent=False,
                complete_to=NOON,
                outbox_depth=3,
                oldest_unsent_at=NOON,
                clock_offset_ms=-1_250,
                version="0.1.0",
            ),
            DeviceItem(
                device_id=OTHER_DEVICE,
                site_id=SITE,
                name="Puerta 3",
                status=DeviceStatus.PENDING,
                retired=False,
                fingerprint=FINGERPRINT,
                created_at=NOON,
                confirmed_at=None,
                welcomed_at=None,
                revoked_at=None,
                forked_at=None,
                heard_at=None,
                silent=False,
                complete_to=None,
                outbox_depth=None,
                oldest_unsent_at=None,
                clock_offset_ms=None,
                version=None,
            ),
        ],
        next_cursor="cHVlcnRh",
    ),
    "device.confirm.result": devices.DeviceConfirmed(re=72),
    "device.move.result": devices.DeviceMoved(re=73),
    "device.retire.result": devices.DeviceRetired(re=74),
    "device.revoke.result": devices.DeviceRevoked(re=75),
    "device.rotate_key.result": devices.DeviceKeyRotated(re=76, fingerprint=FINGERPRINT),
}
