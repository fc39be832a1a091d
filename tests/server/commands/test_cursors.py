"""Cursors: where a page ended, and nothing that a client could make up."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from protocol.errors import Invalid
from protocol.values import from_binary, to_binary
from server.commands.cursors import make_cursor, read_cursor
from server.secrets.local import LocalSecrets, open_key_file

ID = UUID(int=7)


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return open_key_file(tmp_path / "keys.json")


def test_a_position_is_read_back(secrets: LocalSecrets) -> None:
    position = (datetime(2026, 11, 24, 8, 0, 0, 1, tzinfo=UTC), ID, "ñ", 2**53 - 1)
    cursor = make_cursor(secrets, "punch", position)
    assert read_cursor(secrets, "punch", cursor, tuple[datetime, UUID, str, int]) == position


def test_what_is_not_this_listings_own_is_invalid(secrets: LocalSecrets, tmp_path: Path) -> None:
    cursor = make_cursor(secrets, "employee", ("ana", ID))
    changed = bytearray(from_binary(cursor))
    changed[-3] ^= 1
    stranger = open_key_file(tmp_path / "other.json")
    for listing, text, kind in [
        ("punch", cursor, tuple[str, UUID]),
        ("employee", to_binary(bytes(changed)), tuple[str, UUID]),
        ("employee", make_cursor(stranger, "employee", ("ana", ID)), tuple[str, UUID]),
        ("employee", cursor, tuple[datetime, UUID]),
        ("employee", cursor, tuple[str]),
        ("employee", cursor[:-1], tuple[str, UUID]),
        ("employee", f"{cursor}=", tuple[str, UUID]),
        ("employee", "", tuple[str, UUID]),
        ("employee", "AAAA", tuple[str, UUID]),
        ("employee", to_binary(secrets.keyed_hash("cursor", b"")[:16]), tuple[str, UUID]),
        ("employee", to_binary(secrets.keyed_hash("cursor", b"[]")[:16] + b"[]"), tuple[str, UUID]),
    ]:
        with pytest.raises(Invalid) as fault:
            read_cursor(secrets, listing, text, kind)
        assert fault.value.field == "cursor"
