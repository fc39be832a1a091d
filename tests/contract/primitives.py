"""Values as the wire writes them: base64url without padding, times with six decimals and `Z`, UUID version 7."""

import base64
import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Message = dict[str, Any]
"""One JSON object of the wire, as the page spells it."""

WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LOOKS_LIKE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Raises ValueError for padding or an alphabet other than base64url."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError(f"not base64url without padding: {text[:20]!r}")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Raises ValueError unless `text` is RFC 3339 UTC with six decimals and `Z`."""
    if not WIRE_TIME.fullmatch(text):
        raise ValueError(f"not a wire time: {text!r}")
    return datetime.fromisoformat(text)


def now() -> datetime:
    return datetime.now(UTC)


def ago(*, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
    return now() - timedelta(hours=hours, minutes=minutes, seconds=seconds)


def uuid7() -> str:
    """RFC 9562 section 5.7."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def wrong_times(value: object, path: str = "") -> Iterator[str]:
    """Every string in a received object that is a time but not written as the page says."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from wrong_times(inner, f"{path}.{key}")
        case list():
            for position, inner in enumerate(value):
                yield from wrong_times(inner, f"{path}[{position}]")
        case str() if LOOKS_LIKE_TIME.match(value) and not WIRE_TIME.fullmatch(value):
            yield f"{path}: {value}"
