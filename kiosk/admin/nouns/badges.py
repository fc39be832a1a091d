"""`badge`: what people hold against a reader. A badge is a credential, so it never stands on the command line."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Literal
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.faults import NotFound
from kiosk.admin.lookup import device_named, employee_named, with_name
from kiosk.admin.nouns.employees import who
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands, always, moment
from kiosk.admin.prompts import Prompts
from kiosk.admin.tables import Column, Fit
from protocol.roster import (
    BadgeAssign,
    BadgeAssigned,
    BadgeItem,
    BadgeLastUnknown,
    BadgeLastUnknownResult,
    BadgeList,
    BadgeListResult,
    BadgeRevoke,
    BadgeRevoked,
)


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("badge", say("badges"))
    who(noun.read("list", say("every badge that is or was someone's, newest first"), badge_list, limit=None), say)

    assign = noun.write(
        "assign",
        say("give someone a badge, which is read from a prompt, from standard input or at a terminal"),
        badge_assign,
        prepare=_read_badge,
        asks=lambda options: options.reassign,
    )
    who(assign, say)
    source = assign.add_mutually_exclusive_group()
    source.add_argument("--badge-stdin", action="store_true", help=say("the first line of standard input"))
    source.add_argument(
        "--last-unknown", metavar=say("DEVICE"), help=say("the badge that this terminal last read and nobody knew")
    )
    assign.add_argument("--until", type=moment, metavar=say("TIME"), help=say("a temporary one; good until then"))
    assign.add_argument("--reassign", action="store_true", help=say("even if it is someone else's now"))

    revoke = noun.write("revoke", say("a badge was lost or given back"), badge_revoke, asks=always)
    revoke.add_argument(
        "badge", metavar=say("BADGE"), help=say("the badge's id, or the number of someone who has just one")
    )
    revoke.add_argument("--returned", action="store_true", help=say("given back, not lost"))

    last = noun.read("last-unknown", say("the badge that a terminal last read and nobody knew"), badge_last_unknown)
    last.add_argument("device", metavar=say("DEVICE"), help=say("name or id"))


def _read_badge(options: argparse.Namespace, prompts: Prompts) -> None:
    options.badge = None
    if options.last_unknown is None:
        options.badge = prompts.secret(
            prompts.say("Badge"), from_stdin=options.badge_stdin, option="--badge-stdin, --last-unknown"
        )


async def badge_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    employee = await employee_named(desk, options.employee)
    items = await desk.items(partial(BadgeList, employee_id=employee.id), BadgeListResult, options.limit)
    say = output.say
    columns = [
        Column(say("badge id"), lambda item: item.badge_id, Fit.WHOLE),
        Column(say("since"), lambda item: local_time(item.assigned_at, seconds=False), Fit.WHOLE),
        Column(say("good until"), lambda item: local_time(item.valid_until, seconds=False), Fit.WHOLE),
        Column(say("ended"), lambda item: local_time(item.revoked_at, seconds=False), Fit.SPARE),
        Column(say("why"), lambda item: item.revoked_reason, Fit.WHOLE),
    ]
    output.items(columns, items)


async def badge_assign(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    employee = await employee_named(desk, options.employee)
    badge = options.badge if options.last_unknown is None else await _last_unknown(desk, options.last_unknown)
    if options.reassign and not options.yes:
        employee = await with_name(desk, employee)
        question = say("Give the badge to {who}? Whoever has it now loses it.", who=employee.label)
        desk.prompts.confirm(question, yes=False)
    command = partial(
        BadgeAssign, employee_id=employee.id, badge=badge, valid_until=options.until, reassign=options.reassign
    )
    assigned = await desk.do(command, BadgeAssigned)
    output.details([Column(say("badge id"), lambda item: item.badge_id)], assigned)


async def _last_unknown(desk: Desk, named: str) -> str:
    device = await device_named(desk, named)
    found = await desk.ask(partial(BadgeLastUnknown, device_id=device.device_id), BadgeLastUnknownResult)
    if found.badge is None:
        raise NotFound("{device} has read no unknown badge in the last minutes", device=device.name)
    return found.badge


async def badge_revoke(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    try:
        badge, label = UUID(options.badge), options.badge
    except ValueError:
        badge, label = await _only_badge_of(desk, options.badge)
    desk.prompts.confirm(say("End the badge of {who}? It will be refused.", who=label), yes=options.yes)
    reason: Literal["lost", "returned"] = "returned" if options.returned else "lost"
    await desk.do(partial(BadgeRevoke, badge_id=badge, reason=reason), BadgeRevoked)
    output.done(say("ended: the badge of {who}", who=label), badge_id=badge)


async def _only_badge_of(desk: Desk, number: str) -> tuple[UUID, str]:
    employee = await employee_named(desk, number)
    items: list[BadgeItem] = await desk.items(partial(BadgeList, employee_id=employee.id), BadgeListResult)
    live = [item.badge_id for item in items if item.revoked_at is None]
    if len(live) != 1:
        raise NotFound("{who} has {count} badges: name one by its id", who=employee.label, count=len(live))
    return live[0], employee.label


async def badge_last_unknown(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    device = await device_named(desk, options.device)
    found = await desk.ask(partial(BadgeLastUnknown, device_id=device.device_id), BadgeLastUnknownResult)
    say = output.say
    columns = [
        Column(say("badge"), lambda item: item.badge),
        Column(say("read at"), lambda item: local_time(item.seen_at)),
        Column(say("punch"), lambda item: item.punch_id),
    ]
    output.details(columns, found)
