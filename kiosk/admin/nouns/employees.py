"""`employee`: who works here."""

from __future__ import annotations

import argparse
from functools import partial
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.faults import UsageFault
from kiosk.admin.imports import import_people, read_file
from kiosk.admin.lookup import (
    Names,
    all_names,
    department_named,
    employee_named,
    site_id,
    site_named,
    with_name,
)
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands, Parser, always, complete_files
from kiosk.admin.tables import Column, Fit
from kiosk.admin.words import Words
from protocol.commands import EmployeeGet, EmployeeList
from protocol.replies import EmployeeGetResult, EmployeeListResult
from protocol.roster import (
    EmployeeCreate,
    EmployeeCreated,
    EmployeeDeactivate,
    EmployeeDeactivated,
    EmployeeErase,
    EmployeeErased,
    EmployeeRehire,
    EmployeeRehired,
    EmployeeUpdate,
    EmployeeUpdated,
)


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("employee", say("people: who works here"))
    listing = noun.read("list", say("who works here"), employee_list, limit=None)
    listing.add_argument("--site", metavar=say("SITE"), help=say("of this site (id or name)"))
    listing.add_argument("--department", metavar=say("DEPARTMENT"), help=say("of this department (id or name)"))
    listing.add_argument("--query", metavar=say("TEXT"), help=say("in the name or the number"))
    listing.add_argument("--all", action="store_true", help=say("inactive ones as well"))
    who(noun.read("get", say("one person"), employee_get), say)

    create = noun.write("create", say("someone new"), employee_create)
    create.add_argument("number", metavar=say("NUMBER"), help=say("as it is typed at a kiosk"))
    create.add_argument("name", metavar=say("NAME"), help=say("as everyone sees it"))
    create.add_argument("--site", metavar=say("SITE"), required=True, help=say("id or name"))
    create.add_argument("--department", metavar=say("DEPARTMENT"), required=True, help=say("id or name"))

    update = noun.write("update", say("another number, name, site or department"), employee_update)
    who(update, say)
    update.add_argument("--number", metavar=say("NUMBER"), help=say("as it is typed at a kiosk"))
    update.add_argument("--name", metavar=say("NAME"), help=say("as everyone sees it"))
    update.add_argument("--site", metavar=say("SITE"), help=say("id or name"))
    update.add_argument("--department", metavar=say("DEPARTMENT"), help=say("id or name"))

    deactivate = noun.write(
        "deactivate", say("punches are refused from now on; the record stays"), employee_deactivate, asks=always
    )
    who(deactivate, say)
    who(noun.write("rehire", say("the same person works here again"), employee_rehire), say)

    erase = noun.write(
        "erase",
        say("name and details are deleted for good, once a second administrator says so too"),
        employee_erase,
        asks=always,
    )
    who(erase, say)

    imported = noun.write("import", say("people from a CSV file, all or none"), employee_import, prepare=read_file)
    complete_files(imported.add_argument("file", metavar=say("FILE"), help=say("CSV with a header line; -: stdin")))
    imported.add_argument("--dry-run", action="store_true", help=say("only say what would become of each line"))
    imported.add_argument(
        "--map",
        action="append",
        default=[],
        metavar=say("HEADER=FIELD"),
        help=say("which column is which field (employee_number, display_name, site, department, badge, ignore)"),
    )


def who(parser: Parser, say: Words) -> None:
    parser.add_argument("employee", metavar=say("EMPLOYEE"), help=say("number or id"))


async def employee_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    site = await site_id(desk, options.site)
    command = partial(
        EmployeeList,
        site_id=site,
        department_id=await _department(desk, options.department, site),
        query=options.query,
        active=None if options.all else True,
    )
    items = await desk.items(command, EmployeeListResult, options.limit)
    names = Names({}, {}) if output.as_json else await all_names(desk)
    output.items(_columns(output, names), items)


