"""`password` and `totp`: one's own ways to sign in."""

from __future__ import annotations

import argparse
from functools import partial

from kiosk.admin.desk import Desk
from kiosk.admin.output import Output
from kiosk.admin.parsing import Commands, Parser
from kiosk.admin.prompts import Prompts
from kiosk.admin.shown_once import show_secrets
from kiosk.admin.words import Words
from protocol.accounts import (
    PasswordChange,
    PasswordChanged,
    TotpBegin,
    TotpBegun,
    TotpConfirm,
    TotpConfirmed,
    TotpRemove,
    TotpRemoved,
)


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("password", say("one's own password"))
    change = noun.write("change", say("ends one's other sessions"), password_change, prepare=_read_both)
    change.add_argument(
        "--passwords-stdin", action="store_true", help=say("the first two lines of standard input: the old, the new")
    )

    noun = commands.noun("totp", say("one's own second factor"))
    begin = noun.write(
        "begin",
        say("a new one, shown once; the old one serves until it is confirmed"),
        totp_begin,
        prepare=_read_password,
    )
    _password(begin, say)
    confirm = noun.write("confirm", say("with a code of the new one"), totp_confirm, prepare=_read_code)
    confirm.add_argument("--code-stdin", action="store_true", help=say("the first line of standard input"))
    remove = noun.write("remove", say("where the role needs none"), totp_remove, prepare=_read_password_and_code)
    _password(remove, say)
    remove.add_argument("--code-stdin", action="store_true", help=say("the next line of standard input"))


def _password(parser: Parser, say: Words) -> None:
    parser.add_argument("--password-stdin", action="store_true", help=say("the first line of standard input"))


def _read_both(options: argparse.Namespace, prompts: Prompts) -> None:
    say, stdin = prompts.say, options.passwords_stdin
    options.current = prompts.secret(say("Password now"), from_stdin=stdin, option="--passwords-stdin")
    options.new = prompts.new_secret(say("New password"), from_stdin=stdin, option="--passwords-stdin")


def _read_password(options: argparse.Namespace, prompts: Prompts) -> None:
    options.password = prompts.secret(
        prompts.say("Password"), from_stdin=options.password_stdin, option="--password-stdin"
    )


def _read_code(options: argparse.Namespace, prompts: Prompts) -> None:
    options.code = prompts.secret(prompts.say("One-time code"), from_stdin=options.code_stdin, option="--code-stdin")


def _read_password_and_code(options: argparse.Namespace, prompts: Prompts) -> None:
    _read_password(options, prompts)
    _read_code(options, prompts)


async def password_change(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    await desk.do(partial(PasswordChange, current=options.current, new=options.new), PasswordChanged)
    output.done(output.say("the password is changed; your other sessions have ended"))


async def totp_begin(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    begun = await desk.do(partial(TotpBegin, password=options.password), TotpBegun)
    headings = {"totp_uri": say("second factor")}
    show_secrets(output, begun, headings, expected=["totp_uri"], qr_text=begun.totp_uri)
    output.note(say("now `totp confirm` with a code of it; until then the old one serves"))


async def totp_confirm(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    await desk.do(partial(TotpConfirm, code=options.code), TotpConfirmed)
    output.done(output.say("the new second factor serves from now on"))


async def totp_remove(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    await desk.do(partial(TotpRemove, password=options.password, code=options.code), TotpRemoved)
    output.done(output.say("the second factor is removed"))
