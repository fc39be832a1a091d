"""Enrolling at a hub by a pairing code, over HTTP: what can go wrong, in one closed set that screens have words for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.link.client import http_url
from kiosk.settings import Settings
from protocol.pairing import NotAPairingCode, read_code
from protocol.signing import fingerprint
from protocol.values import DeviceStatus, to_binary

_MAX_ANSWER_BYTES: Final = 65_536


class PairingTrouble(StrEnum):
    """Why a terminal wasn't enrolled."""

    NOT_A_CODE = "not_a_code"
    """What was typed can be no pairing code; nothing was sent."""
    CODE_REFUSED = "code_refused"
    """The hub doesn't take the code: mistyped, used or expired."""
    KEY_KNOWN = "key_known"
    """This terminal's key is known to the hub already."""
    TOO_MANY = "too_many"
    """Too many attempts; again later."""
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    """The hub's certificate is not accepted."""
    NOT_A_HUB = "not_a_hub"
    """Something else answers at the hub's address."""
    HUB_BUSY = "hub_busy"
    """The hub can't do it just now."""
    NOT_KEPT = "not_kept"
    """This terminal's folder can't be written."""
    ALREADY_PAIRED = "already_paired"


class PairingFailed(Exception):
    """`detail` is a plain English line for a technician; it holds no code."""

    def __init__(self, trouble: PairingTrouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail


class _Answer(msgspec.Struct, frozen=True):
    device_id: UUID
    fingerprint: str
    status: DeviceStatus


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    field: str = ""


def check_code(typed: str) -> str:
    """The code that was typed, pasted or scanned. Raises PairingFailed."""
    try:
        return read_code(typed)
    except NotAPairingCode as fault:
        raise PairingFailed(PairingTrouble.NOT_A_CODE, str(fault)) from None


async def enrol(hub_url: str, code: str, key: Ed25519PrivateKey, *, name: str | None, settings: Settings) -> UUID:
    """Bring a key to the hub by a good code; the device id that it got. Raises PairingFailed.

    Sent again after a lost answer, the same code and key get the same answer.
    """
    body = {"pairing_code": code, "public_key": to_binary(key.public_key().public_bytes_raw()), "name": name}
    status, text = await _post(http_url(hub_url, "/api/devices/enrol"), body, settings)
    if status != 200:
        raise _refusal(status, text)
    try:
        answer = msgspec.json.decode(text, type=_Answer)
    except msgspec.MsgspecError:
        raise PairingFailed(PairingTrouble.NOT_A_HUB, "the answer is not a hub's") from None
    if answer.fingerprint != fingerprint(key.public_key()):
        raise PairingFailed(PairingTrouble.NOT_A_HUB, "the hub names another key's fingerprint")
    return answer.device_id


async def _post(url: str, body: Mapping[str, str | None], settings: Settings) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=settings.http_timeout_seconds, sock_connect=settings.connect_timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(url, json=body, allow_redirects=False) as answer,
        ):
            taken = bytearray()
            async for chunk in answer.content.iter_any():
                taken += chunk
                if len(taken) > _MAX_ANSWER_BYTES:
                    raise PairingFailed(PairingTrouble.NOT_A_HUB, "the answer is longer than a hub's")
            return answer.status, bytes(taken)
    except TimeoutError:
        raise PairingFailed(PairingTrouble.UNREACHABLE, "no answer in time") from None
    except aiohttp.ClientSSLError:
        raise PairingFailed(PairingTrouble.CERTIFICATE, "the hub's certificate is not accepted") from None
    except aiohttp.ClientConnectorError as fault:
        reason = fault.os_error.strerror or "no connection"
        raise PairingFailed(PairingTrouble.UNREACHABLE, f"{fault.host}:{fault.port}: {reason}") from None
    except (aiohttp.ClientError, OSError) as fault:
        raise PairingFailed(PairingTrouble.UNREACHABLE, type(fault).__name__) from None


def _refusal(status: int, text: bytes) -> PairingFailed:
    try:
        problem = msgspec.json.decode(text, type=_Problem)
    except msgspec.MsgspecError:
        return PairingFailed(PairingTrouble.NOT_A_HUB, f"HTTP {status}")
    match problem.code, problem.field:
        case "invalid", "pairing_code":
            return PairingFailed(PairingTrouble.CODE_REFUSED, "the hub doesn't take this code")
        case "conflict", "public_key":
            return PairingFailed(PairingTrouble.KEY_KNOWN, "the hub knows this terminal's key already")
        case ("rate_limited", _) | ("too_many_requests", _):
            return PairingFailed(PairingTrouble.TOO_MANY, "too many attempts")
        case ("unavailable" | "overloaded" | "internal" | "service_unavailable", _):
            return PairingFailed(PairingTrouble.HUB_BUSY, f"HTTP {status}")
        case _:
            return PairingFailed(PairingTrouble.NOT_A_HUB, f"HTTP {status}")
