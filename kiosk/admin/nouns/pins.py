"""`pin`: what people type beside their number."""

from __future__ import annotations

import argparse
from functools import partial

from kiosk.admin.desk import Desk
from kiosk.admin.lookup import employee_named
from kiosk.admin.nouns.employees import who
from kiosk.admin.output import Output
from kiosk.admin.parsing import Commands
from kiosk.admin.prompts import Prompts
from kiosk.admin.shown_once import show_secrets
from protocol.roster import PinIsReset, PinIsSet, PinReset, PinSet


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("pin", say("PINs"))
    setting = noun.write("set", say("give someone a PIN"), pin_set, prepare=_read_pin)
    who(setting, say)
    source = setting.add_mutually_exclusive_group()
    source.add_argument("--pin-stdin", action="store_true", help=say("the first line of standard input"))
    source.add_argument("--generate", action="store_true", help=say("the hub makes one, which is shown once"))
    who(noun.write("reset", say("no PIN until one is set; attempts count anew"), pin_reset), say)


def _read_pin(options: argparse.Namespace, prompts: Prompts) -> None:
    options.pin = None
    if not options.generate:
        options.pin = prompts.new_secret("PIN", from_stdin=options.pin_stdin, option="--pin-stdin, --generate")


async def pin_set(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    employee = await employee_named(desk, options.employee)
    answer = await desk.do(partial(PinSet, employee_id=employee.id, pin=options.pin), PinIsSet)
    if options.generate:
        show_secrets(output, answer, {"pin": output.say("PIN")}, expected=["pin"])
    else:
        output.done(output.say("set: the PIN of {who}", who=employee.label), employee_id=employee.id)


async def pin_reset(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    employee = await employee_named(desk, options.employee)
    await desk.do(partial(PinReset, employee_id=employee.id), PinIsReset)
    output.done(output.say("no longer there: the PIN of {who}", who=employee.label), employee_id=employee.id)
