"""What every connection of a hub shares; built once, in `server/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from protocol.replies import Limits
from protocol.values import MAX_FRAME_BYTES
from server.hub.admission import Admission
from server.hub.crowd import Crowd, CrowdLimits
from server.hub.outgoing import Flusher
from server.hub.subscriptions import Switchboard
from server.secrets.provider import SecretsProvider
from server.services.account_admin import AccountAdmin
from server.services.accounts import Accounts
from server.services.acts import Acts
from server.services.badges import Badges
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.erasure import Erasure
from server.services.fleet import Fleet
from server.services.ingest import Ingest
from server.services.kiosks import Kiosks
from server.services.own_account import OwnAccount
from server.services.pairing import Pairing
from server.services.people_import import PeopleImport
from server.services.places import Places
from server.services.roster import Roster
from server.services.sessions import Sessions
from server.services.terminals import Terminals
from server.settings import Settings
from server.telemetry.metrics import Metrics
from storage.live_channel import LiveChannel
from storage.postgres import Database

if TYPE_CHECKING:
    from server.hub.connection import Connection  # which has its context


class FollowAccount(Protocol):
    async def __call__(self, account_id: UUID, *, but: Connection | None = None) -> None:
        """All of its connections, or all but one."""


async def _nobody_follows(account_id: UUID, *, but: Connection | None = None) -> None:
    """Before there is any connection."""
    del account_id, but


@dataclass(slots=True)
class HubContext:
    hub_id: UUID
    version: str
    started_at: datetime
    clock: Callable[[], datetime]
    settings: Settings
    database: Database
    live_channel: LiveChannel
    secrets: SecretsProvider
    metrics: Metrics
    directory: Directory
    boards: Boards
    terminals: Terminals
    switchboard: Switchboard
    flusher: Flusher
    accounts: Accounts
    kiosks: Kiosks
    ingest: Ingest
    acts: Acts
    pairing: Pairing
    fleet: Fleet
    roster: Roster
    erasure: Erasure
    badges: Badges
    places: Places
    people_import: PeopleImport
    account_admin: AccountAdmin
    own_account: OwnAccount
    sessions: Sessions
    follow_account: FollowAccount = _nobody_follows
    """Makes this hub's connections of an account what it is now, at once; never raises StorageError."""
    draining: bool = False
    admission: Admission = field(init=False)
    crowd: Crowd = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(
            at_once=self.settings.handshakes_at_once, longest_seconds=self.settings.handshake_place_ms / 1_000
        )
        self.crowd = Crowd(CrowdLimits.from_settings(self.settings), self.metrics)

    @property
    def limits(self) -> Limits:
        """What `welcome` says of a connection's limits."""
        return Limits(
            max_frame_bytes=MAX_FRAME_BYTES,
            max_in_flight=self.settings.max_in_flight,
            commands_per_second=self.settings.commands_per_second,
        )
