"""A terminal's first steps: an invitation, its own key, and what a hub says to both."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.connection import Connection
from tests.contract.demo_file import DeviceKey
from tests.contract.primitives import Message, b64, uuid7


def public_key(private_key: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def fingerprint(private_key: bytes) -> str:
    return b64(hashlib.sha256(public_key(private_key)).digest())


def new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes_raw()


@dataclass(frozen=True)
class Said:
    status: int
    body: Message
    headers: dict[str, str]


async def enrol(url: str, body: object, *, address: str = "127.0.0.1", **headers: str) -> Said:
    """`POST /api/devices/enrol` from an address of this machine."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(f"{url}/api/devices/enrol", json=body, headers=headers) as answer,
    ):
        said: Any = await answer.json(content_type=None)
        return Said(answer.status, said, dict(answer.headers))


async def invite(admin: Connection, site_id: str, name: str = "Puerta nueva") -> str:
    answer = await admin.result("device.invite", request_key=uuid7(), site_id=site_id, name=name)
    return str(answer["pairing_code"])


def brought(code: str, private_key: bytes, **fields: object) -> Message:
    return {"pairing_code": code, "public_key": b64(public_key(private_key)), **fields}


async def a_pending_device(admin: Connection, url: str, site_id: str, name: str = "Puerta nueva") -> DeviceKey:
    """A new terminal that waits to be confirmed."""
    key = new_key()
    said = await enrol(url, brought(await invite(admin, site_id, name), key))
    assert said.status == 200, said
    return DeviceKey(said.body["device_id"], site_id, key, spare=False)


async def confirm(admin: Connection, device: DeviceKey) -> None:
    await admin.result(
        "device.confirm",
        request_key=uuid7(),
        device_id=device.device_id,
        fingerprint=fingerprint(device.private_key),
    )


async def retire(admin: Connection, device: DeviceKey, **fields: object) -> None:
    """Boards wait for a terminal that was once welcomed as active: whoever made one takes it away again."""
    await admin.result("device.retire", request_key=uuid7(), device_id=device.device_id, **fields)


@asynccontextmanager
async def an_active_device(
    admin: Connection, url: str, site_id: str, name: str = "Puerta nueva"
) -> AsyncIterator[DeviceKey]:
    """A new terminal that works, until the end of the block."""
    device = await a_pending_device(admin, url, site_id, name)
    await confirm(admin, device)
    try:
        yield device
    finally:
        await retire(admin, device)


def with_key(device: DeviceKey, private_key: bytes) -> DeviceKey:
    return replace(device, private_key=private_key)


async def listed(admin: Connection, device: DeviceKey) -> Message:
    """The device's item of `device.list`."""
    page = await admin.result("device.list", limit=500)
    return next(item for item in page["items"] if item["device_id"] == device.device_id)
