"""What a hub says unasked."""

from __future__ import annotations

from protocol import SUBPROTOCOL, replies
from protocol.accounts import AccountReply
from protocol.base import Message
from protocol.devices import DeviceReply
from protocol.replies import Person, SealingKey, SilentDevice
from protocol.roster import RosterReply
from protocol.values import DeviceStatus, Id, Time


class Hello(Message, tag="hello", kw_only=True, frozen=True):
    """The first message of a connection; a kiosk signs `nonce` (32 bytes) into its assertion."""

    protocol: str = SUBPROTOCOL
    hub_id: Id
    nonce: str
    server_time: Time
    auth_timeout_seconds: int = 5


class DeviceStateChanged(Message, tag="device.state", kw_only=True, frozen=True):
    """The fields of `welcome.device`, whenever one of them changes."""

    status: DeviceStatus
    site_id: Id
    site_name: str
    log_id: Id | None
    last_seq: int
    last_digest: str | None
    sealing_keys: list[SealingKey]


class PresenceChanged(Message, tag="presence.changed", rename={"from_": "from"}, kw_only=True, frozen=True):
    """The changes after `from` up to `offset`, collapsed by person, as this client may see them."""

    site_id: Id
    epoch: Id
    from_: int
    offset: int
    people: list[Person]
    removed: list[Id]


class PresenceHead(Message, tag="presence.head", kw_only=True, frozen=True):
    """Where the stream stands, after all pushes up to that offset."""

    site_id: Id
    epoch: Id
    offset: int
    complete_to: Time | None
    silent_devices: list[SilentDevice]


AnyMessage = (
    Hello
    | DeviceStateChanged
    | PresenceChanged
    | PresenceHead
    | replies.Error
    | replies.Welcome
    | replies.AuthRefreshed
    | replies.PunchOutcome
    | replies.TimeSyncResult
    | replies.DeviceReportResult
    | replies.PresenceState
    | replies.PresenceUnwatched
    | replies.PresenceHistoryResult
    | replies.RollcallResult
    | replies.EmployeeListResult
    | replies.EmployeeGetResult
    | replies.DepartmentListResult
    | replies.PunchListResult
    | replies.HubStatusResult
    | RosterReply
    | DeviceReply
    | AccountReply
)
"""Everything a hub sends; the clients' decoder is made from this union."""
