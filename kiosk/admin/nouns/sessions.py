"""`login`, `logout` and `session`: who is signed in."""

from __future__ import annotations

import argparse
from functools import partial
from uuid import UUID, uuid5

from kiosk.admin.desk import Desk
from kiosk.admin.faults import UsageFault
from kiosk.admin.lookup import account_named
from kiosk.admin.output import Output, local_time
from kiosk.admin.parsing import Commands
from kiosk.admin.tables import Column, Fit
from protocol.accounts import SessionItem, SessionList, SessionListResult, SessionRevoke, SessionRevoked


def add(commands: Commands) -> None:
    say = commands.say
    login = commands.single("login", say("begin a session"), command="login")
    login.add_argument("user", metavar=say("USER"), help=say("the name to sign in with"))
    login.add_argument("--password-stdin", action="store_true", help=say("the first line of standard input"))
    login.add_argument("--totp-stdin", action="store_true", help=say("the next line is the one-time code"))
    commands.single("logout", say("end the session"), command="logout")

    noun = commands.noun("session", say("who is signed in"))
    listing = noun.read(
        "list", say("live sessions, newest first: one's own, or an account's"), session_list, limit=None
    )
    listing.add_argument("--account", metavar=say("ACCOUNT"), help=say("user name or id"))
    revoke = noun.write("revoke", say("end sessions, within seconds"), session_revoke, asks=lambda options: options.all)
    revoke.add_argument("session", nargs="*", type=UUID, metavar=say("SESSION"), help=say("ids of sessions"))
    revoke.add_argument("--all", action="store_true", help=say("all of an account's, or of one's own but this one"))
    revoke.add_argument("--account", metavar=say("ACCOUNT"), help=say("with --all: whose (user name or id)"))


async def session_list(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    columns = [
        Column(say("session"), lambda item: item.session_id, Fit.WHOLE),
        Column(say("user"), lambda item: item.username),
        Column(say("this one"), lambda item: item.current, Fit.WHOLE),
        Column(say("since"), lambda item: local_time(item.began_at, seconds=False), Fit.SPARE),
        Column(say("renewed"), lambda item: local_time(item.renewed_at, seconds=False), Fit.SPARE),
        Column(say("from where"), lambda item: item.address),
        Column(say("client"), lambda item: item.client, Fit.SPARE),
    ]
    output.items(columns, await _sessions(desk, options.account, options.limit))


async def _sessions(desk: Desk, account: str | None, limit: int | None = None) -> list[SessionItem]:
    account_id = None if account is None else (await account_named(desk, account)).account_id
    return await desk.items(partial(SessionList, account_id=account_id), SessionListResult, limit)


async def session_revoke(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    say = output.say
    if bool(options.session) == options.all:
        raise UsageFault("say which sessions, or --all")
    ids: list[UUID] = options.session
    if options.all:
        # One's own goes on; otherwise the rest would be left with nobody to end it.
        ids = [item.session_id for item in await _sessions(desk, options.account) if not item.current]
        who = say("yourself") if options.account is None else options.account
        question = say("End {count} sessions of {who}?", count=len(ids), who=who)
        desk.prompts.confirm(question, yes=options.yes)
    for session_id in ids:
        # Each is an act of its own, and the same one when the whole command is tried again.
        key = uuid5(desk.request_key, str(session_id))
        await desk.do(partial(SessionRevoke, session_id=session_id), SessionRevoked, key=key)
        output.done(say("ended: {session}", session=session_id), session_id=session_id)
