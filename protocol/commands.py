"""What a client may say: one struct a command, named after its `type`.

Nullable fields may be absent; unknown fields are ignored. Field rules that need a look at two fields,
or at a calendar, stand in `__post_init__` so that a decoded command is a valid one.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from protocol.accounts import AccountCommand
from protocol.base import Command, PageCommand
from protocol.devices import DeviceCommand
from protocol.errors import Invalid
from protocol.roster import RosterCommand
from protocol.values import (
    Binary,
    Captured,
    Count,
    Id,
    Kind,
    Milliseconds,
    Outcome,
    SearchText,
    Sequence,
    Time,
    Version,
    check_digest,
    check_kept_time,
    check_time,
)

Token = Annotated[str, Meta(max_length=4_096)]


class Auth(Command, tag="auth", kw_only=True, frozen=True):
    """The first message: a person's access token or a kiosk's own assertion."""

    token: Token
    lang: str | None = None


class AuthRefresh(Command, tag="auth.refresh", kw_only=True, frozen=True):
    """A newer access token of the same session."""

    token: Token


class PunchRecord(Command, tag="punch.record", kw_only=True, frozen=True):
    """One signed punch. `punch` is the JSON text that was signed, byte for byte (`Punch`)."""

    punch: str
    signature: Binary
    sealed: Binary
    after_loss: bool = False


class Clock(Struct, kw_only=True, frozen=True):
    """The last `time.sync` of this boot: the hub's time at one moment of the monotonic clock."""

    hub_time: Time
    monotonic_ms: Milliseconds
    uncertainty_ms: Milliseconds

    def __post_init__(self) -> None:
        check_time("hub_time", self.hub_time)


class Punch(Struct, kw_only=True, frozen=True):
    """What stands inside `punch.record.punch`: one act at a kiosk, as its device signed it."""

    punch_id: Id
    device_id: Id
    log_id: Id
    seq: Sequence
    kind: Kind
    device_time: Time
    boot_id: Id
    monotonic_ms: Milliseconds
    captured: Captured
    sealing_key_id: Annotated[str, Meta(min_length=1, max_length=64)]
    sealed_sha256: Binary
    previous: Binary | None = None
    clock: Clock | None = None

    def __post_init__(self) -> None:
        check_time("device_time", self.device_time)
        check_digest("sealed_sha256", self.sealed_sha256)
        check_digest("previous", self.previous)
        if (self.previous is None) != (self.seq == 1):
            raise Invalid("previous", "is null exactly when `seq` is 1")


class TimeSync(Command, tag="time.sync", kw_only=True, frozen=True):
    """Asks for the hub's clock; `t0` comes back as it was sent."""

    t0: Time | Count
    boot_id: Id
    monotonic_ms: Milliseconds

    def __post_init__(self) -> None:
        if isinstance(self.t0, str):
            check_time("t0", self.t0)


class DeviceReport(Command, tag="device.report", kw_only=True, frozen=True):
    """A kiosk's state of mind, every 30 s: how many punches wait, and since when."""

    outbox_depth: Count
    version: Version
    oldest_unsent_at: Time | None = None

    def __post_init__(self) -> None:
        check_kept_time("oldest_unsent_at", self.oldest_unsent_at)


class Position(Struct, kw_only=True, frozen=True):
    """A place in a site's stream: all changes up to `offset` within `epoch`."""

    epoch: Id
    offset: Count


class PresenceWatch(Command, tag="presence.watch", kw_only=True, frozen=True):
    """Watch sites (null: all in scope) from `after`, or from a fresh state. Replaces an earlier watch."""

    site_ids: Annotated[list[Id], Meta(max_length=1_000)] | None = None
    after: Annotated[dict[Id, Position], Meta(max_length=1_000)] | None = None


class PresenceUnwatch(Command, tag="presence.unwatch", kw_only=True, frozen=True):
    """End the watch."""


class PresenceHistory(Command, tag="presence.history", rename={"from_": "from"}, kw_only=True, frozen=True):
    """Headcount inside a site at each step from `from` up to `until` or now, from recorded punches."""

    site_id: Id
    from_: Time
    until: Time
    step_minutes: Annotated[int, Meta(ge=1, le=1_440)] = 15

    def __post_init__(self) -> None:
        check_time("from", self.from_)
        check_time("until", self.until)
        if self.until < self.from_:  # one spelling, one zone: text sorts like time
            raise Invalid("until", "lies before `from`")


class RollcallGet(Command, tag="rollcall.get", kw_only=True, frozen=True):
    """Who is inside a site now."""

    site_id: Id


class EmployeeList(PageCommand, tag="employee.list", kw_only=True, frozen=True):
    site_id: Id | None = None
    department_id: Id | None = None
    query: SearchText | None = None
    active: bool | None = None


class EmployeeGet(Command, tag="employee.get", kw_only=True, frozen=True):
    employee_id: Id


class DepartmentList(PageCommand, tag="department.list", kw_only=True, frozen=True):
    pass


class PunchList(PageCommand, tag="punch.list", rename={"from_": "from"}, kw_only=True, frozen=True):
    """Punches newest first, by `occurred_at`, else `recorded_at`; `from` is inclusive, `until` is not."""

    site_id: Id | None = None
    employee_id: Id | None = None
    device_id: Id | None = None
    from_: Time | None = None
    until: Time | None = None
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        check_time("from", self.from_)
        check_time("until", self.until)


class HubStatus(Command, tag="hub.status", kw_only=True, frozen=True):
    pass


AnyCommand = (
    Auth
    | AuthRefresh
    | PunchRecord
    | TimeSync
    | DeviceReport
    | PresenceWatch
    | PresenceUnwatch
    | PresenceHistory
    | RollcallGet
    | EmployeeList
    | EmployeeGet
    | DepartmentList
    | PunchList
    | HubStatus
    | RosterCommand
    | DeviceCommand
    | AccountCommand
)
"""Every command there is; the decoder, the registry and the reference are made from this union."""
