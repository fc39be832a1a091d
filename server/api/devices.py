"""Where a new terminal brings its key, by the pairing code that it was given."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta, Struct

from protocol.errors import ErrorCode
from protocol.replies import SealingKey
from protocol.signing import raw_fingerprint
from protocol.values import Binary, DeviceStatus, Id, Name, from_binary
from server import keys
from server.api.requests import check_origin, client_address, read_json
from server.errors import Refused
from server.services.pairing import Enrolment

_KEY_BYTES: Final = 32


class EnrolRequest(Struct, frozen=True, kw_only=True):
    """`name` is what the terminal calls itself: the audit keeps it, the invitation's name is the one that counts."""

    pairing_code: Annotated[str, Meta(max_length=200)]
    public_key: Binary
    name: Name | None = None


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    device_id: Id
    fingerprint: str
    status: DeviceStatus
    sealing_keys: list[SealingKey]


async def enrol(request: web.Request) -> web.StreamResponse:
    """POST /api/devices/enrol"""
    settings = request.app[keys.SETTINGS]
    check_origin(request, settings)
    asked = await read_json(request, EnrolRequest, settings)
    try:
        public_key = from_binary(asked.public_key, length=_KEY_BYTES)
    except ValueError:
        raise Refused(ErrorCode.INVALID, "not 32 bytes", details={"field": "public_key"}) from None
    enrolled = await request.app[keys.HUB].pairing.enrol(
        Enrolment(
            pairing_code=asked.pairing_code,
            public_key=public_key,
            called=asked.name,
            address=client_address(request, settings.trusted_proxies),
        )
    )
    answer = EnrolAnswer(
        device_id=enrolled.device.device_id,
        fingerprint=raw_fingerprint(enrolled.device.public_key),
        status=enrolled.device.status,
        sealing_keys=list(enrolled.sealing_keys),
    )
    return web.Response(
        body=msgspec.json.encode(answer), content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
