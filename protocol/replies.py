"""What a hub answers: exactly one message with the command's id as `re` (a listing's parts aside)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from protocol.base import Message, Reply
from protocol.errors import ErrorCode
from protocol.values import (
    Captured,
    DeviceStatus,
    Id,
    Kind,
    Outcome,
    Reason,
    Role,
    Status,
    Time,
)


class Error(Message, tag="error", kw_only=True, frozen=True):
    """A refusal or a fault. `message` is for people; programs read `code`."""

    re: int | None
    code: ErrorCode
    message: str
    retry: bool
    retry_after_ms: int | None = None
    details: dict[str, Any] | None = None


class Scope(Struct, kw_only=True, frozen=True):
    """What a person may see; null means all."""

    site_ids: list[Id] | None
    department_ids: list[Id] | None


class Limits(Struct, kw_only=True, frozen=True):
    max_frame_bytes: int
    max_in_flight: int
    commands_per_second: int


class SealingKey(Struct, kw_only=True, frozen=True):
    """A public X25519 key (base64url of 32 bytes); the one with the latest `not_after` is to be used."""

    id: str
    public_key: str
    not_after: Time


class DeviceState(Struct, kw_only=True, frozen=True):
    """A kiosk's own state as the hub knows it; it resumes from there. `last_seq` is 0 without a journal."""

    status: DeviceStatus
    site_id: Id
    site_name: str
    log_id: Id | None
    last_seq: int
    last_digest: str | None
    sealing_keys: list[SealingKey]


class Welcome(Reply, tag="welcome", kw_only=True, frozen=True):
    session_id: Id
    role: Role
    subject: str
    scope: Scope
    expires_at: Time | None
    limits: Limits
    server_time: Time
    device: DeviceState | None


class AuthRefreshed(Reply, tag="auth.refresh.result", kw_only=True, frozen=True):
    expires_at: Time


class PunchedEmployee(Struct, kw_only=True, frozen=True):
    """Who punched, and their minutes at work on the kiosk site's local day, breaks excluded."""

    display_name: str
    worked_today_minutes: int


class PunchOutcome(Reply, tag="punch.outcome", kw_only=True, frozen=True):
    """What became of a punch; sent only after it was committed."""

    punch_id: Id
    outcome: Outcome
    reason: Reason | None
    kind: Kind | None
    occurred_at: Time | None
    recorded_at: Time
    duplicate: bool
    same_as: Id | None
    employee: PunchedEmployee | None


class TimeSyncResult(Reply, tag="time.sync.result", kw_only=True, frozen=True):
    """`t1` is the hub's clock at receipt, `t2` at the answer."""

    t0: Time | int
    t1: Time
    t2: Time


class DeviceReportResult(Reply, tag="device.report.result", kw_only=True, frozen=True):
    pass


class Person(Struct, kw_only=True, frozen=True):
    """One line of a board."""

    employee_id: Id
    display_name: str
    department_id: Id
    status: Status
    since: Time | None
    at_site_id: Id | None
    expected_from: Time | None = None
    expected_until: Time | None = None


class SilentDevice(Struct, kw_only=True, frozen=True):
    device_id: Id
    name: str


class SiteBoard(Struct, kw_only=True, frozen=True):
    """A site's board, or a part of it, at one offset."""

    site_id: Id
    name: str
    time_zone: str
    epoch: Id
    offset: int
    resumed: bool
    complete_to: Time | None
    silent_devices: list[SilentDevice]
    people: list[Person]


class PresenceState(Reply, tag="presence.state", kw_only=True, frozen=True):
    last: bool
    sites: list[SiteBoard]


class PresenceUnwatched(Reply, tag="presence.unwatch.result", kw_only=True, frozen=True):
    pass


class PresenceHistoryResult(Reply, tag="presence.history.result", rename={"from_": "from"}, kw_only=True, frozen=True):
    """`points[i]` is (in, on break) at `from` + i × `step_minutes`; it ends at `until` or at now."""

    site_id: Id
    from_: Time
    step_minutes: int
    points: list[tuple[int, int]]


class RollcallResult(Reply, tag="rollcall.get.result", kw_only=True, frozen=True):
    """Who is inside a site, in as many parts as their number needs; the others' `last` is false."""

    site_id: Id
    as_of: Time
    complete_to: Time | None
    silent_devices: list[SilentDevice]
    inside: list[Person]
    last: bool = True


class EmployeeItem(Struct, kw_only=True, frozen=True):
    employee_id: Id
    employee_number: str
    display_name: str
    site_id: Id
    department_id: Id
    active: bool
    badges: int


class EmployeeListResult(Reply, tag="employee.list.result", kw_only=True, frozen=True):
    items: list[EmployeeItem]
    next_cursor: str | None


class EmployeeGetResult(Reply, tag="employee.get.result", kw_only=True, frozen=True):
    """The fields of an `employee.list` item, and where the person is.

    `national_id`, `contact` and `notes` are for whoever may change them; null for everybody else.
    """

    employee_id: Id
    employee_number: str
    display_name: str
    site_id: Id
    department_id: Id
    active: bool
    badges: int
    status: Status
    since: Time | None
    at_site_id: Id | None
    national_id: str | None = None
    contact: str | None = None
    notes: str | None = None


class DepartmentItem(Struct, kw_only=True, frozen=True):
    department_id: Id
    site_id: Id
    name: str


class DepartmentListResult(Reply, tag="department.list.result", kw_only=True, frozen=True):
    items: list[DepartmentItem]
    next_cursor: str | None


class PunchItem(Struct, kw_only=True, frozen=True):
    punch_id: Id
    device_id: Id
    site_id: Id
    log_id: Id
    seq: int
    employee_id: Id | None
    display_name: str | None
    kind: Kind | None
    outcome: Outcome
    reason: Reason | None
    occurred_at: Time | None
    recorded_at: Time
    captured: Captured


class PunchListResult(Reply, tag="punch.list.result", kw_only=True, frozen=True):
    items: list[PunchItem]
    next_cursor: str | None


class HubStatusResult(Reply, tag="hub.status.result", kw_only=True, frozen=True):
    """`postgres`, `redis` and `secrets` are `ok` or one word that says what is wrong."""

    hub_id: Id
    version: str
    started_at: Time
    connections: dict[str, int]
    ingest_depth: int
    postgres: str
    redis: str
    secrets: str
    draining: bool
