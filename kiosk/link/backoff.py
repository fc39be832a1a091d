"""When to connect again after a connection ended or could not be made (protocol.md, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kiosk.settings import Settings

_FIRST_REFUSAL: Final = 3500
_LAST_REFUSAL: Final = 3999


def is_refusal(code: int | None) -> bool:
    """Whether a close code asks the client not to come back by itself."""
    return code is not None and _FIRST_REFUSAL <= code <= _LAST_REFUSAL


class Backoff:
    """Full jitter over a doubling bound, so that a hub's restart isn't met by all of its clients at once."""

    def __init__(self, settings: Settings, random: Callable[[], float]) -> None:
        """`random` gives numbers from 0 to 1."""
        self._settings = settings
        self._random = random
        self._attempts = 0

    def next_delay_seconds(self, *, close_code: int | None, lasted_seconds: float) -> float:
        """How long to wait. `lasted_seconds` is how long the connection was welcomed, 0 if it never was."""
        if is_refusal(close_code):
            return self._settings.refused_retry_seconds
        if lasted_seconds >= self._settings.stable_link_seconds:
            self._attempts = 0
        bound = min(self._settings.backoff_cap_seconds, self._settings.backoff_base_seconds * 2.0**self._attempts)
        self._attempts = min(self._attempts + 1, 16)
        return self._random() * bound
