"""`device`: terminals, from the invitation to the end."""

from __future__ import annotations

import argparse
from functools import partial

from kiosk.admin.desk import Desk
from kiosk.admin.faults import UsageFault
from kiosk.admin.lookup import Names, all_names, device_named, site_id, site_named
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands, Parser, always, moment
from kiosk.admin.prompts import Prompts
from kiosk.admin.shown_once import show_secrets
from kiosk.admin.tables import Column, Fit
from kiosk.admin.words import Words
from protocol.devices import (
    DeviceConfirm,
    DeviceConfirmed,
    DeviceInvite,
    DeviceInvited,
    DeviceItem,
    DeviceList,
    DeviceListResult,
    DeviceMove,
    DeviceMoved,
    DeviceRetire,
    DeviceRetired,
    DeviceRevoke,
    DeviceRevoked,
)
from protocol.pairing import NotAPairingCode, in_groups, qr_text
from protocol.values import DeviceStatus


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("device", say("terminals"))
    invite = noun.write("invite", say("a pairing code for a new terminal, shown once"), device_invite)
    invite.add_argument("name", metavar=say("NAME"), help=say("how the terminal is to be called"))
    invite.add_argument("--site", metavar=say("SITE"), required=True, help=say("id or name"))

    listing = noun.read("list", say("terminals, and how they are"), device_list, limit=None)
    listing.add_argument("--site", metavar=say("SITE"), help=say("of this site (id or name)"))
    listing.add_argument("--status", type=DeviceStatus, choices=tuple(DeviceStatus), help=say("that are so"))
    listing.add_argument("--query", metavar=say("TEXT"), help=say("in the name"))

    confirm = noun.write(
        "confirm", say("let a pending terminal work"), device_confirm, prepare=_check_fingerprint_can_be_asked
    )
    _which(confirm, say)
    confirm.add_argument(
        "--fingerprint", metavar=say("FINGERPRINT"), help=say("as the terminal's own screen shows it; else asked")
    )

    move = noun.write("move", say("to another site"), device_move)
    _which(move, say)
    move.add_argument("site", metavar=say("SITE"), help=say("id or name"))

    retire = noun.write("retire", say("out of use, and no longer waited for"), device_retire, asks=always)
    _which(retire, say)
    retire.add_argument("--lost-at", type=moment, metavar=say("TIME"), help=say("what it signed later isn't recorded"))
    revoke = noun.write("revoke", say("close it at once and refuse what it signs later"), device_revoke, asks=always)
    _which(revoke, say)


def _which(parser: Parser, say: Words) -> None:
    parser.add_argument("device", metavar=say("DEVICE"), help=say("name or id"))


def _check_fingerprint_can_be_asked(options: argparse.Namespace, prompts: Prompts) -> None:
    if options.fingerprint is None and not prompts.is_terminal:
        raise UsageFault("standard input is no terminal: use {option}", option="--fingerprint")


async def device_invite(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    site = await site_named(desk, options.site)
    invited = await desk.do(partial(DeviceInvite, site_id=site.site_id, name=options.name), DeviceInvited)
    headings = {"pairing_code": say("pairing code")}
    show_secrets(output, invited, headings, expected=["pairing_code"], qr_text=_qr_text(invited))
    output.line(say("good once, until {time}", time=local_time(invited.expires_at)))


def _qr_text(invited: DeviceInvited) -> str | None:
    try:
        return None if invited.pairing_code is None else qr_text(invited.pairing_code)
    except NotAPairingCode:
        return None


async def device_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    command = partial(DeviceList, site_id=await site_id(desk, options.site), status=options.status, query=options.query)
    items = await desk.items(command, DeviceListResult, options.limit)
    names = Names({}, {}) if output.as_json else await all_names(desk, departments=False)
    say = output.say
    columns = [
        Column(say("name"), lambda item: item.name),
        Column(say("site"), lambda item: names.site(item.site_id)),
        Column(say("state"), lambda item: _state(item, say)),
        Column(say("waiting"), lambda item: item.outbox_depth, Fit.WHOLE),
        Column(say("clock"), _clock, Fit.WHOLE),
        Column(say("heard at"), lambda item: local_time(item.heard_at, seconds=False), Fit.WHOLE),
        Column(say("id"), lambda item: item.device_id, Fit.SPARE),
        Column(say("version"), lambda item: item.version, Fit.SPARE),
        Column(say("fingerprint"), lambda item: item.fingerprint, Fit.SPARE),
    ]
    output.items(columns, items)


def _state(item: DeviceItem, say: Words) -> str:
    signs = [say("retired") if item.retired else item.status.value]
    if item.forked_at is not None:
        signs.append(say("CLONED?"))
    if item.silent and not item.retired and item.status is DeviceStatus.ACTIVE:
        signs.append(say("silent"))
    return ", ".join(signs)


def _clock(item: DeviceItem) -> str | None:
    """How far a terminal's wall clock is off, to the second."""
    return None if item.clock_offset_ms is None else f"{round(item.clock_offset_ms / 1000):+d} s"


async def device_confirm(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    device = await device_named(desk, options.device)
    fingerprint = options.fingerprint
    if fingerprint is None:
        question = say(
            "{name}: does its own screen show the fingerprint {fingerprint}?",
            name=device.name,
            fingerprint=in_groups(device.fingerprint),
        )
        desk.prompts.confirm(question, yes=False)
        fingerprint = device.fingerprint
    fingerprint = "".join(fingerprint.split())
    await desk.do(partial(DeviceConfirm, device_id=device.device_id, fingerprint=fingerprint), DeviceConfirmed)
    output.done(say("works now: {name}", name=device.name), device_id=device.device_id)


async def device_move(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    device = await device_named(desk, options.device)
    site = await site_named(desk, options.site)
    await desk.do(partial(DeviceMove, device_id=device.device_id, site_id=site.site_id), DeviceMoved)
    told = output.say("moved: {name} is at {site} now", name=device.name, site=site.name)
    output.done(told, device_id=device.device_id)


async def device_retire(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    device = await device_named(desk, options.device)
    desk.prompts.confirm(say("Retire {name}? It can't come back.", name=device.name), yes=options.yes)
    await desk.do(partial(DeviceRetire, device_id=device.device_id, lost_at=options.lost_at), DeviceRetired)
    output.done(say("retired: {name}", name=device.name), device_id=device.device_id)


async def device_revoke(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    device = await device_named(desk, options.device)
    question = say("Revoke {name}? It is closed at once and can't come back.", name=device.name)
    desk.prompts.confirm(question, yes=options.yes)
    await desk.do(partial(DeviceRevoke, device_id=device.device_id), DeviceRevoked)
    output.done(say("revoked: {name}", name=device.name), device_id=device.device_id)
