"""Badges and PINs: given, taken back, lost; and the one that a terminal just read and nobody knew.

A badge is known by its keyed hash alone. Who holds it is judged as of a punch's moment, so an end is a moment too.
"""

from __future__ import annotations

import re
import secrets as randomness
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from protocol.errors import ErrorCode, Invalid
from protocol.roster import (
    BadgeAssign,
    BadgeAssigned,
    BadgeRevoke,
    BadgeRevoked,
    PinIsReset,
    PinIsSet,
    PinReset,
    PinSet,
)
from protocol.values import BadgeEnd, format_time, parse_time
from server.errors import Refused
from server.secrets.provider import BlobBroken, SecretsProvider
from server.services.acts import Act, Actor
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from server.services.preparation import badge_place
from server.services.roster import locked_person
from server.services.roster_acts import RosterAct, RosterActs
from storage.postgres import Database
from storage.repositories import enrolment, fleet, presence, roster
from storage.repositories.roster import HeldBadge, UnknownBadge

MADE_PIN_DIGITS: Final = 6
_log = structlog.get_logger()


class Badges:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        hashes: SlowHashes,
        acts: RosterActs,
        *,
        badge_pattern: re.Pattern[str],
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._pins = PinHashes(secrets, hashes)
        self._acts = acts
        self._badge_pattern = badge_pattern

    async def assign(self, actor: Actor, command: BadgeAssign) -> BadgeAssigned:
        """Raises Refused: not_found, invalid (badge, valid_until), conflict (badge is another's, active: has left)."""
        if self._badge_pattern.fullmatch(command.badge) is None:
            raise Invalid("badge", "is not what a badge looks like")
        badge_hash = self._secrets.badge_hash(command.badge)
        valid_until = None if command.valid_until is None else parse_time(command.valid_until)

        async def perform(roster_act: RosterAct) -> BadgeAssigned:
            person = await locked_person(roster_act, command.employee_id)
            if person.deactivated_at is not None:
                raise Refused(ErrorCode.CONFLICT, "has left", details={"field": "active"})
            held = (await roster.lock_holds(roster_act.connection, [badge_hash])).get(badge_hash)
            now = await presence.commit_clock(roster_act.connection)
            if valid_until is not None and valid_until <= now:
                raise Invalid("valid_until", "is over already")
            if held is not None:
                if held.valid_until is not None and held.valid_until <= now:
                    await roster.end_badge(roster_act.connection, held.badge_id, held.valid_until, None)
                elif held.employee_id == person.employee_id:
                    await _extend(roster_act.act, held, valid_until)
                    return BadgeAssigned(re=command.id, badge_id=held.badge_id)
                else:
                    await _take_away(roster_act, held, now, reassign=command.reassign)
            badge_id = await roster.assign_badge(
                roster_act.connection, badge_hash, person.employee_id, now, valid_until
            )
            await roster_act.act.note(
                "badge.assign",
                f"badge:{badge_id}",
                employee_id=person.employee_id,
                after={"assigned_at": format_time(now), "valid_until": command.valid_until},
            )
            return BadgeAssigned(re=command.id, badge_id=badge_id)

        return await self._acts.do(actor, command, BadgeAssigned, perform)

    async def revoke(self, actor: Actor, command: BadgeRevoke) -> BadgeRevoked:
        """From now on. Raises Refused(not_found)."""

        async def perform(roster_act: RosterAct) -> BadgeRevoked:
            owner = await roster.badge_owner(roster_act.connection, command.badge_id)
            if owner is None:
                raise Refused(ErrorCode.NOT_FOUND, "badge")
            await locked_person(roster_act, owner)
            badge = await roster.lock_badge(roster_act.connection, command.badge_id)
            if badge is not None and badge.revoked_at is None:
                now = await presence.commit_clock(roster_act.connection)
                await _end(roster_act.act, "badge.revoke", badge, now, BadgeEnd(command.reason))
            return BadgeRevoked(re=command.id)

        return await self._acts.do(actor, command, BadgeRevoked, perform)

    async def page(
        self, actor: Actor, employee_id: UUID, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[HeldBadge]:
        """A person's badges newest first; that they were asked for stands in the audit before they are told."""
        async with self._database.connection() as connection:
            found = await roster.list_badges(connection, employee_id, after, limit)
            await Act(connection, actor).note("badges.read", f"employee:{employee_id}", employee_id=employee_id)
        return found

    async def last_unknown(self, actor: Actor, device_id: UUID) -> tuple[UnknownBadge, str] | None:
        """The badge that a terminal read last of those nobody had, for the minutes in which it is kept.

        That it was asked for stands in the audit. Raises Refused(not_found).
        """
        async with self._database.transaction() as connection:
            device = await fleet.lock_device(connection, device_id)
            if device is None or not actor.scope.allows_all_of(device.site_id):
                raise Refused(ErrorCode.NOT_FOUND, "device")
            kept = await roster.last_unknown_badge(connection, device_id)
            await Act(connection, actor).note(
                "badge.last_unknown", str(device_id), after={"punch_id": None if kept is None else str(kept.punch_id)}
            )
        if kept is None:
            return None
        try:
            return kept, self._secrets.decrypt(kept.encrypted, badge_place(device_id, kept.punch_id)).decode()
        except BlobBroken:
            _log.error("an unknown badge doesn't open", device_id=device_id, punch_id=kept.punch_id)
            return None

    async def set_pin(self, actor: Actor, command: PinSet) -> PinIsSet:
        """Guesses count anew: those at the former PIN tell nothing of this one. Raises Refused(not_found)."""
        made = None if command.pin is not None else _a_pin()
        pin_hash = await self._pins.keep(command.employee_id, command.pin or made or "")

        async def perform(roster_act: RosterAct) -> PinIsSet:
            person = await locked_person(roster_act, command.employee_id)
            await enrolment.set_pins(roster_act.connection, [(person.employee_id, pin_hash)])
            await roster.forget_attempts_of(roster_act.connection, self._secrets.number_hash(person.employee_number))
            await roster_act.act.note("pin.set", f"employee:{person.employee_id}", employee_id=person.employee_id)
            return PinIsSet(re=command.id, pin=made)

        return await self._acts.do(actor, command, PinIsSet, perform)

    async def reset_pin(self, actor: Actor, command: PinReset) -> PinIsReset:
        """No PIN, and guesses count anew. Raises Refused(not_found)."""

        async def perform(roster_act: RosterAct) -> PinIsReset:
            person = await locked_person(roster_act, command.employee_id)
            had = await roster.forget_pin(roster_act.connection, person.employee_id)
            await roster.forget_attempts_of(roster_act.connection, self._secrets.number_hash(person.employee_number))
            await roster_act.act.note(
                "pin.reset", f"employee:{person.employee_id}", employee_id=person.employee_id, before={"pin": had}
            )
            return PinIsReset(re=command.id)

        return await self._acts.do(actor, command, PinIsReset, perform)


async def _extend(act: Act, held: HeldBadge, valid_until: datetime | None) -> None:
    """The same badge to the same person: theirs for longer, or no longer."""
    if held.valid_until == valid_until:
        return
    await roster.extend_badge(act.connection, held.badge_id, valid_until)
    await act.note(
        "badge.assign",
        f"badge:{held.badge_id}",
        employee_id=held.employee_id,
        before={"valid_until": _time(held.valid_until)},
        after={"valid_until": _time(valid_until)},
    )


async def _take_away(roster_act: RosterAct, held: HeldBadge, now: datetime, *, reassign: bool) -> None:
    """Raises Refused(conflict) unless the caller wants it so, and may: whose badge it is, is for their eyes alone."""
    scope = roster_act.act.actor.scope
    holder = await roster.read_person(roster_act.connection, held.employee_id)
    if holder is None or not (scope.allows_site(holder.site_id) and scope.allows_department(holder.department_id)):
        raise Refused(ErrorCode.CONFLICT, "another's", details={"field": "badge"})
    if not reassign:
        details = {"field": "badge", "employee_id": str(held.employee_id)}
        raise Refused(ErrorCode.CONFLICT, "another's", details=details)
    await _end(roster_act.act, "badge.assign", held, now, BadgeEnd.REASSIGNED)


async def _end(act: Act, action: str, badge: HeldBadge, now: datetime, reason: BadgeEnd) -> None:
    await roster.end_badge(act.connection, badge.badge_id, now, reason)
    await act.note(
        action,
        f"badge:{badge.badge_id}",
        employee_id=badge.employee_id,
        before={"revoked_at": None},
        after={"revoked_at": format_time(now), "revoked_reason": reason},
    )


def _a_pin() -> str:
    return f"{randomness.randbelow(10**MADE_PIN_DIGITS):0{MADE_PIN_DIGITS}}"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
