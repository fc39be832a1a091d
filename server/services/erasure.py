"""Erasing a person: two admins agree, and what is known of them is gone with its key; punches, journals and hours stay.

Who was erased is written down beside the keys, before anything is deleted: a backup that is restored has them again,
with a key that still opens, and is made to forget them before anybody is shown.
"""

from __future__ import annotations

from typing import Final

import structlog

from protocol.errors import ErrorCode
from protocol.roster import EmployeeErase, EmployeeErased
from protocol.values import format_time
from server.errors import Refused
from server.secrets.provider import SecretsProvider
from server.services.acts import Actor
from server.services.roster import locked_person
from server.services.roster_acts import Move, RosterAct, RosterActs
from storage.postgres import Database
from storage.repositories import audit, personal, presence

_ACTION: Final = "employee.erase"
_log = structlog.get_logger()


class Erasure:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(self, acts: RosterActs, secrets: SecretsProvider) -> None:
        self._acts = acts
        self._secrets = secrets

    async def erase(self, actor: Actor, command: EmployeeErase) -> EmployeeErased:
        """Ask for it, or do what another admin asked for. Raises Refused: not_found, conflict (active)."""

        async def perform(roster_act: RosterAct) -> EmployeeErased:
            act = roster_act.act
            person = await locked_person(roster_act, command.employee_id, or_erased=True)
            if person.erased_at is not None:
                return EmployeeErased(re=command.id, state="erased")
            if person.deactivated_at is None:
                raise Refused(ErrorCode.CONFLICT, "still works here", details={"field": "active"})
            assert actor.account_id is not None  # noqa: S101 - no other role may
            asked_by = await personal.request_erasure(act.connection, person.employee_id, actor.account_id)
            subject = f"employee:{person.employee_id}"
            if asked_by is None:
                await act.note(_ACTION, subject, employee_id=person.employee_id, after={"state": "requested"})
            if asked_by in (None, actor.account_id):
                return EmployeeErased(re=command.id, state="requested")
            now = await presence.commit_clock(act.connection)
            await self._secrets.note_erasure(person.employee_id, now)
            await personal.erase(act.connection, [person.employee_id], now)
            roster_act.moves.append(Move(person.employee_id, None, None))
            await act.note(
                _ACTION,
                subject,
                employee_id=person.employee_id,
                before={"state": "requested"},
                after={"state": "erased", "erased_at": format_time(now)},
            )
            return EmployeeErased(re=command.id, state="erased")

        return await self._acts.do(actor, command, EmployeeErased, perform)


async def replay_erasures(database: Database, secrets: SecretsProvider) -> int:
    """Erase whom a restored backup brought back; how many there were. Raises StorageError, SecretsUnavailable."""
    erasures = await secrets.erasures()
    if not erasures:
        return 0
    async with database.transaction() as connection:
        back = await personal.lock_unerased(connection, list(erasures))
        for employee_id in back:
            at = erasures[employee_id]
            await personal.erase(connection, [employee_id], at)
            await audit.add(
                connection,
                actor="hub",
                action=_ACTION,
                subject=f"employee:{employee_id}",
                employee_id=employee_id,
                before=None,
                after={"state": "erased", "erased_at": format_time(at)},
                address=None,
                request_id=None,
            )
    if back:
        _log.warning("a restored database had people who were erased: they are erased again", count=len(back))
    return len(back)
