"""People, their badges and PINs, and the places where they work: what administrators say of them and hear.

In every `.update` a null field stays as it is. Listings are in `commands` where other roles have them too.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from protocol.base import Command, PageCommand, Reply, WriteCommand
from protocol.values import (
    Badge,
    BadgeEnd,
    Contact,
    EmployeeNumber,
    Id,
    Name,
    NationalId,
    Notes,
    Pin,
    Time,
    check_kept_time,
)

CsvText = Annotated[str, Meta(max_length=40_000)]
ImportField = Literal[
    "employee_number", "display_name", "site", "department", "badge", "national_id", "contact", "notes", "ignore"
]
Column = Annotated[str, Meta(max_length=200)]


class EmployeeCreate(WriteCommand, tag="employee.create", kw_only=True, frozen=True):
    employee_number: EmployeeNumber
    display_name: Name
    site_id: Id
    department_id: Id
    national_id: NationalId | None = None
    contact: Contact | None = None
    notes: Notes | None = None


class EmployeeUpdate(WriteCommand, tag="employee.update", kw_only=True, frozen=True):
    """An empty `national_id`, `contact` or `notes` takes away what was there."""

    employee_id: Id
    employee_number: EmployeeNumber | None = None
    display_name: Name | None = None
    site_id: Id | None = None
    department_id: Id | None = None
    national_id: NationalId | None = None
    contact: Contact | None = None
    notes: Notes | None = None


class EmployeeDeactivate(WriteCommand, tag="employee.deactivate", kw_only=True, frozen=True):
    """From now on this person's punches are refused; the record stays."""

    employee_id: Id


class EmployeeRehire(WriteCommand, tag="employee.rehire", kw_only=True, frozen=True):
    """The same person again, under the same number. Badges given back stay so."""

    employee_id: Id


class EmployeeErase(WriteCommand, tag="employee.erase", kw_only=True, frozen=True):
    """Of someone inactive: what is known of them is deleted once a second admin sends this as well; punches stay."""

    employee_id: Id


class EmployeeImport(WriteCommand, tag="employee.import", kw_only=True, frozen=True):
    """People as CSV text with a header line, in parts of one connection: `part` 0, 1, 2 …, the `last` of which does it.

    `mapping` (in the last part) says which column is which field; columns with a field's usual name in Spanish or
    English need none. With `dry_run` nothing is written. All or nothing: one line that can't be taken stops all.
    """

    part: Annotated[int, Meta(ge=0, le=10_000)]
    last: bool
    csv: CsvText
    mapping: Annotated[dict[Column, ImportField], Meta(max_length=50)] | None = None
    dry_run: bool = False


class BadgeList(PageCommand, tag="badge.list", kw_only=True, frozen=True):
    """Every badge that is or was someone's, newest first."""

    employee_id: Id


class BadgeAssign(WriteCommand, tag="badge.assign", kw_only=True, frozen=True):
    """Give someone a badge, for good or until `valid_until`; one that is another's only with `reassign`."""

    employee_id: Id
    badge: Badge
    valid_until: Time | None = None
    reassign: bool = False

    def __post_init__(self) -> None:
        check_kept_time("valid_until", self.valid_until)


class BadgeRevoke(WriteCommand, tag="badge.revoke", kw_only=True, frozen=True):
    badge_id: Id
    reason: Literal["lost", "returned"] = "lost"


class BadgeLastUnknown(Command, tag="badge.last_unknown", kw_only=True, frozen=True):
    """The badge that a terminal last read and nobody knew, for the minutes in which it is kept."""

    device_id: Id


class PinSet(WriteCommand, tag="pin.set", kw_only=True, frozen=True):
    """A person's PIN; null: the hub makes one and tells it once."""

    employee_id: Id
    pin: Pin | None = None


class PinReset(WriteCommand, tag="pin.reset", kw_only=True, frozen=True):
    """The person has no PIN any more, until one is set; attempts on it count anew."""

    employee_id: Id


class SiteList(PageCommand, tag="site.list", kw_only=True, frozen=True):
    pass


class SiteCreate(WriteCommand, tag="site.create", kw_only=True, frozen=True):
    name: Name
    time_zone: Annotated[str, Meta(max_length=64)]


class SiteUpdate(WriteCommand, tag="site.update", kw_only=True, frozen=True):
    site_id: Id
    name: Name | None = None
    time_zone: Annotated[str, Meta(max_length=64)] | None = None


