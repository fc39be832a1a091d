"""How a terminal comes in: an administrator's pairing code, and the terminal's own key that it brings with it.

Whoever has the code brings a key; until somebody compares that key's fingerprint on the terminal's screen and confirms
it, nothing that the terminal signs is taken. So a code that fell into other hands lets nobody clock anybody.
"""

from __future__ import annotations

import asyncio
import math
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog

from protocol.devices import DeviceInvite, DeviceInvited
from protocol.errors import ErrorCode
from protocol.pairing import CODE_BYTES, NotAPairingCode, read_code, spell_code
from protocol.replies import SealingKey
from protocol.signing import raw_fingerprint
from protocol.values import DeviceStatus, format_time
from server.errors import Refused
from server.rules.permissions import NOTHING
from server.secrets.provider import SecretsProvider
from server.services.acts import Act, Actor, Acts
from server.services.guards import Bound, Guard
from server.services.signatures import is_signing_key
from storage.errors import RowRefused
from storage.models import Device
from storage.postgres import Connection, Database
from storage.repositories import attempts, fleet, invitations
from storage.repositories.attempts import Limit
from storage.repositories.invitations import Invitation

NO_CODE: Final = "0" * 16
"""Looked up in place of what can be no code, so that every code that isn't good costs and tells the same."""
_COUNTED_AT_ONCE: Final = 2
"""All attempts queue up under one key in PostgreSQL, each on a connection: a flood must leave punches theirs."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many codes are judged within a window, from one address and in all."""

    of_address: int
    in_all: int
    window_minutes: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a terminal brings; `called` is what it calls itself. `address` is where it comes from."""

    pairing_code: str
    public_key: bytes
    called: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    device: Device
    sealing_keys: Sequence[SealingKey]


class Pairing:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        acts: Acts,
        *,
        limits: AttemptLimits,
        guard: Guard | None = None,
        code_minutes: int,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._acts = acts
        self._limits = limits
        self._guard = guard
        self._code_minutes = code_minutes
        self._turn = asyncio.Semaphore(_COUNTED_AT_ONCE)

    async def invite(self, actor: Actor, command: DeviceInvite) -> DeviceInvited:
        """A code that lets one new terminal in at a site; raises Refused(not_found) for a site out of scope."""
        return await self._acts.do(actor, command, DeviceInvited, lambda act: self._invite(act, command))

    async def _invite(self, act: Act, command: DeviceInvite) -> DeviceInvited:
        account_id = act.actor.account_id
        if account_id is None:
            raise Refused(ErrorCode.FORBIDDEN, "only people invite terminals")
        if not act.actor.scope.allows_all_of(command.site_id) or not await fleet.site_exists(
            act.connection, command.site_id
        ):
            raise Refused(ErrorCode.NOT_FOUND, "site")
        code = spell_code(random.token_bytes(CODE_BYTES))
        expires_at = await invitations.add_invitation(
            act.connection,
            self._code_hash(read_code(code)),
            site_id=command.site_id,
            name=command.name,
            invited_by=account_id,
            minutes=self._code_minutes,
        )
        await act.note(
            "device.invite", str(command.site_id), after={"name": command.name, "expires_at": format_time(expires_at)}
        )
        return DeviceInvited(re=command.id, pairing_code=code, expires_at=format_time(expires_at))

    async def enrol(self, asked: Enrolment) -> Enrolled:
        """Let a terminal in as pending. The same code and key again get the same terminal again: an answer may be lost.

        Raises Refused: `invalid` (public_key, pairing_code: one answer for all that isn't a good code), `conflict` for
        a key that is some terminal's already, `rate_limited`.
        """
        if not is_signing_key(asked.public_key):
            raise Refused(ErrorCode.INVALID, "no key that signs", details={"field": "public_key"})
        await self._count_attempt(asked.address)
        try:
            code = read_code(asked.pairing_code)
        except NotAPairingCode:
            code = NO_CODE
        try:
            async with self._database.transaction() as connection:
                invitation = await invitations.lock_invitation(connection, self._code_hash(code))
                device = await self._let_in(connection, invitation, asked)
        except RowRefused:  # the same key came by two good codes at once
            raise _key_taken() from None
        return Enrolled(device, self._secrets.public_sealing_keys())

    async def _count_attempt(self, address: str) -> None:
        """Before the code is judged, in a transaction of its own: nothing that comes after takes it back."""
        limits = [
            Limit(self._secrets.keyed_hash("pairing from", address.encode()), self._limits.of_address),
            Limit(self._secrets.keyed_hash("pairing in all", b""), self._limits.in_all),
        ]
        window_seconds = self._limits.window_minutes * 60
        if self._guard is not None and not await self._guard.admits([Bound(*limit) for limit in limits]):
            raise Refused(ErrorCode.RATE_LIMITED, "pairing codes", retry_after_ms=window_seconds * 1_000)
        async with self._turn, self._database.transaction() as connection:
            wait = await attempts.count_attempt(connection, uuid4(), limits, window_seconds=window_seconds)
        if wait is not None:
            retry_after_ms = max(math.ceil(wait / timedelta(milliseconds=1)), 1)
            raise Refused(ErrorCode.RATE_LIMITED, "pairing codes", retry_after_ms=retry_after_ms)

    async def _let_in(self, connection: Connection, invitation: Invitation | None, asked: Enrolment) -> Device:
        if invitation is None:
            raise _no_good_code()
        if invitation.device_id is not None:
            # Read once the invitation is ours: by whoever held it before, the terminal was made a moment ago.
            known = await fleet.lock_device(connection, invitation.device_id)
            if known is None or known.public_key != asked.public_key:
                raise _no_good_code()
            return Device(known.device_id, known.site_id, known.name, known.public_key, known.status, None, None)
        if invitation.expired:
            raise _no_good_code()
        if await invitations.key_is_known(connection, asked.public_key):
            raise _key_taken()
        device = Device(
            device_id=await invitations.use_invitation(connection, invitation, asked.public_key),
            site_id=invitation.site_id,
            name=invitation.name,
            public_key=asked.public_key,
            status=DeviceStatus.PENDING,
            revoked_at=None,
            log_id=None,
        )
        await Act(connection, _itself(device, asked)).note(
            "device.enrol",
            str(device.device_id),
            after={
                "site_id": str(device.site_id),
                "name": device.name,
                "fingerprint": raw_fingerprint(device.public_key),
                "called": asked.called,
            },
        )
        _log.info("a terminal enrolled", device_id=device.device_id, site_id=device.site_id)
        return device

    def _code_hash(self, code: str) -> bytes:
        return self._secrets.keyed_hash("pairing code", code.encode())


def _itself(device: Device, asked: Enrolment) -> Actor:
    return Actor(name=f"device:{device.device_id}", scope=NOTHING, address=asked.address)


def _no_good_code() -> Refused:
    return Refused(ErrorCode.INVALID, "not a good pairing code", details={"field": "pairing_code"})


def _key_taken() -> Refused:
    return Refused(ErrorCode.CONFLICT, "a known key", details={"field": "public_key"})
