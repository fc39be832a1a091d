"""`account`: who may sign in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Final, get_args
from uuid import UUID

from kiosk.admin.desk import Desk
from kiosk.admin.faults import UsageFault
from kiosk.admin.lookup import Names, account_named, all_names, department_named, employee_id, site_id
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands, Parser, always
from kiosk.admin.prompts import Prompts
from kiosk.admin.shown_once import show_secrets
from kiosk.admin.tables import Column, Fit
from kiosk.admin.words import Words
from protocol.accounts import (
    AccountCreate,
    AccountCreated,
    AccountDisable,
    AccountDisabled,
    AccountEnable,
    AccountEnabled,
    AccountList,
    AccountListResult,
    AccountScope,
    AccountUpdate,
    AccountUpdated,
    PersonRole,
)

_ROLES: Final[Sequence[str]] = get_args(PersonRole)
_STRICT: Final = frozenset({"admin", "inspector"})
"""Roles of which a hub may want a second factor, which it then makes by itself."""


def add(commands: Commands) -> None:
    say = commands.say
    noun = commands.noun("account", say("who may sign in"))
    listing = noun.read("list", say("accounts by user name"), account_list, limit=None)
    listing.add_argument("--query", metavar=say("TEXT"), help=say("in the user name"))
    listing.add_argument("--role", choices=_ROLES, help=say("of this role"))

    create = noun.write("create", say("a new account"), account_create, prepare=_prepare_account)
    create.add_argument("username", metavar=say("USER"), help=say("the name to sign in with"))
    create.add_argument("--role", choices=_ROLES, required=True, help=say("what it may do"))
    _scope(create, say)
    create.add_argument("--everywhere", action="store_true", help=say("all sites and departments"))
    create.add_argument("--employee", metavar=say("EMPLOYEE"), help=say("whose account it is (number or id)"))
    source = create.add_mutually_exclusive_group()
    source.add_argument("--password-stdin", action="store_true", help=say("the first line of standard input"))
    source.add_argument("--ask-password", action="store_true", help=say("ask for it; else the hub makes one"))

    update = noun.write("update", say("another role, scope or person; a new password or factor"), account_update)
    _which(update, say)
    update.add_argument("--role", choices=_ROLES, help=say("what it may do"))
    _scope(update, say)
    update.add_argument("--everywhere", action="store_true", help=say("all sites and departments"))
    update.add_argument("--employee", metavar=say("EMPLOYEE"), help=say("whose account it is (number or id)"))
    update.add_argument("--reset-password", action="store_true", help=say("made anew and shown once"))
    update.add_argument("--reset-totp", action="store_true", help=say("made anew and shown once"))

    disable = noun.write("disable", say("end its sessions; nobody signs in with it"), account_disable, asks=always)
    _which(disable, say)
    _which(noun.write("enable", say("it may be used again"), account_enable), say)


def _which(parser: Parser, say: Words) -> None:
    parser.add_argument("account", metavar=say("ACCOUNT"), help=say("user name or id"))


def _scope(parser: Parser, say: Words) -> None:
    parser.add_argument(
        "--site", action="append", metavar=say("SITE"), help=say("sees this site alone (id or name); may be repeated")
    )
    parser.add_argument(
        "--department",
        action="append",
        metavar=say("DEPARTMENT"),
        help=say("sees this department alone (id or name); may be repeated"),
    )


def _prepare_account(options: argparse.Namespace, prompts: Prompts) -> None:
    if options.role != "employee" and not (options.site or options.department or options.everywhere):
        # A whole company is nothing that one gives away by leaving something out.
        raise UsageFault("say what it sees: --site, --department or --everywhere")
    options.password = None
    if options.password_stdin or options.ask_password:
        options.password = prompts.new_secret(
            prompts.say("Password"), from_stdin=options.password_stdin, option="--password-stdin"
        )


async def account_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    command = partial(AccountList, query=options.query, role=options.role)
    items = await desk.items(command, AccountListResult, options.limit)
    names = Names({}, {}) if output.as_json else await all_names(desk)
    say = output.say
    everywhere = say("all")
    columns = [
        Column(say("user"), lambda item: item.username),
        Column(say("role"), lambda item: item.role.value, Fit.WHOLE),
        Column(say("sites"), lambda item: names.all_of(item.site_ids) or everywhere),
        Column(say("departments"), lambda item: _departments(names, item.department_ids) or everywhere),
        Column(say("second factor"), lambda item: item.totp, Fit.WHOLE),
        Column(say("disabled"), lambda item: local_time(item.disabled_at, seconds=False), Fit.WHOLE),
        Column(say("id"), lambda item: item.account_id, Fit.SPARE),
    ]
    output.items(columns, items)


def _departments(names: Names, departments: Sequence[UUID] | None) -> str | None:
    return None if departments is None else ", ".join(sorted(str(names.department(each)) for each in departments))


async def account_create(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    command = partial(
        AccountCreate,
        username=options.username,
        role=options.role,
        scope=await _new_scope(desk, options) or AccountScope(),
        password=options.password,
        employee_id=await employee_id(desk, options.employee),
    )
    created = await desk.do(command, AccountCreated)
    headings = {"account_id": say("id"), **_secrets(say)}
    expected = [] if options.password is not None else ["password"]
    if desk.is_repeated and options.role in _STRICT:
        expected.append("totp_uri")
    show_secrets(output, created, headings, expected=expected, qr_text=created.totp_uri)


def _secrets(say: Words) -> dict[str, str]:
    return {"password": say("password"), "totp_uri": say("second factor")}


async def _wanted_scope(desk: Desk, options: argparse.Namespace) -> AccountScope | None:
    """What `--site` and `--department` say; None where they say nothing."""
    if options.site is options.department is None:
        return None
    sites = None if options.site is None else [await site_id(desk, each) for each in options.site]
    only_site = sites[0] if sites is not None and len(sites) == 1 else None
    departments = None
    if options.department is not None:
        departments = [await department_named(desk, each, only_site) for each in options.department]
    return AccountScope(
        site_ids=None if sites is None else [each for each in sites if each is not None], department_ids=departments
    )


async def account_update(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    scope = await _new_scope(desk, options)
    told = (options.role, scope, options.employee)
    if told == (None, None, None) and not options.reset_password and not options.reset_totp:
        raise UsageFault("say what is to change")
    account = await account_named(desk, options.account)
    command = partial(
        AccountUpdate,
        account_id=account.account_id,
        role=options.role,
        scope=scope,
        employee_id=await employee_id(desk, options.employee),
        reset_password=options.reset_password,
        reset_totp=options.reset_totp,
    )
    updated = await desk.do(command, AccountUpdated)
    expected = ["password"] if options.reset_password else []
    becomes_strict = desk.is_repeated and options.role in _STRICT and not account.totp
    if options.reset_totp or becomes_strict:
        expected.append("totp_uri")
    if expected or updated.totp_uri is not None:
        show_secrets(output, updated, _secrets(say), expected=expected, qr_text=updated.totp_uri)
    else:
        output.done(say("changed: {who}", who=account.username), account_id=account.account_id)


async def _new_scope(desk: Desk, options: argparse.Namespace) -> AccountScope | None:
    if not options.everywhere:
        return await _wanted_scope(desk, options)
    if options.site or options.department:
        raise UsageFault("--everywhere goes without --site and --department")
    return AccountScope()


async def account_disable(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    account = await account_named(desk, options.account)
    question = say("Disable {who}? All sessions end within seconds.", who=account.username)
    desk.prompts.confirm(question, yes=options.yes)
    await desk.do(partial(AccountDisable, account_id=account.account_id), AccountDisabled)
    output.done(say("disabled: {who}", who=account.username), account_id=account.account_id)


async def account_enable(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    account = await account_named(desk, options.account)
    await desk.do(partial(AccountEnable, account_id=account.account_id), AccountEnabled)
    output.done(output.say("may sign in again: {who}", who=account.username), account_id=account.account_id)
