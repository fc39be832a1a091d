"""What every connection of a hub shares; built once, in `server/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from protocol.replies import Limits
from protocol.values import MAX_FRAME_BYTES
from server.hub.admission import Admission
from server.hub.outgoing import Flusher
from server.hub.subscriptions import Switchboard
from server.secrets.provider import SecretsProvider
from server.services.accounts import Accounts
from server.services.acts import Acts
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.fleet import Fleet
from server.services.ingest import Ingest
from server.services.kiosks import Kiosks
from server.services.pairing import Pairing
from server.services.terminals import Terminals
from server.settings import Settings
from server.telemetry.metrics import Metrics
from storage.live_channel import LiveChannel
from storage.postgres import Database


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
    draining: bool = False
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(
            at_once=self.settings.handshakes_at_once, longest_seconds=self.settings.handshake_place_ms / 1_000
        )

    @property
    def limits(self) -> Limits:
        """What `welcome` says of a connection's limits."""
        return Limits(
            max_frame_bytes=MAX_FRAME_BYTES,
            max_in_flight=self.settings.max_in_flight,
            commands_per_second=self.settings.commands_per_second,
        )
