"""Cursors of listings: where a page ended, sealed against invention."""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec

from protocol.errors import Invalid
from protocol.values import from_binary, to_binary
from server.secrets.provider import SecretsProvider

_MAC_BYTES: Final = 16


def make_cursor(secrets: SecretsProvider, listing: str, position: tuple[Any, ...]) -> str:
    """A cursor of `listing` behind the item at `position` (values that JSON can hold)."""
    body = msgspec.json.encode([listing, *position])
    return to_binary(secrets.keyed_hash("cursor", body)[:_MAC_BYTES] + body)


def read_cursor(secrets: SecretsProvider, listing: str, cursor: str, kind: object) -> Any:  # noqa: ANN401 - `kind`
    """The position of a cursor as a `kind` (a tuple type); raises Invalid for one that isn't ours."""
    try:
        data = from_binary(cursor)
        mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
        if not hmac.compare_digest(mac, secrets.keyed_hash("cursor", body)[:_MAC_BYTES]):
            raise ValueError
        named, *position = msgspec.json.decode(body, type=list[Any])
        if named != listing:
            raise ValueError
        return msgspec.convert(position, kind)
    except (ValueError, msgspec.MsgspecError):
        raise Invalid("cursor", "is not one of this listing's") from None