async def employee_get(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    employee = await employee_named(desk, options.employee)
    found = await desk.ask(partial(EmployeeGet, employee_id=employee.id), EmployeeGetResult)
    names = Names({}, {}) if output.as_json else await all_names(desk)
    say = output.say
    more = [
        Column(say("status"), lambda person: output.status(person.status)),
        Column(say("since"), lambda person: local_time(person.since)),
        Column(say("at"), lambda person: names.site(person.at_site_id)),
    ]
    output.details([*_columns(output, names), *more], found)


def _columns(output: Output, names: Names) -> list[Column]:
    say = output.say
    return [
        Column(say("number"), lambda item: item.employee_number, Fit.WHOLE),
        Column(say("name"), lambda item: item.display_name),
        Column(say("site"), lambda item: names.site(item.site_id)),
        Column(say("department"), lambda item: names.department(item.department_id)),
        Column(say("active"), lambda item: item.active, Fit.WHOLE),
        Column(say("badges"), lambda item: item.badges, Fit.WHOLE),
        Column(say("id"), lambda item: item.employee_id, Fit.SPARE),
    ]


async def employee_create(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    site = (await site_named(desk, options.site)).site_id
    command = partial(
        EmployeeCreate,
        employee_number=options.number,
        display_name=options.name,
        site_id=site,
        department_id=await department_named(desk, options.department, site),
    )
    created = await desk.do(command, EmployeeCreated)
    output.details([Column(output.say("id"), lambda item: item.employee_id)], created)


async def employee_update(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    if options.number is options.name is options.site is options.department is None:
        raise UsageFault("say what is to change")
    employee = await employee_named(desk, options.employee)
    site = await site_id(desk, options.site)
    command = partial(
        EmployeeUpdate,
        employee_id=employee.id,
        employee_number=options.number,
        display_name=options.name,
        site_id=site,
        department_id=await _department(desk, options.department, site or await _home(desk, employee.id, options)),
    )
    await desk.do(command, EmployeeUpdated)
    output.done(output.say("changed: {who}", who=employee.label), employee_id=employee.id)


async def _department(desk: Desk, named: str | None, site: UUID | None) -> UUID | None:
    return None if named is None else await department_named(desk, named, site)


async def _home(desk: Desk, employee: UUID, options: argparse.Namespace) -> UUID | None:
    """The site at which a department's name is to be looked for: the person's own."""
    if options.department is None:
        return None
    return (await desk.ask(partial(EmployeeGet, employee_id=employee), EmployeeGetResult)).site_id


async def employee_deactivate(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    employee = await employee_named(desk, options.employee)
    if not options.yes:
        employee = await with_name(desk, employee)
    question = say("Deactivate {who}? Punches are refused from then on.", who=employee.label)
    desk.prompts.confirm(question, yes=options.yes)
    await desk.do(partial(EmployeeDeactivate, employee_id=employee.id), EmployeeDeactivated)
    output.done(say("deactivated: {who}", who=employee.label), employee_id=employee.id)


async def employee_rehire(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    employee = await employee_named(desk, options.employee)
    await desk.do(partial(EmployeeRehire, employee_id=employee.id), EmployeeRehired)
    output.done(output.say("works here again: {who}", who=employee.label), employee_id=employee.id)


async def employee_erase(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    employee = await employee_named(desk, options.employee)
    if not options.yes:
        employee = await with_name(desk, employee)
    question = say("Erase {who}? Name and details are gone for good; punches stay.", who=employee.label)
    desk.prompts.confirm(question, yes=options.yes)
    erased = await desk.do(partial(EmployeeErase, employee_id=employee.id), EmployeeErased)
    if erased.state == "requested":
        done = say("asked for: another administrator has to say the same of {who}", who=employee.label)
    else:
        done = say("erased: {who}", who=employee.label)
    output.done(done, employee_id=employee.id, state=erased.state)


async def employee_import(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    await import_people(desk, options, output)
