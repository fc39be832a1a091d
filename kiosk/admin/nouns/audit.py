"""`audit`: what was done by whom."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.lookup import Names, account_named, all_names, employee_id
from kiosk.admin.output import NOTHING, Output, local_time
from kiosk.admin.parsing import Commands, moment
from kiosk.admin.tables import Column, Fit
from protocol.accounts import AuditItem, AuditList, AuditListResult


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("audit", say("what was done by whom"))
    listing = noun.read("list", say("newest first"), audit_list, limit=50)
    listing.add_argument("--actor", metavar=say("ACCOUNT"), help=say("by whom (user name or id)"))
    listing.add_argument("--employee", metavar=say("EMPLOYEE"), help=say("on whom (number or id)"))
    listing.add_argument("--action", metavar=say("TEXT"), help=say("such as badge.assign"))
    listing.add_argument(
        "--from", dest="since", type=moment, metavar=say("TIME"), help=say("inclusive, e.g. 2026-11-24T08:00")
    )
    listing.add_argument(
        "--until", type=moment, metavar=say("TIME"), help=say("exclusive; local time unless it says otherwise")
    )


async def audit_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    actor = None if options.actor is None else (await account_named(desk, options.actor)).account_id
    command = partial(
        AuditList,
        actor_id=actor,
        employee_id=await employee_id(desk, options.employee),
        action=options.action,
        from_=options.since,
        until=options.until,
    )
    say = output.say
    columns = [
        Column(say("when"), lambda item: local_time(item.at), Fit.WHOLE),
        Column(say("who"), lambda item: item.actor_name or item.actor),
        Column(say("what"), lambda item: item.action, Fit.WHOLE),
        Column(say("change"), lambda item: _change(item, names, output)),
        Column(say("on whom"), lambda item: item.subject, Fit.SPARE),
        Column(say("from where"), lambda item: item.address, Fit.SPARE),
    ]
    items = await desk.items(command, AuditListResult, options.limit)
    names = Names({}, {}) if output.as_json else await all_names(desk)
    output.items(columns, items)


def _change(item: AuditItem, names: Names, output: Output) -> str | None:
    """`display_name: A → B, site_id: Planta Norte`; what was nothing and is nothing isn't told."""
    before, after = item.before or {}, item.after or {}
    told = []
    for field in sorted({*before, *after}):
        old, new = (_value(field, each.get(field), names, output) for each in (before, after))
        if field not in before and new != NOTHING:
            told.append(f"{field}: {new}")
        elif old != new:
            told.append(f"{field}: {old} → {new}")
    return ", ".join(told) or None


def _value(field: str, value: Any, names: Names, output: Output) -> str:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, list):
        return ", ".join(_value(field, each, names, output) for each in value) or NOTHING
    if isinstance(value, str):
        if (named := _named(field, value, names)) is not None:
            return named
        if field.endswith(("_at", "until")):
            return _moment(value)
    return output.cell(value)


def _named(field: str, value: str, names: Names) -> str | None:
    try:
        known = UUID(value)
    except ValueError:
        return None
    return names.department(known) if field.startswith("department") else names.site(known)


def _moment(value: str) -> str:
    try:
        return str(local_time(value))
    except ValueError:
        return value
