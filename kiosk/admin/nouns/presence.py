"""`presence` and `rollcall`: who is where."""

from __future__ import annotations

import argparse
from functools import partial

from msgspec import structs

from kiosk.admin.desk import Desk
from kiosk.admin.lookup import site_named
from kiosk.admin.output import Output, local_time, zone_of
from kiosk.admin.parsing import Commands
from kiosk.admin.tables import Column, Fit
from protocol.commands import RollcallGet
from protocol.replies import RollcallResult


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("presence", say("who is where"))
    watch = noun.read("watch", say("live, until Ctrl-C"), rollcall)
    watch.add_argument(
        "--site", action="append", default=[], metavar=say("SITE"), help=say("only this one; may be repeated")
    )
    watch.add_argument("--once", action="store_true", help=say("the state alone"))
    watch.set_defaults(command="watch")

    roll = commands.single("rollcall", say("who is inside a site now"), run=rollcall)
    roll.add_argument("site", metavar=say("SITE"), help=say("id or name"))


async def rollcall(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    site = await site_named(desk, options.site)
    zone = zone_of(site.time_zone)
    parts = await desk.ask_parts(partial(RollcallGet, site_id=site.site_id), RollcallResult)
    found = structs.replace(parts[0], inside=[person for part in parts for person in part.inside])
    if output.as_json:
        output.record(found)
        return
    say = output.say
    as_of = local_time(found.as_of, zone)
    output.line(say("{site}: {count} inside as of {time}", site=site.name, count=len(found.inside), time=as_of))
    output.line(say("complete to {time}", time=output.cell(local_time(found.complete_to, zone))))
    if found.silent_devices:
        names = ", ".join(device.name for device in found.silent_devices)
        output.line(say("silent terminals: {names}", names=names))
    columns = [
        Column(say("status"), output.status_of, Fit.WHOLE),
        Column(say("name"), lambda person: person.display_name),
        Column(say("since"), lambda person: local_time(person.since, zone, seconds=False), Fit.WHOLE),
    ]
    output.items(columns, sorted(found.inside, key=lambda person: person.display_name))
