"""`site` and `department`: where people work."""

from __future__ import annotations

import argparse
from functools import partial

from kiosk.admin.desk import Desk
from kiosk.admin.faults import UsageFault
from kiosk.admin.lookup import Names, all_names, all_sites, department_named, site_id, site_named
from kiosk.admin.output import Output
from kiosk.admin.parsing import Commands
from kiosk.admin.tables import Column, Fit
from protocol.commands import DepartmentList
from protocol.replies import DepartmentListResult
from protocol.roster import (
    DepartmentCreate,
    DepartmentCreated,
    DepartmentUpdate,
    DepartmentUpdated,
    SiteCreate,
    SiteCreated,
    SiteUpdate,
    SiteUpdated,
)


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("site", say("sites"))
    noun.read("list", say("all in scope"), site_list, limit=None)
    create = noun.write("create", say("a new site"), site_create)
    create.add_argument("name", metavar=say("NAME"), help=say("as everyone sees it"))
    create.add_argument("--time-zone", metavar=say("ZONE"), required=True, help=say("such as Europe/Madrid"))
    update = noun.write("update", say("another name or time zone"), site_update)
    update.add_argument("site", metavar=say("SITE"), help=say("id or name"))
    update.add_argument("--name", metavar=say("NAME"), help=say("as everyone sees it"))
    update.add_argument("--time-zone", metavar=say("ZONE"), help=say("such as Europe/Madrid"))

    noun = commands.noun("department", say("departments"))
    listing = noun.read("list", say("all in scope"), department_list, limit=None)
    listing.add_argument("--site", metavar=say("SITE"), help=say("of this site (id or name)"))
    create = noun.write("create", say("a new department"), department_create)
    create.add_argument("name", metavar=say("NAME"), help=say("as everyone sees it"))
    create.add_argument("--site", metavar=say("SITE"), required=True, help=say("id or name"))
    update = noun.write("update", say("another name"), department_update)
    update.add_argument("department", metavar=say("DEPARTMENT"), help=say("id or name"))
    update.add_argument("--site", metavar=say("SITE"), help=say("where it is, if its name stands for several"))
    update.add_argument("--name", metavar=say("NAME"), required=True, help=say("as everyone sees it"))


async def site_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    columns = [
        Column(say("name"), lambda item: item.name),
        Column(say("time zone"), lambda item: item.time_zone),
        Column(say("id"), lambda item: item.site_id, Fit.SPARE),
    ]
    output.items(columns, (await all_sites(desk))[: options.limit])


async def site_create(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    created = await desk.do(partial(SiteCreate, name=options.name, time_zone=options.time_zone), SiteCreated)
    output.details([Column(output.say("id"), lambda item: item.site_id)], created)


async def site_update(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    if options.name is options.time_zone is None:
        raise UsageFault("say what is to change")
    site = await site_named(desk, options.site)
    command = partial(SiteUpdate, site_id=site.site_id, name=options.name, time_zone=options.time_zone)
    await desk.do(command, SiteUpdated)
    output.done(output.say("changed: {who}", who=options.name or site.name), site_id=site.site_id)


async def department_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    site = await site_id(desk, options.site)
    limit = options.limit if site is None else None
    items = await desk.items(DepartmentList, DepartmentListResult, limit)
    names = Names({}, {}) if output.as_json else await all_names(desk, departments=False)
    columns = [
        Column(say("name"), lambda item: item.name),
        Column(say("site"), lambda item: names.site(item.site_id)),
        Column(say("id"), lambda item: item.department_id, Fit.SPARE),
    ]
    output.items(columns, [item for item in items if site in {None, item.site_id}][: options.limit])


async def department_create(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    site = await site_named(desk, options.site)
    created = await desk.do(partial(DepartmentCreate, site_id=site.site_id, name=options.name), DepartmentCreated)
    output.details([Column(output.say("id"), lambda item: item.department_id)], created)


async def department_update(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    department = await department_named(desk, options.department, await site_id(desk, options.site))
    await desk.do(partial(DepartmentUpdate, department_id=department, name=options.name), DepartmentUpdated)
    output.done(output.say("changed: {who}", who=options.name), department_id=department)