class DepartmentCreate(WriteCommand, tag="department.create", kw_only=True, frozen=True):
    site_id: Id
    name: Name


class DepartmentUpdate(WriteCommand, tag="department.update", kw_only=True, frozen=True):
    department_id: Id
    name: Name


RosterCommand = (
    EmployeeCreate
    | EmployeeUpdate
    | EmployeeDeactivate
    | EmployeeRehire
    | EmployeeErase
    | EmployeeImport
    | BadgeList
    | BadgeAssign
    | BadgeRevoke
    | BadgeLastUnknown
    | PinSet
    | PinReset
    | SiteList
    | SiteCreate
    | SiteUpdate
    | DepartmentCreate
    | DepartmentUpdate
)


class EmployeeCreated(Reply, tag="employee.create.result", kw_only=True, frozen=True):
    employee_id: Id


class EmployeeUpdated(Reply, tag="employee.update.result", kw_only=True, frozen=True):
    pass


class EmployeeDeactivated(Reply, tag="employee.deactivate.result", kw_only=True, frozen=True):
    pass


class EmployeeRehired(Reply, tag="employee.rehire.result", kw_only=True, frozen=True):
    pass


class EmployeeErased(Reply, tag="employee.erase.result", kw_only=True, frozen=True):
    """`requested`: another admin has yet to send the same."""

    state: Literal["requested", "erased"]


class ImportLine(Struct, kw_only=True, frozen=True):
    """What becomes of a line of the file (the header is line 1); `fault` names the field and says what is wrong."""

    line: int
    employee_number: str
    outcome: Literal["create", "update", "unchanged", "fault"]
    field: str | None = None
    problem: str | None = None


class EmployeeImported(Reply, tag="employee.import.result", kw_only=True, frozen=True):
    """To every part but the last one: all zero. Then the report, in parts of which only the last has `last`.

    `done` is whether the people are in the record now: not after a dry run, nor where `faults` isn't 0.
    """

    done: bool
    created: int
    updated: int
    unchanged: int
    faults: int
    lines: list[ImportLine]
    last: bool = True


class BadgeItem(Struct, kw_only=True, frozen=True):
    badge_id: Id
    assigned_at: Time
    valid_until: Time | None
    revoked_at: Time | None
    revoked_reason: BadgeEnd | None


class BadgeListResult(Reply, tag="badge.list.result", kw_only=True, frozen=True):
    items: list[BadgeItem]
    next_cursor: str | None


class BadgeAssigned(Reply, tag="badge.assign.result", kw_only=True, frozen=True):
    badge_id: Id


class BadgeRevoked(Reply, tag="badge.revoke.result", kw_only=True, frozen=True):
    pass


class BadgeLastUnknownResult(Reply, tag="badge.last_unknown.result", kw_only=True, frozen=True):
    """All null where no unknown badge is kept."""

    badge: str | None
    punch_id: Id | None
    seen_at: Time | None


class PinIsSet(Reply, tag="pin.set.result", kw_only=True, frozen=True):
    """`pin` is the one that the hub made."""

    shown_once: ClassVar[tuple[str, ...]] = ("pin",)

    pin: str | None


class PinIsReset(Reply, tag="pin.reset.result", kw_only=True, frozen=True):
    pass


class SiteItem(Struct, kw_only=True, frozen=True):
    site_id: Id
    name: str
    time_zone: str


class SiteListResult(Reply, tag="site.list.result", kw_only=True, frozen=True):
    items: list[SiteItem]
    next_cursor: str | None


class SiteCreated(Reply, tag="site.create.result", kw_only=True, frozen=True):
    site_id: Id


class SiteUpdated(Reply, tag="site.update.result", kw_only=True, frozen=True):
    pass


class DepartmentCreated(Reply, tag="department.create.result", kw_only=True, frozen=True):
    department_id: Id


class DepartmentUpdated(Reply, tag="department.update.result", kw_only=True, frozen=True):
    pass


RosterReply = (
    EmployeeCreated
    | EmployeeUpdated
    | EmployeeDeactivated
    | EmployeeRehired
    | EmployeeErased
    | EmployeeImported
    | BadgeListResult
    | BadgeAssigned
    | BadgeRevoked
    | BadgeLastUnknownResult
    | PinIsSet
    | PinIsReset
    | SiteListResult
    | SiteCreated
    | SiteUpdated
    | DepartmentCreated
    | DepartmentUpdated
)
