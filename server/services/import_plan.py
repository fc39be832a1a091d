"""What an import would do, line by line: the table against what is recorded. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from protocol.roster import ImportLine
from server.rules.people_csv import Fault, Row, Table, shown
from server.rules.permissions import Scope
from server.services.directory import fold
from server.services.person_seal import OnRoll, Personal
from server.services.roster_acts import Home
from storage.models import Department, Employee, Site
from storage.repositories.roster import HeldBadge

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Record:
    """What is recorded of a file's people, locked: by number, and by badge."""

    sites: Sequence[Site]
    departments: Sequence[Department]
    people: dict[str, OnRoll] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)
    holds: dict[bytes, HeldBadge] = field(default_factory=dict)
    now: datetime = _EPOCH


@dataclass(slots=True)
class Plan:
    """A report in the order of the lines, and the rows that make it true."""

    now: datetime
    lines: list[ImportLine] = field(default_factory=list)
    added: list[tuple[Employee, Personal]] = field(default_factory=list)
    changed: list[tuple[OnRoll, OnRoll]] = field(default_factory=list)
    badges: list[tuple[bytes, UUID]] = field(default_factory=list)
    expired: list[HeldBadge] = field(default_factory=list)

    @property
    def is_faultless(self) -> bool:
        return not self.outcomes["fault"]

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(line.outcome for line in self.lines)


class _FaultyError(Exception):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def make_plan(table: Table, record: Record, scope: Scope) -> Plan:
    """What becomes of each line, as far as `scope` goes."""
    planner = _Planner(record, scope)
    lines = [_fault_line(fault) for fault in table.faults]
    for row in table.rows:
        try:
            lines.append(planner.take(row))
        except _FaultyError as fault:
            lines.append(_fault_line(Fault(row.line, row.employee_number, fault.field, fault.problem)))
    planner.plan.lines = sorted(lines, key=lambda line: line.line)
    return planner.plan


class _Planner:
    def __init__(self, record: Record, scope: Scope) -> None:
        self._record = record
        self._scope = scope
        self.plan = Plan(record.now)
        self._sites: dict[str, list[UUID]] = {}
        for site in record.sites:
            if scope.allows_site(site.site_id):
                self._sites.setdefault(fold(site.name), []).append(site.site_id)
        self._departments: dict[tuple[UUID, str], list[UUID]] = {}
        for one in record.departments:
            if scope.allows_site(one.site_id) and scope.allows_department(one.department_id):
                self._departments.setdefault((one.site_id, fold(one.name)), []).append(one.department_id)

    def take(self, row: Row) -> ImportLine:
        """Raises _FaultyError."""
        known = self._record.people.get(row.employee_number)
        if known is None:
            person = self._new(row)
            self._badge(row, person.employee_id)
            self.plan.added.append((person, Personal().changed(**row.personal)))
            return ImportLine(line=row.line, employee_number=row.employee_number, outcome="create")
        if not (self._scope.allows_site(known.site_id) and self._scope.allows_department(known.department_id)):
            raise _FaultyError("employee_number", "is taken")
        if known.deactivated_at is not None:
            raise _FaultyError("employee_number", "is of someone inactive: take them on again first")
        home = self._home(row, Home(known.site_id, known.department_id))
        after = replace(
            known,
            personal=known.personal.changed(**row.personal),
            site_id=home.site_id,
            department_id=home.department_id,
        )
        has_new_badge = self._badge(row, known.employee_id)
        if after != known:
            self.plan.changed.append((known, after))
        return ImportLine(
            line=row.line,
            employee_number=row.employee_number,
            outcome="update" if has_new_badge or after != known else "unchanged",
        )

    def _new(self, row: Row) -> Employee:
        if row.display_name is None:
            raise _FaultyError("display_name", "is empty, and this person is new")
        home = self._home(row, None)
        return Employee(
            employee_id=uuid4(),
            employee_number=row.employee_number,
            display_name=row.display_name,
            site_id=home.site_id,
            department_id=home.department_id,
            active=True,
            badges=0,
        )

    def _home(self, row: Row, present: Home | None) -> Home:
        if row.site is not None:
            site_id = _the_one(self._sites.get(fold(row.site), []), "site")
        elif present is not None:
            site_id = present.site_id
        else:
            raise _FaultyError("site", "is empty, and this person is new")
        if row.department is not None:
            found = self._departments.get((site_id, fold(row.department)), [])
            return Home(site_id, _the_one(found, "department"))
        if present is None:
            raise _FaultyError("department", "is empty, and this person is new")
        if present.site_id != site_id:
            raise _FaultyError("department", "is empty, and this person changes sites")
        return present

    def _badge(self, row: Row, employee_id: UUID) -> bool:
        """Whether the line gives this person a badge that isn't theirs yet."""
        if row.badge is None:
            return False
        badge_hash = self._record.hashes[row.badge]
        held = self._record.holds.get(badge_hash)
        if held is not None:
            if held.valid_until is not None and held.valid_until <= self._record.now:
                self.plan.expired.append(held)
            elif held.employee_id == employee_id:
                return False
            else:
                raise _FaultyError("badge", "is someone else's")
        self.plan.badges.append((badge_hash, employee_id))
        return True


def _the_one(found: Sequence[UUID], name: str) -> UUID:
    if not found:
        raise _FaultyError(name, f"there is no {name} of this name" if name == "site" else "isn't one of this site's")
    if len(found) > 1:
        raise _FaultyError(name, "could be more than one: their names differ in case or accents alone")
    return found[0]


def _fault_line(fault: Fault) -> ImportLine:
    return ImportLine(
        line=fault.line,
        employee_number=shown(fault.employee_number),
        outcome="fault",
        field=fault.field,
        problem=fault.problem,
    )
