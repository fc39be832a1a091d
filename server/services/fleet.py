"""Terminals as those who look after them see and change them: listed, confirmed, moved, sent away.

What is beyond the caller's scope answers exactly as what doesn't exist. An act that finds things as they are to be
changes nothing and writes nothing into the audit.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from protocol.devices import (
    DeviceConfirm,
    DeviceConfirmed,
    DeviceKeyRotated,
    DeviceMove,
    DeviceMoved,
    DeviceRetire,
    DeviceRetired,
    DeviceRevoke,
    DeviceRevoked,
    DeviceRotateKey,
)
from protocol.errors import ErrorCode
from protocol.signing import new_key_bytes, raw_fingerprint
from protocol.values import DeviceStatus, format_time, from_binary, parse_time
from server.errors import Refused
from server.rules.permissions import Scope
from server.services.acts import Act, Actor, Acts
from server.services.directory import fold
from server.services.signatures import is_signature, is_signing_key
from storage.postgres import Database
from storage.repositories import fleet, invitations
from storage.repositories.fleet import ListedDevice, LockedDevice

Position = tuple[str, UUID]
"""A terminal's name without case and accents, and its id where names are alike."""


@dataclass(frozen=True, slots=True)
class FleetPage:
    """Terminals by name; `end` is where the next page begins, null after the last."""

    devices: Sequence[ListedDevice]
    end: Position | None


class Fleet:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(
        self, database: Database, acts: Acts, *, clock: Callable[[], datetime], silent_after_seconds: float
    ) -> None:
        self._database = database
        self._acts = acts
        self._clock = clock
        self._silent_after = timedelta(seconds=silent_after_seconds)

    async def page(
        self,
        scope: Scope,
        *,
        site_id: UUID | None,
        status: DeviceStatus | None,
        query: str | None,
        after: Position | None,
        limit: int,
    ) -> FleetPage:
        """Terminals of the scope's sites. Raises Refused(not_found) for a site that isn't among them."""
        site_ids = None if scope.site_ids is None else list(scope.site_ids)
        if scope.department_ids is not None:
            site_ids = []
        words = fold(query or "").split()
        async with self._database.connection() as connection:
            if site_id is not None:
                if not scope.allows_all_of(site_id) or not await fleet.site_exists(connection, site_id):
                    raise Refused(ErrorCode.NOT_FOUND, "site")
                site_ids = [site_id]
            names = await fleet.device_names(connection, site_ids=site_ids, status=status)
            places = sorted((fold(name), device_id) for device_id, name in names)
            found = [
                place
                for place in places
                if (after is None or place > after) and all(word in place[0] for word in words)
            ]
            page = found[:limit]
            devices = await fleet.listed_devices(connection, [device_id for _, device_id in page])
        return FleetPage(devices, page[-1] if len(found) > limit else None)

    def is_silent(self, device: ListedDevice) -> bool:
        """As boards have it: it is waited for, and nothing was heard of it for too long."""
        if device.welcomed_at is None or device.retired:
            return False
        return device.heard_at is None or device.heard_at < self._clock() - self._silent_after

    async def confirm(self, actor: Actor, command: DeviceConfirm) -> DeviceConfirmed:
        """Let a pending terminal work. Raises Refused: not_found, conflict (fingerprint, status)."""

        async def perform(act: Act) -> DeviceConfirmed:
            device = await _locked(act, command.device_id)
            if not hmac.compare_digest(raw_fingerprint(device.public_key).encode(), command.fingerprint.encode()):
                raise _conflict("fingerprint")
            if device.status is DeviceStatus.REVOKED:
                raise _conflict("status")
            if device.status is DeviceStatus.PENDING:
                await fleet.confirm(act.connection, device.device_id)
                await act.note(
                    "device.confirm",
                    str(device.device_id),
                    before={"status": device.status},
                    after={"status": DeviceStatus.ACTIVE, "fingerprint": command.fingerprint},
                )
            return DeviceConfirmed(re=command.id)

        return await self._acts.do(actor, command, DeviceConfirmed, perform)

    async def move(self, actor: Actor, command: DeviceMove) -> DeviceMoved:
        """To another site of the caller's. Raises Refused: not_found, conflict (status)."""

        async def perform(act: Act) -> DeviceMoved:
            device = await _locked(act, command.device_id)
            if not act.actor.scope.allows_all_of(command.site_id) or not await fleet.site_exists(
                act.connection, command.site_id
            ):
                raise Refused(ErrorCode.NOT_FOUND, "site")
            if device.status is DeviceStatus.REVOKED:
                raise _conflict("status")
            if device.site_id != command.site_id:
                await fleet.move(act.connection, device.device_id, command.site_id)
                await act.note(
                    "device.move",
                    str(device.device_id),
                    before={"site_id": str(device.site_id)},
                    after={"site_id": str(command.site_id)},
                )
            return DeviceMoved(re=command.id)

        return await self._acts.do(actor, command, DeviceMoved, perform)

    async def retire(self, actor: Actor, command: DeviceRetire) -> DeviceRetired:
        """Out of use, as from `lost_at`. Raises Refused: not_found, invalid (lost_at in the future)."""

        async def perform(act: Act) -> DeviceRetired:
            device = await _locked(act, command.device_id)
            lost_at = device.now if command.lost_at is None else parse_time(command.lost_at)
            if lost_at > device.now:
                raise Refused(ErrorCode.INVALID, "not lost yet", details={"field": "lost_at"})
            await _withdraw(act, "device.retire", device, since=lost_at, retired=True)
            return DeviceRetired(re=command.id)

        return await self._acts.do(actor, command, DeviceRetired, perform)

    async def revoke(self, actor: Actor, command: DeviceRevoke) -> DeviceRevoked:
        """Nothing that it signs from now on is recorded. Raises Refused(not_found)."""

        async def perform(act: Act) -> DeviceRevoked:
            device = await _locked(act, command.device_id)
            await _withdraw(act, "device.revoke", device, since=device.now, retired=device.retired)
            return DeviceRevoked(re=command.id)

        return await self._acts.do(actor, command, DeviceRevoked, perform)

    async def rotate_key(
        self, actor: Actor, device_id: UUID, command: DeviceRotateKey, *, signed_in_by: bytes
    ) -> DeviceKeyRotated:
        """A terminal's own new key; the present one goes on verifying what it signed, and alone changes itself.

        The key that is the present one already is answered as if it were new: the first answer may be lost. Raises
        Refused: invalid (public_key, proof), conflict (public_key: some terminal has or had it; status: not active),
        unauthenticated (`signed_in_by`, the connection's key, is a former one).
        """
        public_key, proof = from_binary(command.public_key), _bytes("proof", command.proof)
        if not is_signing_key(public_key):
            raise Refused(ErrorCode.INVALID, "no key that signs", details={"field": "public_key"})
        if not is_signature(proof, new_key_bytes(device_id, command.public_key), public_key):
            raise Refused(ErrorCode.INVALID, "not signed by the new key", details={"field": "proof"})
        answer = DeviceKeyRotated(re=command.id, fingerprint=raw_fingerprint(public_key))

        async def perform(act: Act) -> DeviceKeyRotated:
            device = await fleet.lock_device(act.connection, device_id)
            if device is None or device.status is not DeviceStatus.ACTIVE:
                raise _conflict("status")
            if device.public_key == public_key:
                return answer
            if device.public_key != signed_in_by:
                # A copy of the terminal is still connected by the key that was just changed because of it.
                raise Refused(ErrorCode.UNAUTHENTICATED, "signed in by a former key")
            if await invitations.key_is_known(act.connection, public_key):
                raise _conflict("public_key")
            await fleet.replace_key(act.connection, device_id, former=device.public_key, present=public_key)
            await act.note(
                "device.rotate_key",
                str(device_id),
                before={"fingerprint": raw_fingerprint(device.public_key)},
                after={"fingerprint": answer.fingerprint},
            )
            return answer

        return await self._acts.do(actor, command, DeviceKeyRotated, perform)


