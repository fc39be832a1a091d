"""What keys mean: a badge reader is a keyboard that ends with Enter; a person types a number, then a PIN.

No clock and no screen: the caller hands in each key with the time at which it was pressed. Whatever arrives, this
ends in a credential, in nothing, or in `Unreadable`; it never raises and never holds more than `MAX_CHARACTERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import Final

from protocol.sealing import BadgeCredential, Credential, NumberCredential

MAX_CHARACTERS: Final = 32
"""Longest number, PIN or badge that is taken; a sealed credential holds it even if every character is escaped."""
MIN_SCAN_CHARACTERS: Final = 8
"""Badges have at least eight characters: fewer digits are a number, however fast they came."""

_ENTER: Final = frozenset({"enter", "ctrl+j", "ctrl+m", "return"})


class Stage(Enum):
    NUMBER = "number"
    """Nothing or the beginning of a badge or a number has been typed."""
    PIN = "pin"
    """The number stands; its PIN is awaited."""


class Unreadable(Enum):
    """Input that can be no credential."""

    TOO_LONG = "too_long"
    FOREIGN = "foreign"
    """Characters that no badge bears: most often a reader set to another keyboard layout."""


@dataclass(frozen=True)
class Pace:
    """How a reader is told from fingers."""

    burst_gap_ms: float = 50.0
    """A reader's characters follow each other within this many ms (the median is taken: one late key is no person)."""
    pause_ms: float = 500.0
    """A scan that starts this long after the last typed key begins anew."""


@dataclass
class BadgeInput:
    """Collects keys. `at` is in seconds on any steady clock; None marks a touch, which is never a reader's."""

    pace: Pace = field(default_factory=Pace)
    number: str = ""
    """The employee number whose PIN is awaited."""
    _keys: list[tuple[str, float | None]] = field(default_factory=list)
    _too_long: bool = False

    @property
    def stage(self) -> Stage:
        return Stage.PIN if self.number else Stage.NUMBER

    @property
    def typed(self) -> str:
        """What has been typed in this stage; never show it in stage PIN."""
        return "".join(character for character, _ in self._keys)

    @property
    def empty(self) -> bool:
        return not self._keys and not self.number and not self._too_long

    def clear(self) -> None:
        self.number = ""
        self._keys.clear()
        self._too_long = False

    def press(self, key: str, character: str | None, at: float | None) -> Credential | Unreadable | None:
        """Take one key; answers with a credential when it completes one."""
        if key in _ENTER:
            return self._finish()
        if key in {"backspace", "delete"}:
            self._too_long = False
            if self._keys:
                self._keys.pop()
            elif self.number:
                self.clear()
        elif key == "escape":
            self.clear()
        elif character is not None and len(character) == 1 and character.isprintable() and "+" not in key[:-1]:
            if len(self._keys) < MAX_CHARACTERS:
                self._keys.append((character, at))
            else:
                self._too_long = True
        return None

    def _finish(self) -> Credential | Unreadable | None:
        typed, scan, too_long = self.typed, self._scan(), self._too_long
        self._keys.clear()
        self._too_long = False
        if not typed.strip():
            return None
        if too_long or not typed.isascii():
            self.clear()
            return Unreadable.TOO_LONG if too_long else Unreadable.FOREIGN
        if scan is not None:
            self.clear()
            return BadgeCredential(badge=scan)
        if self.number:
            credential = NumberCredential(employee_number=self.number, pin=typed)
            self.clear()
            return credential
        if typed.isdigit():
            self.number = typed
            return None
        return BadgeCredential(badge=typed)

    def _scan(self) -> str | None:
        """The burst that a reader sent last, without what fingers had typed before it."""
        first = 0
        gaps: list[float] = []
        for place in range(1, len(self._keys)):
            before, now = self._keys[place - 1][1], self._keys[place][1]
            gap_ms = float("inf") if before is None or now is None else (now - before) * 1000
            if gap_ms >= self.pace.pause_ms:
                first, gaps = place, []
            else:
                gaps.append(gap_ms)
        if len(self._keys) - first < MIN_SCAN_CHARACTERS or median(gaps) > self.pace.burst_gap_ms:
            return None
        return self.typed[first:]
