"""People on the roll: taken on, moved, renamed, gone, and back again.

What is beyond the caller's scope answers exactly as what doesn't exist. An act that finds things as they are to be
changes nothing and writes nothing into the audit.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from protocol.errors import ErrorCode, Invalid
from protocol.roster import (
    EmployeeCreate,
    EmployeeCreated,
    EmployeeDeactivate,
    EmployeeDeactivated,
    EmployeeRehire,
    EmployeeRehired,
    EmployeeUpdate,
    EmployeeUpdated,
)
from protocol.values import format_time
from server.errors import Refused
from server.rules.permissions import Scope
from server.secrets.provider import SecretsProvider
from server.services.acts import Actor
from server.services.person_seal import PERSONAL_FIELDS, OnRoll, Personal, PersonKey, key_for, opened
from server.services.roster_acts import Home, Move, RosterAct, RosterActs
from storage.models import Employee
from storage.postgres import Connection
from storage.repositories import enrolment, fleet, personal, presence, roster
from storage.repositories.roster import PersonRow


class Roster:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(self, acts: RosterActs, secrets: SecretsProvider, *, number_pattern: re.Pattern[str]) -> None:
        self._acts = acts
        self._secrets = secrets
        self._number_pattern = number_pattern

    async def create(self, actor: Actor, command: EmployeeCreate) -> EmployeeCreated:
        """Raises Refused: not_found (site, department), invalid, conflict (employee_number)."""
        self._check_number(command.employee_number)

        async def perform(roster_act: RosterAct) -> EmployeeCreated:
            act = roster_act.act
            home = Home(command.site_id, command.department_id)
            await check_home(act.connection, actor.scope, home)
            person = Employee(
                employee_id=uuid4(),
                employee_number=command.employee_number,
                display_name=command.display_name,
                site_id=home.site_id,
                department_id=home.department_id,
                active=True,
                badges=0,
            )
            now = await presence.commit_clock(act.connection)
            key = PersonKey.new(self._secrets, person.employee_id)
            about = Personal().changed(**told(command))
            await enrolment.add_employees(act.connection, [person], now)
            await personal.keep(act.connection, [key.seal(about)])
            roster_act.moves.append(Move(person.employee_id, None, home))
            await act.note(
                "employee.create",
                f"employee:{person.employee_id}",
                employee_id=person.employee_id,
                after=key.hide(described(person, about)),
            )
            return EmployeeCreated(re=command.id, employee_id=person.employee_id)

        return await self._acts.do(actor, command, EmployeeCreated, perform)

    async def update(self, actor: Actor, command: EmployeeUpdate) -> EmployeeUpdated:
        """Raises Refused: not_found (employee, site, department), invalid, conflict (employee_number)."""
        if command.employee_number is not None:
            self._check_number(command.employee_number)

        async def perform(roster_act: RosterAct) -> EmployeeUpdated:
            act = roster_act.act
            person = opened(self._secrets, await locked_person(roster_act, command.employee_id))
            changed = replace(
                person,
                employee_number=command.employee_number or person.employee_number,
                personal=person.personal.changed(**told(command)),
                site_id=command.site_id or person.site_id,
                department_id=command.department_id or person.department_id,
            )
            if changed == person:
                return EmployeeUpdated(re=command.id)
            if home_of(changed) != home_of(person):
                await check_home(act.connection, actor.scope, home_of(changed))
            key = key_for(self._secrets, person.employee_id, person.kept)
            await roster.update_people(act.connection, [changed])
            if changed.personal != person.personal:
                await personal.keep(act.connection, [key.seal(changed.personal)])
            note_move(roster_act, person, changed)
            before, after = differences(described(person, person.personal), described(changed, changed.personal))
            await act.note(
                "employee.update",
                f"employee:{person.employee_id}",
                employee_id=person.employee_id,
                before=key.hide(before),
                after=key.hide(after),
            )
            return EmployeeUpdated(re=command.id)

        return await self._acts.do(actor, command, EmployeeUpdated, perform)

    async def deactivate(self, actor: Actor, command: EmployeeDeactivate) -> EmployeeDeactivated:
        """From now on. Raises Refused(not_found)."""

        async def perform(roster_act: RosterAct) -> EmployeeDeactivated:
            act = roster_act.act
            person = await locked_person(roster_act, command.employee_id)
            if person.deactivated_at is None:
                now = await presence.commit_clock(act.connection)
                await roster.deactivate(act.connection, person.employee_id, now)
                roster_act.moves.append(Move(person.employee_id, home_of(person), None))
                await act.note(
                    "employee.deactivate",
                    f"employee:{person.employee_id}",
                    employee_id=person.employee_id,
                    before={"deactivated_at": None},
                    after={"deactivated_at": format_time(now)},
                )
            return EmployeeDeactivated(re=command.id)

        return await self._acts.do(actor, command, EmployeeDeactivated, perform)

    async def rehire(self, actor: Actor, command: EmployeeRehire) -> EmployeeRehired:
        """The same person again; what they punched while they were gone stays refused. Raises Refused(not_found)."""

        async def perform(roster_act: RosterAct) -> EmployeeRehired:
            act = roster_act.act
            person = await locked_person(roster_act, command.employee_id)
            if person.deactivated_at is not None:
                now = await presence.commit_clock(act.connection)
                await roster.rehire(act.connection, person.employee_id, now)
                roster_act.moves.append(Move(person.employee_id, None, home_of(person)))
                await act.note(
                    "employee.rehire",
                    f"employee:{person.employee_id}",
                    employee_id=person.employee_id,
                    before={"deactivated_at": format_time(person.deactivated_at)},
                    after={"deactivated_at": None, "rehired_at": format_time(now)},
                )
            return EmployeeRehired(re=command.id)

        return await self._acts.do(actor, command, EmployeeRehired, perform)

    def _check_number(self, number: str) -> None:
        if self._number_pattern.fullmatch(number) is None:
            raise Invalid("employee_number", "is not what an employee number looks like")


async def locked_person(roster_act: RosterAct, employee_id: UUID, *, or_erased: bool = False) -> PersonRow:
    """A person within the actor's scope, whose row is this act's until it ends.

    Raises Refused: not_found, conflict (employee_id) where they were erased and that isn't asked for.
    """
    person = await roster.lock_person(roster_act.connection, employee_id)
    scope = roster_act.act.actor.scope
    if person is None or not (scope.allows_site(person.site_id) and scope.allows_department(person.department_id)):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    if person.erased_at is not None and not or_erased:
        raise Refused(ErrorCode.CONFLICT, "is erased", details={"field": "employee_id"})
    return person


async def check_home(connection: Connection, scope: Scope, home: Home) -> None:
    """Raises Refused(not_found) for a place that isn't the caller's, Invalid for another site's department."""
    if not scope.allows_site(home.site_id) or not await fleet.site_exists(connection, home.site_id):
        raise Refused(ErrorCode.NOT_FOUND, "site")
    where = await roster.department_site(connection, home.department_id)
    if where is None or not (scope.allows_site(where) and scope.allows_department(home.department_id)):
        raise Refused(ErrorCode.NOT_FOUND, "department")
    if where != home.site_id:
        raise Invalid("department_id", "is another site's")


def home_of(person: PersonRow) -> Home:
    return Home(person.site_id, person.department_id)


def note_move(roster_act: RosterAct, before: OnRoll, after: OnRoll) -> None:
    """Boards are told of another name or place; of who left the company only where they still are."""
    if (before.personal.display_name, home_of(before)) == (after.personal.display_name, home_of(after)):
        return
    active = before.deactivated_at is None
    roster_act.moves.append(
        Move(before.employee_id, home_of(before) if active else None, home_of(after) if active else None)
    )


def told(command: EmployeeCreate | EmployeeUpdate) -> dict[str, str | None]:
    """What a command says of a person."""
    return {name: getattr(command, name) for name in PERSONAL_FIELDS}


def described(person: PersonRow | Employee, about: Personal) -> dict[str, Any]:
    """A person as audits tell it, in the clear."""
    return {
        "employee_number": person.employee_number,
        **about.fields,
        "site_id": str(person.site_id),
        "department_id": str(person.department_id),
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two descriptions, what isn't the same."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in changed}, {name: after.get(name) for name in changed}