async def _locked(act: Act, device_id: UUID) -> LockedDevice:
    """A terminal within the actor's scope. Raises Refused(not_found)."""
    device = await fleet.lock_device(act.connection, device_id)
    if device is None or not act.actor.scope.allows_all_of(device.site_id):
        raise Refused(ErrorCode.NOT_FOUND, "device")
    return device


async def _withdraw(act: Act, action: str, device: LockedDevice, *, since: datetime, retired: bool) -> None:
    # What was said not to be recorded stays so: a later word only ever moves the moment back.
    revoked_at = since if device.revoked_at is None else min(since, device.revoked_at)
    if (revoked_at, retired) == (device.revoked_at, device.retired):
        return
    await fleet.withdraw(act.connection, device.device_id, revoked_at=revoked_at, retired=retired)
    before = None if device.revoked_at is None else format_time(device.revoked_at)
    await act.note(
        action,
        str(device.device_id),
        before={"status": device.status, "revoked_at": before, "retired": device.retired},
        after={"status": DeviceStatus.REVOKED, "revoked_at": format_time(revoked_at), "retired": retired},
    )


def _conflict(field: str) -> Refused:
    return Refused(ErrorCode.CONFLICT, field, details={"field": field})


def _bytes(field: str, text: str) -> bytes:
    try:
        return from_binary(text)
    except ValueError:
        raise Refused(ErrorCode.INVALID, "not base64url", details={"field": field}) from None
