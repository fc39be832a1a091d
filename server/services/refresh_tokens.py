"""Refresh tokens: base64url(family ‖ generation ‖ HMAC). Nothing of one is stored; it is made anew when needed."""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple
from uuid import UUID

from protocol.values import from_binary, to_binary
from server.secrets.provider import SecretsProvider

_MAC_BYTES: Final = 32
_TOKEN_BYTES: Final = 16 + 8 + _MAC_BYTES
_MAX_GENERATION: Final = 2**63 - 1


class RefreshToken(NamedTuple):
    """What a token of ours says."""

    family_id: UUID
    generation: int


def make_refresh_token(secrets: SecretsProvider, family_id: UUID, generation: int) -> str:
    body = family_id.bytes + generation.to_bytes(8, "big")
    return to_binary(body + secrets.refresh_mac(body))


def read_refresh_token(secrets: SecretsProvider, token: str) -> RefreshToken | None:
    """None for one that this hub's keys didn't make; whether its family lives is another question."""
    try:
        data = from_binary(token, length=_TOKEN_BYTES)
    except ValueError:
        return None
    body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, secrets.refresh_mac(body)):
        return None
    generation = int.from_bytes(body[16:], "big")
    return RefreshToken(UUID(bytes=body[:16]), generation) if generation < _MAX_GENERATION else None
