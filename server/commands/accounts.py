"""Commands about accounts, sessions and second factors: from message to service to reply."""

from __future__ import annotations

from typing import assert_never
from uuid import UUID

from protocol import accounts as said
from protocol.accounts import AccountCommand
from protocol.base import Reply
from protocol.values import format_time
from server.commands.actor import actor_of
from server.commands.audit import list_audit
from server.commands.cursors import make_cursor, read_cursor
from server.hub.connection import Connection
from server.rules.permissions import Reach, reach
from server.services.account_admin import seen_by
from server.services.acts import Actor
from server.services.sessions import position
from storage.repositories import accounts
from storage.repositories.accounts import ListedAccount
from storage.repositories.sessions import LiveSession, SessionPosition


async def handle(connection: Connection, command: AccountCommand) -> Reply | None:  # noqa: C901, PLR0911, PLR0912 - one line a command
    """Answer a permitted command of this family; None where the answer was sent by then."""
    context, actor = connection.context, actor_of(connection, command)
    match command:
        case said.AccountList():
            return await _list_accounts(connection, command, actor)
        case said.AccountCreate():
            return await context.account_admin.create(actor, command)
        case said.AccountUpdate():
            return await _follow(connection, await context.account_admin.update(actor, command), command.account_id)
        case said.AccountDisable():
            return await _follow(connection, await context.account_admin.disable(actor, command), command.account_id)
        case said.AccountEnable():
            return await context.account_admin.enable(actor, command)
        case said.PasswordChange():
            reply = await context.own_account.change_password(actor, command)
            return await _follow(connection, reply, actor.account_id)
        case said.SessionList():
            return await _list_sessions(connection, command, actor)
        case said.SessionRevoke():
            ended = await context.sessions.revoke(actor, command, of_others=_is_admin(connection, command))
            return await _follow(connection, ended.reply, ended.account_id)
        case said.TotpBegin():
            return await context.own_account.begin_totp(actor, command)
        case said.TotpConfirm():
            return await context.own_account.confirm_totp(actor, command)
        case said.TotpRemove():
            return await context.own_account.remove_totp(actor, command)
        case said.AuditList():
            return await list_audit(connection, command, actor)
        case _:
            assert_never(command)


async def _follow(connection: Connection, reply: Reply, account_id: UUID | None) -> Reply | None:
    """Answer, and make this hub's connections of the account follow at once; other hubs look every two seconds.

    Everyone else's before the answer: whoever hears that it is done finds it done. One's own behind it, since it may
    be what ends.
    """
    follow = connection.context.follow_account
    if account_id is not None:
        await follow(account_id, but=connection)
    connection.send(reply)
    if account_id is not None:
        await follow(account_id)
    return None


async def _list_accounts(connection: Connection, command: said.AccountList, actor: Actor) -> said.AccountListResult:
    """Accounts that the caller may see, by username."""
    context = connection.context
    after: str | None = None
    if command.cursor is not None:
        (after,) = read_cursor(context.secrets, "account", command.cursor, tuple[str])
    async with context.database.connection() as database:
        found = await accounts.list_accounts(
            database,
            seen_by(actor),
            query=command.query,
            role=command.role,
            after=after,
            limit=command.limit + 1,
        )
    page = found[: command.limit]
    more = len(found) > command.limit
    return said.AccountListResult(
        re=command.id,
        items=[_account_item(account) for account in page],
        next_cursor=make_cursor(context.secrets, "account", (page[-1].position,)) if more else None,
    )


async def _list_sessions(connection: Connection, command: said.SessionList, actor: Actor) -> said.SessionListResult:
    context = connection.context
    after: SessionPosition | None = None
    if command.cursor is not None:
        after = read_cursor(context.secrets, "session", command.cursor, SessionPosition)
    found = await context.sessions.list_live(
        actor, command.account_id, of_others=_is_admin(connection, command), after=after, limit=command.limit + 1
    )
    page = found[: command.limit]
    more = len(found) > command.limit
    return said.SessionListResult(
        re=command.id,
        items=[_session_item(session, actor) for session in page],
        next_cursor=make_cursor(context.secrets, "session", position(page[-1])) if more else None,
    )


def _is_admin(connection: Connection, command: said.SessionList | said.SessionRevoke) -> bool:
    """Whether the caller's permission goes beyond their own."""
    return reach(connection.caller.role, str(command.__struct_config__.tag)) is Reach.SCOPE


def _account_item(account: ListedAccount) -> said.AccountItem:
    return said.AccountItem(
        account_id=account.account_id,
        username=account.username,
        role=account.role,
        site_ids=account.site_ids,
        department_ids=account.department_ids,
        employee_id=account.employee_id,
        totp=account.totp,
        created_at=format_time(account.created_at),
        disabled_at=None if account.disabled_at is None else format_time(account.disabled_at),
    )


def _session_item(session: LiveSession, actor: Actor) -> said.SessionItem:
    return said.SessionItem(
        session_id=session.family_id,
        account_id=session.account_id,
        username=session.username,
        began_at=format_time(session.created_at),
        renewed_at=format_time(session.rotated_at),
        expires_at=format_time(session.expires_at),
        address=session.address,
        client=session.client,
        current=session.family_id == actor.session_id,
    )
