"""What is kept, as values. No driver, no wire: repositories fill these, services and rules read them.

What every punch makes is a Struct: frozen ones cost a tenth of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from protocol.values import Captured, DeviceStatus, Kind, Outcome, Reason, Status

JournalKey = tuple[UUID, UUID]
"""(device_id, log_id)"""
PunchKey = tuple[UUID, UUID, int]
"""(device_id, log_id, seq)"""


@dataclass(frozen=True, slots=True)
class Site:
    site_id: UUID
    name: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Department:
    department_id: UUID
    site_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Employee:
    employee_id: UUID
    employee_number: str
    display_name: str
    site_id: UUID
    department_id: UUID
    active: bool
    badges: int


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """What is known of a person, encrypted with a key of their own, and that key, wrapped."""

    employee_id: UUID
    wrapped_key: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class EmployeeRow:
    """An employee as kept; `clear_name` is what an older hub wrote."""

    employee_id: UUID
    employee_number: str
    clear_name: str | None
    site_id: UUID
    department_id: UUID
    active: bool
    badges: int
    wrapped_key: bytes | None
    sealed: bytes | None

    @property
    def kept(self) -> SealedPerson | None:
        if self.wrapped_key is None or self.sealed is None:
            return None
        return SealedPerson(self.employee_id, self.wrapped_key, self.sealed)


@dataclass(frozen=True, slots=True)
class Device:
    """A terminal; `revoked_at` is also when a retired one was lost.

    `former_keys`: what it signed by them and kept is still good, the latest first.
    """

    device_id: UUID
    site_id: UUID
    name: str
    public_key: bytes
    status: DeviceStatus
    revoked_at: datetime | None
    log_id: UUID | None
    former_keys: tuple[bytes, ...] = ()


class ForkSign(StrEnum):
    """What tells that two terminals may be at work with one key: a copied folder, a stolen key."""

    FORKED = "forked"
    """A punch doesn't follow the one before it."""
    CONFLICT = "conflict"
    """Other bytes came for a place that was taken."""
    OLDER_JOURNAL = "older_journal"
    """A journal goes on although its terminal has begun another."""


@dataclass(slots=True)
class Journal:
    """Head of a device's journal, locked, with what its device is at that moment.

    `begun_last` is the device's journal that was begun last, null before the first punch of any.
    """

    device_id: UUID
    log_id: UUID
    last_seq: int
    last_digest: bytes | None
    site_id: UUID
    status: DeviceStatus
    revoked_at: datetime | None
    begun_last: UUID | None = None


class BadgeHolder(msgspec.Struct, frozen=True):
    """Who holds or held a badge, and when."""

    employee_id: UUID
    assigned_at: datetime
    valid_until: datetime | None
    revoked_at: datetime | None


class PersonAtWork(msgspec.Struct, frozen=True):
    """What a batch must know of a person: read before it locks anything, and again under the lock.

    `absences` is when someone who came back was gone: from, until.
    """

    employee_id: UUID
    site_id: UUID
    deactivated_at: datetime | None
    at_site_id: UUID | None
    absences: tuple[tuple[datetime, datetime], ...] = ()


class Presence(msgspec.Struct, frozen=True):
    """Where a person is; `since` is when their latest counted punch occurred, null before the first."""

    employee_id: UUID
    status: Status
    since: datetime | None
    at_site_id: UUID | None


class Counted(msgspec.Struct, frozen=True):
    """A punch that counts: recorded and not debounced. States and hours are derived from these alone."""

    occurred_at: datetime
    kind: Kind
    punch_id: UUID


class BootClock(msgspec.Struct, frozen=True):
    """The hub's time at one moment of a boot's monotonic clock."""

    hub_time: datetime
    monotonic_ms: int


class StoredPunch(msgspec.Struct, frozen=True):
    """A punch with its verdict, as it stands in the record for good."""

    recorded_at: datetime
    device_id: UUID
    log_id: UUID
    seq: int
    punch_id: UUID
    site_id: UUID
    employee_id: UUID | None
    outcome: Outcome
    reason: Reason | None
    kind: Kind | None
    occurred_at: datetime | None
    captured: Captured
    same_as: UUID | None
    signed_text: str
    signature: bytes
    digest: bytes

    @property
    def key(self) -> PunchKey:
        return (self.device_id, self.log_id, self.seq)

    @property
    def counted(self) -> bool:
        return self.outcome is Outcome.RECORDED and self.reason is not Reason.DEBOUNCED


class KeptSeal(msgspec.Struct, frozen=True):
    """A credential that could not be opened or judged; `waits_since` is its punch's `recorded_at`, null where no key
    will help it.
    """

    key: PunchKey
    sealing_key_id: str
    sealed: bytes
    waits_since: datetime | None


class WaitingPunch(msgspec.Struct, frozen=True):
    """A punch that was held for want of keys, and its credential, still sealed."""

    punch: StoredPunch
    sealed: bytes


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""With its zone, also where it is read from text."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One line of one board after one change; `on_board` false takes the person off.

    `left_department_id` is the department that the person was in until then, where this change moved them.
    """

    employee_id: UUID
    on_board: bool
    status: Status
    since: Moment | None
    at_site_id: UUID | None
    left_department_id: UUID | None = None


class SiteChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive changes of a site's stream: the first has offset `after` + 1.

    Whoever shows them must know people as of `directory_version` or later.
    """

    site_id: UUID
    epoch: UUID
    after: int
    changes: list[Change]
    committed_at: Moment
    directory_version: int = 0

    @property
    def offset(self) -> int:
        return self.after + len(self.changes)


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What a terminal last said; `complete_to` never waits for a terminal that no one welcomed yet."""

    device_id: UUID
    site_id: UUID
    name: str
    heard_at: datetime | None
    complete_to: datetime | None
