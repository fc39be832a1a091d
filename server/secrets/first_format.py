"""Key files of the first format, which had one key for most purposes: read once, and written as they are now."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from protocol.values import format_time, parse_time
from server.secrets.keyring import FORMAT, Keyring, KeyVersion, Rotation
from server.secrets.provider import KeyKind

FIRST_PEPPER: Final = "0000000000000001"
"""The id of the one key that PINs had; rows that name none mean it."""
FIRST_DATA_KEY: Final = "0000000000000000"
"""The id of the one key that blobs had; theirs begin without any."""


class _TokenKey(Struct, forbid_unknown_fields=True):
    kid: str
    private_key: str
    made_at: str


class _SealingKey(Struct, forbid_unknown_fields=True):
    id: str
    private_key: str
    not_after: str


class _FirstKeyFile(Struct, forbid_unknown_fields=True):
    format: int
    badge_key: str
    number_key: str
    pin_key: str
    blob_key: str
    refresh_key: str
    cursor_key: str
    metrics_token: str
    token_keys: list[_TokenKey]
    sealing_keys: list[_SealingKey]


def adopted(text: bytes, rotation: Rotation) -> Keyring:
    """The same keys in the present format; raises msgspec's errors and ValueError for what is no such file."""
    first = msgspec.json.decode(text, type=_FirstKeyFile)
    tokens = [
        KeyVersion(id=key.kid, secret=key.private_key, made_at=key.made_at, active_at=key.made_at)
        for key in first.token_keys
    ]
    if len(tokens) > 1:  # the previous one has been superseded for long, or a moment ago
        end = format_time(parse_time(tokens[0].made_at) + rotation.turns[KeyKind.TOKEN].overlap)
        tokens = [tokens[0], *(msgspec.structs.replace(key, ends_at=end) for key in tokens[1:])]
    begun = min(parse_time(key.not_after) - rotation.sealing_life for key in first.sealing_keys)

    def single(secret: str, key_id: str = FIRST_PEPPER) -> list[KeyVersion]:
        return [KeyVersion(id=key_id, secret=secret, made_at=format_time(begun), active_at=format_time(begun))]

    sealing = [
        KeyVersion(
            id=key.id,
            secret=key.private_key,
            made_at=format_time(parse_time(key.not_after) - rotation.sealing_life),
            active_at=format_time(parse_time(key.not_after) - rotation.sealing_life),
            not_after=key.not_after,
            ends_at=format_time(parse_time(key.not_after) + rotation.turns[KeyKind.SEALING].overlap),
        )
        for key in first.sealing_keys
    ]
    return Keyring(
        FORMAT,
        {
            KeyKind.BADGE: single(first.badge_key),
            KeyKind.NUMBER: single(first.number_key),
            KeyKind.PIN: single(first.pin_key, FIRST_PEPPER),
            KeyKind.DATA: single(first.blob_key, FIRST_DATA_KEY),
            KeyKind.REFRESH: single(first.refresh_key),
            KeyKind.HASH: single(first.cursor_key),
            KeyKind.TOKEN: tokens,
            KeyKind.SEALING: sealing,
            KeyKind.METRICS: single(first.metrics_token),
        },
    )
