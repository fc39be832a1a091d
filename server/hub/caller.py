"""Who is on a connection, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from protocol.replies import DeviceState
from protocol.values import Role
from server.rules.permissions import NOTHING, Scope
from server.services.accounts import Session
from storage.repositories.devices import FORMER_KEYS


@dataclass(slots=True)
class Kiosk:
    """A terminal with its raw Ed25519 key. `state` is what it was last told of itself.

    What it signed by a former key, and kept, is still good.
    """

    device_id: UUID
    public_key: bytes
    state: DeviceState
    scope: Scope = NOTHING
    former_keys: tuple[bytes, ...] = ()

    @property
    def role(self) -> Role:
        return Role.KIOSK

    @property
    def subject(self) -> UUID:
        return self.device_id

    def take_key(self, public_key: bytes) -> None:
        """From now on it signs by another key."""
        if public_key != self.public_key:
            # As many as a new connection would have: each is one check more of what no key of its own signed.
            self.former_keys = (self.public_key, *self.former_keys)[:FORMER_KEYS]
            self.public_key = public_key


@dataclass(slots=True)
class Someone:
    """A person by their live session. Role and scope follow the account, also in mid-connection."""

    session: Session
    expires_at: datetime

    @property
    def role(self) -> Role:
        return self.session.role

    @property
    def scope(self) -> Scope:
        return self.session.scope

    @property
    def subject(self) -> UUID:
        return self.session.account_id


Caller = Kiosk | Someone
