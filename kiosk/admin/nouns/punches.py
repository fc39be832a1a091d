"""`punch`: what came in from terminals."""

from __future__ import annotations

import argparse
from functools import partial
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.lookup import device_named, employee_id, site_id
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands, moment
from kiosk.admin.tables import Column, Fit
from protocol.commands import PunchList
from protocol.replies import PunchListResult
from protocol.values import Outcome


def add(commands: Commands) -> None:
    say = commands.say
    listing = commands.noun("punch", say("punches")).read("list", say("newest first"), punch_list, limit=50)
    listing.add_argument("--site", metavar=say("SITE"), help=say("of this site (id or name)"))
    listing.add_argument("--employee", metavar=say("EMPLOYEE"), help=say("number or id"))
    listing.add_argument("--device", metavar=say("DEVICE"), help=say("name or id"))
    listing.add_argument(
        "--from", dest="since", type=moment, metavar=say("TIME"), help=say("inclusive, e.g. 2026-11-24T08:00")
    )
    listing.add_argument(
        "--until", type=moment, metavar=say("TIME"), help=say("exclusive; local time unless it says otherwise")
    )
    listing.add_argument("--outcome", type=Outcome, choices=tuple(Outcome), help=say("that became so"))


async def punch_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    command = partial(
        PunchList,
        site_id=await site_id(desk, options.site),
        employee_id=await employee_id(desk, options.employee),
        device_id=await _device(desk, options.device),
        from_=options.since,
        until=options.until,
        outcome=options.outcome,
    )
    say = output.say
    columns = [
        Column(say("when"), lambda item: local_time(item.occurred_at or item.recorded_at), Fit.WHOLE),
        Column(say("name"), lambda item: item.display_name),
        Column(say("kind"), lambda item: item.kind, Fit.WHOLE),
        Column(say("outcome"), lambda item: item.outcome, Fit.WHOLE),
        Column(say("reason"), lambda item: item.reason),
        Column(say("captured"), lambda item: item.captured, Fit.SPARE),
        Column(say("punch"), lambda item: item.punch_id, Fit.SPARE),
    ]
    output.items(columns, await desk.items(command, PunchListResult, options.limit))


async def _device(desk: Desk, named: str | None) -> UUID | None:
    if named is None:
        return None
    try:
        return UUID(named)  # who may see punches may not always list terminals
    except ValueError:
        return (await device_named(desk, named)).device_id
