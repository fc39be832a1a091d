"""Time-based one-time codes: RFC 6238 with HMAC-SHA-1, six digits, steps of 30 seconds. Pure."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final

STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_STEPS_AROUND: Final = 1
"""A phone's clock may be a step off either way (RFC 6238, section 5.2)."""


def code_at(secret: bytes, step: int) -> str:
    """The code of a step, with its leading zeros (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The step whose code this is, from one before to one after now; None when there is none."""
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(current - _STEPS_AROUND, current + _STEPS_AROUND + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found
