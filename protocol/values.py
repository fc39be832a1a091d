"""Values that many messages share: ids, times, binary text, and the closed sets of words.

Times stay text on the wire types because the contract fixes their spelling (six decimals, `Z`),
which a datetime can't carry; `parse_time` and `format_time` are the only way in and out.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from protocol.errors import Invalid

MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly."""
MAX_FRAME_BYTES = 65_535
"""A client's frame is under 65,536 bytes once it is authenticated …"""
MAX_FRAME_BYTES_BEFORE_AUTH = 4_095
"""… and under 4,096 before."""
MAX_HUB_FRAME_BYTES = 1_048_575
"""A hub's frame stays under 1 MiB."""
MAX_STATE_PART_BYTES = 262_143
"""One part of `presence.state` stays under 256 KiB."""
MAX_DEPTH = 32
"""Deepest nesting of JSON; the top object is depth 1."""

Id = UUID
Time = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z\Z")]
"""RFC 3339, UTC, always six decimals: `2026-11-24T07:58:00.000000Z`."""
Binary = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*\Z", max_length=MAX_FRAME_BYTES)]
"""Bytes as base64url without padding."""
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
CommandId = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Sequence = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
PageSize = Annotated[int, Meta(ge=1, le=500)]
Cursor = Annotated[str, Meta(max_length=512)]
SearchText = Annotated[str, Meta(max_length=100)]
Version = Annotated[str, Meta(max_length=64)]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^(?!\s)[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+(?<!\s)\Z",
    ),
]
"""What people, places and terminals are called: no control or direction characters, no space at either end."""
NationalId = Annotated[
    str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z")
]
Contact = Annotated[
    str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z")
]
Notes = Annotated[
    str, Meta(max_length=2_000, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z")
]
"""May have several lines."""
EmployeeNumber = Annotated[str, Meta(min_length=1, max_length=32)]
"""As it is typed at a kiosk; the hub's own grammar (a setting) is narrower."""
Badge = Annotated[str, Meta(min_length=1, max_length=128)]
"""As a reader types it; the hub's own grammar (a setting) is narrower."""
Pin = Annotated[str, Meta(pattern=r"^[0-9]{6,12}\Z")]
Username = Annotated[
    str,
    Meta(pattern=r"^[^\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]{1,100}\Z"),
]
"""No spaces, and nothing that isn't seen or turns text about: in lists and audits nobody looks like another by that."""
MAX_PASSWORD_CHARACTERS = 1_000
Password = Annotated[str, Meta(max_length=MAX_PASSWORD_CHARACTERS)]
Code = Annotated[str, Meta(max_length=12)]
"""A one-time code (RFC 6238), spaces allowed."""


class Role(StrEnum):
    KIOSK = "kiosk"
    EMPLOYEE = "employee"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    INSPECTOR = "inspector"


class Kind(StrEnum):
    """What a punch says; `AUTO` leaves it to the hub, and never stands in an answer."""

    AUTO = "auto"
    IN = "in"
    OUT = "out"
    BREAK_START = "break_start"
    BREAK_END = "break_end"


class Captured(StrEnum):
    """Whether the kiosk had a welcomed connection when the punch was made."""

    ONLINE = "online"
    OFFLINE = "offline"


class Outcome(StrEnum):
    RECORDED = "recorded"
    HELD = "held"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why an outcome is what it is; which reason goes with which outcome is in `protocol/README.md`."""

    DEBOUNCED = "debounced"
    UNEXPECTED_KIND = "unexpected_kind"
    BADGE_UNKNOWN = "badge_unknown"
    PIN_WRONG = "pin_wrong"
    PIN_UNCHECKED = "pin_unchecked"
    SEAL_UNAVAILABLE = "seal_unavailable"
    SEAL_BROKEN = "seal_broken"
    CLOCK_UNKNOWN = "clock_unknown"
    DEVICE_FORKED = "device_forked"
    NOT_RECOGNISED = "not_recognised"
    BADGE_REVOKED = "badge_revoked"
    PIN_THROTTLED = "pin_throttled"
    EMPLOYEE_INACTIVE = "employee_inactive"
    DEVICE_REVOKED = "device_revoked"


class Status(StrEnum):
    """Where a person is."""

    IN = "in"
    BREAK = "break"
    OUT = "out"


class BadgeEnd(StrEnum):
    """Why a badge is no longer someone's."""

    LOST = "lost"
    RETURNED = "returned"
    REASSIGNED = "reassigned"


class DeviceStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


class Language(StrEnum):
    ES = "es"
    EN = "en"


def format_time(moment: datetime) -> str:
    """Spell an aware datetime as the contract does."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Read a `Time`; raises ValueError for a date or hour that no calendar has."""
    return datetime.fromisoformat(text)


def check_time(field: str, text: str | None) -> None:
    """Raises Invalid where a field is no date and hour of any calendar."""
    if text is not None:
        try:
            parse_time(text)
        except ValueError as fault:
            raise Invalid(field, str(fault)) from None


_ALWAYS: Final = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})


def check_kept_time(field: str, text: str | None) -> None:
    """`check_time` for what is stored: the calendar's first and last moments are no dates there.

    A database's driver takes them for minus and plus infinity, and gives back what compares with no time at all.
    """
    check_time(field, text)
    if text is not None and parse_time(text) in _ALWAYS:
        raise Invalid(field, "is the calendar's first or last moment")


def check_digest(field: str, text: str | None) -> None:
    """Raises Invalid where a field isn't 32 bytes of base64url."""
    if text is not None:
        try:
            from_binary(text, length=32)
        except ValueError as fault:
            raise Invalid(field, str(fault)) from None


def to_binary(data: bytes) -> str:
    """Bytes as base64url without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def from_binary(text: str, *, length: int | None = None) -> bytes:
    """Bytes of base64url text without padding; ValueError when it isn't that, or of another length."""
    try:
        plain = text.encode("ascii").translate(_FROM_URL)
        data = binascii.a2b_base64(plain + _PADDING[len(plain) % 4], strict_mode=True)
    except ValueError:
        raise ValueError("not base64url without padding") from None
    # Bits that no byte takes would give one value several spellings.
    if binascii.b2a_base64(data, newline=False).rstrip(b"=") != plain:
        raise ValueError("not base64url without padding")
    if length is not None and len(data) != length:
        raise ValueError(f"not {length} bytes")
    return data


_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"", b"==", b"=")
"""By the length of the text modulo 4; with 1 left over it is no base64 anyway."""
