"""Importing people: a file's lines against the record, all or nothing, in one transaction.

Thousands of lines must not hold up the others on this hub: what is reckoned is reckoned in a thread, what is read and
written goes in slices.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec

from protocol.errors import ErrorCode, Invalid
from protocol.roster import EmployeeImport, EmployeeImported
from server.errors import Refused
from server.rules.people_csv import Grammar, Table, TooManyRowsError, read_table
from server.secrets.provider import SecretsProvider
from server.services.acts import Actor
from server.services.import_plan import Plan, Record, make_plan
from server.services.person_seal import OnRoll, PersonKey, key_for, opened
from server.services.roster import described, differences, note_move
from server.services.roster_acts import Home, Move, RosterAct, RosterActs, slices
from storage.models import SealedPerson
from storage.postgres import Connection, Database
from storage.repositories import enrolment, people, personal, presence, roster
from storage.repositories.audit import PersonNote
from storage.repositories.roster import PersonRow

_ACTION: Final = "employee.import"


@dataclass(slots=True)
class Upload:
    """A file on its way, part by part, on one connection."""

    next_part: int = 0
    size_bytes: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Sealed:
    """What an import writes, encrypted."""

    people: list[SealedPerson] = field(default_factory=list)
    notes: list[PersonNote] = field(default_factory=list)


class PeopleImport:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        acts: RosterActs,
        grammar: Grammar,
        *,
        max_rows: int,
        max_bytes: int,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._acts = acts
        self._grammar = grammar
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._one_at_a_time = asyncio.Lock()

    def collect(self, upload: Upload | None, command: EmployeeImport) -> Upload:
        """The file with one more part; part 0 begins another. Raises Refused(too_large), Invalid(part)."""
        upload = Upload() if command.part == 0 else upload
        if upload is None or command.part != upload.next_part:
            raise Invalid("part", "is not the one that comes next")
        upload.next_part += 1
        upload.size_bytes += len(command.csv.encode())
        if upload.size_bytes > self._max_bytes:
            raise Refused(ErrorCode.TOO_LARGE, "import", details={"field": "csv", "max_bytes": self._max_bytes})
        upload.parts.append(command.csv)
        return upload

    async def run(self, actor: Actor, command: EmployeeImport, upload: Upload) -> EmployeeImported:
        """Import a whole file, or say what would come of it. Raises Refused(too_large), Invalid(mapping)."""
        async with self._one_at_a_time:
            text = "".join(upload.parts)
            table = await asyncio.to_thread(self._read, text, command)
            if command.dry_run:
                async with self._database.transaction() as connection:
                    plan = await self._plan(connection, actor, table)
                return _report(command, plan, done=False)

            async def perform(roster_act: RosterAct) -> EmployeeImported:
                await roster.queue_imports(roster_act.connection)
                plan = await self._plan(roster_act.connection, actor, table)
                if plan.is_faultless:
                    await _write(roster_act, plan, await asyncio.to_thread(self._seal, plan))
                return _report(command, plan, done=plan.is_faultless)

            # The request is the whole file, of which this command has the end alone.
            whole = msgspec.structs.replace(command, csv=hashlib.sha256(text.encode()).hexdigest())
            return await self._acts.do(actor, whole, EmployeeImported, perform)

    def _read(self, text: str, command: EmployeeImport) -> Table:
        try:
            return read_table(text, command.mapping, self._grammar, max_rows=self._max_rows)
        except TooManyRowsError:
            raise Refused(ErrorCode.TOO_LARGE, "import", details={"field": "csv", "max_rows": self._max_rows}) from None

    async def _plan(self, connection: Connection, actor: Actor, table: Table) -> Plan:
        record = Record(sites=await people.sites(connection), departments=await people.departments(connection))
        found: list[PersonRow] = []
        for numbers in slices(sorted(row.employee_number for row in table.rows)):
            found += await roster.lock_numbers(connection, numbers)
        record.people = await asyncio.to_thread(self._opened, found)
        record.hashes = await asyncio.to_thread(self._hashes, table)
        for hashes in slices(sorted(record.hashes.values())):
            record.holds |= await roster.lock_holds(connection, hashes)
        record.now = await presence.commit_clock(connection)
        return await asyncio.to_thread(make_plan, table, record, actor.scope)

    def _opened(self, found: Sequence[PersonRow]) -> dict[str, OnRoll]:
        return {person.employee_number: opened(self._secrets, person) for person in found}

    def _seal(self, plan: Plan) -> _Sealed:
        """What is to be written of people, and what was done to each; a badge is told by its being given alone."""
        sealed = _Sealed()
        given = {employee_id for _, employee_id in plan.badges}
        for person, about in plan.added:
            key = PersonKey.new(self._secrets, person.employee_id)
            sealed.people.append(key.seal(about))
            told = described(person, about) | _badge_given(person.employee_id, given)
            sealed.notes.append(PersonNote(person.employee_id, None, key.hide(told)))
            given.discard(person.employee_id)
        for before, after in plan.changed:
            key = key_for(self._secrets, after.employee_id, after.kept)
            if after.personal != before.personal:
                sealed.people.append(key.seal(after.personal))
            was, is_ = differences(described(before, before.personal), described(after, after.personal))
            is_ |= _badge_given(after.employee_id, given)
            sealed.notes.append(PersonNote(after.employee_id, key.hide(was), key.hide(is_)))
            given.discard(after.employee_id)
        sealed.notes += [PersonNote(employee_id, {}, _badge_given(employee_id, given)) for employee_id in given]
        return sealed

    def _hashes(self, table: Table) -> dict[str, bytes]:
        return {row.badge: self._secrets.badge_hash(row.badge) for row in table.rows if row.badge is not None}


def _report(command: EmployeeImport, plan: Plan, *, done: bool) -> EmployeeImported:
    outcomes = plan.outcomes
    return EmployeeImported(
        re=command.id,
        done=done,
        created=outcomes["create"],
        updated=outcomes["update"],
        unchanged=outcomes["unchanged"],
        faults=outcomes["fault"],
        lines=plan.lines,
    )


async def _write(roster_act: RosterAct, plan: Plan, sealed: _Sealed) -> None:
    connection, act = roster_act.connection, roster_act.act
    outcomes = plan.outcomes
    await act.note(_ACTION, after={name: outcomes[name] for name in ("create", "update", "unchanged")})
    for added in slices(plan.added):
        await enrolment.add_employees(connection, [person for person, _ in added], plan.now)
        roster_act.moves += [
            Move(person.employee_id, None, Home(person.site_id, person.department_id)) for person, _ in added
        ]
    for changed in slices(plan.changed):
        await roster.update_people(connection, [after for _, after in changed])
        for before, after in changed:
            note_move(roster_act, before, after)
    for kept in slices(sealed.people):
        await personal.keep(connection, kept)
    for over in plan.expired:
        await roster.end_badge(connection, over.badge_id, over.valid_until or plan.now, None)
    for badges in slices(plan.badges):
        await enrolment.assign_badges(connection, badges, plan.now)
    for notes in slices(sealed.notes):
        await act.note_people(_ACTION, notes)


def _badge_given(employee_id: UUID, given: Set[UUID]) -> dict[str, Any]:
    return {"badge_given": True} if employee_id in given else {}
