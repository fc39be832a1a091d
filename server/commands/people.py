"""Commands that look people and departments up, from the directory in memory."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from uuid import UUID

from protocol.commands import DepartmentList, EmployeeGet, EmployeeList
from protocol.errors import ErrorCode
from protocol.replies import (
    DepartmentItem,
    DepartmentListResult,
    EmployeeGetResult,
    EmployeeItem,
    EmployeeListResult,
)
from protocol.values import Status, format_time
from server.commands.actor import actor_of
from server.commands.cursors import make_cursor, read_cursor
from server.errors import Refused
from server.hub.connection import Connection
from server.rules.permissions import Scope, is_permitted
from server.services.directory import Position, fold
from server.services.person_seal import Personal, personal_of
from storage.models import Employee
from storage.repositories import personal


async def list_employees(connection: Connection, command: EmployeeList) -> EmployeeListResult:
    """People in scope by name, a page at a time."""
    context, scope = connection.context, connection.caller.scope
    directory = context.directory
    if command.site_id is not None and not (command.site_id in directory.sites and scope.allows_site(command.site_id)):
        raise Refused(ErrorCode.NOT_FOUND, "site")
    if command.department_id is not None:
        department = directory.departments.get(command.department_id)
        if department is None or not (
            scope.allows_site(department.site_id) and scope.allows_department(department.department_id)
        ):
            raise Refused(ErrorCode.NOT_FOUND, "department")
    after: Position | None = None
    if command.cursor is not None:
        after = read_cursor(context.secrets, "employee", command.cursor, Position)
    # Already in order, and read no further than the page: all of a large company would hold up everyone else.
    matching = (
        employee
        for employee in directory.by_name(command.query, after)
        if sees(scope, employee)
        and command.site_id in (None, employee.site_id)
        and command.department_id in (None, employee.department_id)
        and command.active in (None, employee.active)
    )
    page = list(islice(matching, command.limit))
    more = next(matching, None) is not None
    return EmployeeListResult(
        re=command.id,
        items=[
            EmployeeItem(
                employee_id=employee.employee_id,
                employee_number=employee.employee_number,
                display_name=employee.display_name,
                site_id=employee.site_id,
                department_id=employee.department_id,
                active=employee.active,
                badges=employee.badges,
            )
            for employee in page
        ],
        next_cursor=make_cursor(context.secrets, "employee", directory.position(page[-1])) if more else None,
    )


async def get_employee(connection: Connection, command: EmployeeGet) -> EmployeeGetResult:
    """One person in scope, and where they are; that someone looked stands in the audit before they are told."""
    context = connection.context
    employee = context.directory.employees.get(command.employee_id)
    if employee is None or not sees(connection.caller.scope, employee):
        raise Refused(ErrorCode.NOT_FOUND, "employee")
    actor = actor_of(connection, command)
    await context.acts.read(
        actor, "employee.read", f"employee:{employee.employee_id}", employee_id=employee.employee_id
    )
    about = await _personal(connection, employee.employee_id)
    feed = context.boards.feeds.get(employee.site_id)
    change = feed.people.get(employee.employee_id) if feed else None
    return EmployeeGetResult(
        re=command.id,
        employee_id=employee.employee_id,
        employee_number=employee.employee_number,
        display_name=employee.display_name,
        site_id=employee.site_id,
        department_id=employee.department_id,
        active=employee.active,
        badges=employee.badges,
        status=change.status if change else Status.OUT,
        since=format_time(change.since) if change and change.since else None,
        at_site_id=change.at_site_id if change else None,
        national_id=about.national_id,
        contact=about.contact,
        notes=about.notes,
    )


async def _personal(connection: Connection, employee_id: UUID) -> Personal:
    """What is known of a person beyond their name, for those alone who may change it."""
    context = connection.context
    if not is_permitted(connection.caller.role, "employee.update"):
        return Personal()
    async with context.database.connection() as database:
        kept = (await personal.find(database, [employee_id])).get(employee_id)
    return personal_of(context.secrets, kept, None)


async def list_departments(connection: Connection, command: DepartmentList) -> DepartmentListResult:
    context, scope = connection.context, connection.caller.scope
    matching = sorted(
        (
            (fold(department.name), department.department_id)
            for department in context.directory.departments.values()
            if scope.allows_site(department.site_id) and scope.allows_department(department.department_id)
        ),
    )
    start = 0
    if command.cursor is not None:
        position = read_cursor(context.secrets, "department", command.cursor, tuple[str, UUID])
        start = bisect_right(matching, position)
    page = matching[start : start + command.limit]
    departments = [context.directory.departments[department_id] for _, department_id in page]
    more = start + command.limit < len(matching)
    return DepartmentListResult(
        re=command.id,
        items=[
            DepartmentItem(department_id=department.department_id, site_id=department.site_id, name=department.name)
            for department in departments
        ],
        next_cursor=make_cursor(context.secrets, "department", page[-1]) if more else None,
    )


def sees(scope: Scope, employee: Employee) -> bool:
    """Whether a scope has this person: by home site and department."""
    return scope.allows_site(employee.site_id) and scope.allows_department(employee.department_id)
