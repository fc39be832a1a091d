"""`hub`: the hub itself."""

from __future__ import annotations

import argparse

from kiosk.admin.desk import Desk
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands
from kiosk.admin.tables import Column
from protocol.commands import HubStatus
from protocol.replies import HubStatusResult


def add(commands: Commands) -> None:
    say = commands.say
    commands.noun("hub", say("the hub itself")).read("status", say("how it is"), hub_status)


async def hub_status(desk: Desk, options: argparse.Namespace, output: Output) -> None:  # noqa: ARG001 - as all
    say = output.say
    columns = [
        Column(say("hub"), lambda status: status.hub_id),
        Column(say("version"), lambda status: status.version),
        Column(say("started at"), lambda status: local_time(status.started_at)),
        Column(say("connections"), lambda status: status.connections),
        Column(say("punches waiting"), lambda status: status.ingest_depth),
        Column("PostgreSQL", lambda status: status.postgres),
        Column("Redis", lambda status: status.redis),
        Column(say("secrets"), lambda status: status.secrets),
        Column(say("draining"), lambda status: status.draining),
    ]
    output.details(columns, await desk.ask(HubStatus, HubStatusResult))
