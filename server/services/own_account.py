"""What people do to their own account: password and second factor. It asks for what a thief of a session lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple
from uuid import UUID

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
from protocol.errors import ErrorCode, Invalid
from server.errors import Refused
from server.services.acts import Act, Actor, Acts
from server.services.login_attempts import LoginAttempts
from server.services.passwords import Passwords
from server.services.second_factor import SecondFactor
from storage.postgres import Database
from storage.repositories import accounts, sessions
from storage.repositories.accounts import Account

_WRONG: Final = "is wrong"


class _Judged(NamedTuple):
    """One's own account, and whether the password that was shown is its own."""

    account: Account
    is_right: bool
    attempt_id: UUID


class OwnAccount:
    """Attempts count as logins do. Every method may raise Refused, Invalid, StorageError and SecretsUnavailable."""

    def __init__(
        self,
        database: Database,
        acts: Acts,
        passwords: Passwords,
        second_factor: SecondFactor,
        attempts: LoginAttempts,
    ) -> None:
        self._database = database
        self._acts = acts
        self._passwords = passwords
        self._second_factor = second_factor
        self._attempts = attempts

    async def change_password(self, actor: Actor, command: PasswordChange) -> PasswordChanged:
        """Ends one's other sessions."""
        if command.new == command.current:
            raise Invalid("new", "is the one that you have")
        account = await self._own(actor)
        password_hash = await self._passwords.hash_chosen(command.new, username=account.username, field="new")
        judged = await self._judged(actor, account, command.current)

        async def perform(act: Act) -> PasswordChanged:
            now = await self._checked(act, judged, field="current")
            await self._attempts.was_right(act.connection, judged.attempt_id)
            await accounts.update_account(act.connection, replace(now, password_hash=password_hash))
            await sessions.end_families(act.connection, now.account_id, but=actor.session_id)
            await act.note("password.change", _subject(now), employee_id=now.employee_id)
            return PasswordChanged(re=command.id)

        return await self._acts.do(actor, command, PasswordChanged, perform)

    async def begin_totp(self, actor: Actor, command: TotpBegin) -> TotpBegun:
        """A new second factor that waits for its first code; the old one serves until then."""
        judged = await self._judged(actor, await self._own(actor), command.password)
        secret = self._second_factor.new()

        async def perform(act: Act) -> TotpBegun:
            now = await self._checked(act, judged, field="password")
            pending = self._second_factor.encrypted(now.account_id, secret)
            await self._attempts.was_right(act.connection, judged.attempt_id)
            await accounts.update_account(act.connection, replace(now, totp_pending=pending))
            await act.note("totp.begin", _subject(now), employee_id=now.employee_id)
            return TotpBegun(re=command.id, totp_uri=self._second_factor.uri(now.username, secret))

        return await self._acts.do(actor, command, TotpBegun, perform)

    async def confirm_totp(self, actor: Actor, command: TotpConfirm) -> TotpConfirmed:
        """From now on the new one serves, and the old one no more."""
        account = await self._own(actor)
        attempt_id = await self._attempts.begin(account.username, actor.address)

        async def perform(act: Act) -> TotpConfirmed:
            now = await _locked(act, account)
            if now.totp_pending is None:
                raise Refused(ErrorCode.CONFLICT, "no second factor waits", details={"field": "code"})
            if not await self._second_factor.spend(act.connection, now.account_id, now.totp_pending, command.code):
                raise Invalid("code", _WRONG)
            await self._attempts.was_right(act.connection, attempt_id)
            confirmed = replace(now, totp_secret=now.totp_pending, totp_pending=None)
            await accounts.update_account(act.connection, confirmed)
            await act.note("totp.confirm", _subject(now), employee_id=now.employee_id)
            return TotpConfirmed(re=command.id)

        return await self._acts.do(actor, command, TotpConfirmed, perform)

    async def remove_totp(self, actor: Actor, command: TotpRemove) -> TotpRemoved:
        """Where the role doesn't need one."""
        judged = await self._judged(actor, await self._own(actor), command.password)

        async def perform(act: Act) -> TotpRemoved:
            now = await self._checked(act, judged, field="password")
            if self._second_factor.is_required_of(now.role):
                raise Refused(ErrorCode.CONFLICT, "the role needs a second factor", details={"field": "role"})
            if now.totp_secret is None:
                raise Refused(ErrorCode.CONFLICT, "there is no second factor", details={"field": "code"})
            if not await self._second_factor.spend(act.connection, now.account_id, now.totp_secret, command.code):
                raise Invalid("code", _WRONG)
            await self._attempts.was_right(act.connection, judged.attempt_id)
            await accounts.update_account(act.connection, replace(now, totp_secret=None, totp_pending=None))
            await act.note("totp.remove", _subject(now), employee_id=now.employee_id)
            return TotpRemoved(re=command.id)

        return await self._acts.do(actor, command, TotpRemoved, perform)

    async def _own(self, actor: Actor) -> Account:
        account_id = _account_id(actor)
        async with self._database.connection() as connection:
            account = await accounts.get_account(connection, account_id)
        if account is None:
            raise Refused(ErrorCode.NOT_FOUND, "account")
        return account

    async def _judged(self, actor: Actor, account: Account, password: str) -> _Judged:
        """Count and judge a password. Its refusal is left to the act itself.

        So the same request again, which found it right, is answered as it was, though it may be another by now.
        """
        attempt_id = await self._attempts.begin(account.username, actor.address)
        return _Judged(account, await self._passwords.verify(account.password_hash, password), attempt_id)

    @staticmethod
    async def _checked(act: Act, judged: _Judged, *, field: str) -> Account:
        """The account as it is now, locked; raises Invalid(`field`) where its password was wrong."""
        if not judged.is_right:
            raise Invalid(field, _WRONG)
        return await _locked(act, judged.account)


async def _locked(act: Act, seen: Account) -> Account:
    """The account as it is now, locked; raises Refused(conflict) where its password was changed meanwhile."""
    account = await accounts.lock_account(act.connection, seen.account_id)
    if account is None or account.disabled_at is not None or account.password_hash != seen.password_hash:
        raise Refused(ErrorCode.CONFLICT, "changed meanwhile", details={"field": "account_id"})
    return account


def _subject(account: Account) -> str:
    return f"account:{account.account_id}"


def _account_id(actor: Actor) -> UUID:
    if actor.account_id is None:
        raise Refused(ErrorCode.FORBIDDEN, "no account of one's own")
    return actor.account_id
