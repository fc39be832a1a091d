"""`audit`: what was done by whom."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any

from kiosk.admin.desk import Desk
from kiosk.admin.lookup import account_named, employee_id
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
        Column(say("change"), _change),
        Column(say("on whom"), lambda item: item.subject, Fit.SPARE),
        Column(say("from where"), lambda item: item.address, Fit.SPARE),
    ]
    output.items(columns, await desk.items(command, AuditListResult, options.limit))


def _change(item: AuditItem) -> str | None:
    """`name: A → B, site: C`."""
    before, after = item.before or {}, item.after or {}
    told = [f"{name}: {_step(before, after, name)}" for name in sorted({*before, *after})]
    return ", ".join(told) or None


def _step(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> str:
    old, new = (NOTHING if each.get(name) is None else str(each[name]) for each in (before, after))
    if name not in before or name not in after:
        return new if name in after else old
    return f"{old} → {new}" if old != new else new
