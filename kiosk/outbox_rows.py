"""What the outbox takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID


class State(IntEnum):
    """Of a kept punch; the numbers are in the file."""

    UNANSWERED = 0
    ANSWERED = 1
    SET_ASIDE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a punch stands in its journal."""

    log_id: UUID
    seq: int
    previous: str | None
    """Digest of the punch before, None for the first."""


@dataclass(frozen=True, slots=True)
class SignedPunch:
    """A punch as it will be sent, and when it was made."""

    text: str
    signature: str
    sealed: str
    made_at: datetime
    boot_id: UUID
    monotonic_ms: int


@dataclass(frozen=True, slots=True)
class KeptPunch:
    """A punch on the disk. `place` rises in the order in which punches were made, over all journals."""

    place: int
    log_id: UUID
    seq: int
    punch_id: UUID
    text: str
    signature: str
    sealed: str
    after_loss: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a punch: its answer's outcome, or the error's code for which it was set aside."""

    place: int
    state: State
    note: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Punches without an answer, and when the oldest was made: by the wall clock and by its boot's clock."""

    count: int
    oldest_made_at: datetime | None
    oldest_boot_id: UUID | None
    oldest_monotonic_ms: int


def kept_punch(row: tuple[Any, ...]) -> KeptPunch:
    """From a row: place, log_id, seq, punch_id, text, signature, sealed, after_loss."""
    place, log_id, seq, punch_id, text, signature, sealed, after_loss = row
    return KeptPunch(place, UUID(log_id), seq, UUID(punch_id), text, signature, sealed, bool(after_loss))
