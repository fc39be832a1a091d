"""What administrators do to accounts. None can give away more than they have, nor touch an account wider than theirs.

An account outside the caller's scope answers exactly as one that isn't there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from protocol.accounts import (
    AccountCreate,
    AccountCreated,
    AccountDisable,
    AccountDisabled,
    AccountEnable,
    AccountEnabled,
    AccountScope,
    AccountUpdate,
    AccountUpdated,
)
from protocol.errors import ErrorCode, Invalid
from protocol.values import Role
from server.errors import Refused
from server.rules.permissions import Scope
from server.services.acts import Act, Actor, Acts
from server.services.passwords import Passwords
from server.services.second_factor import SecondFactor
from storage.repositories import accounts, sessions
from storage.repositories.accounts import Account, Seen

_NO_PLACES: Final = AccountScope(site_ids=[], department_ids=[])
"""An employee's: it reaches its own record by who it is. Kept empty, so that a later role begins with nothing."""


class _New(NamedTuple):
    """What is made anew for an account and told once."""

    password: str | None
    password_hash: str | None
    totp_secret: bytes | None


class AccountAdmin:
    """Every method may raise Refused, Invalid, StorageError and SecretsUnavailable."""

    def __init__(self, acts: Acts, passwords: Passwords, second_factor: SecondFactor) -> None:
        self._acts = acts
        self._passwords = passwords
        self._second_factor = second_factor

    async def create(
        self,
        actor: Actor,
        command: AccountCreate,
        *,
        totp_secret: bytes | None = None,
        totp_step: int | None = None,
    ) -> AccountCreated:
        """A new account. `totp_secret` is one that is known already; else one is made for whom it is required of.

        `totp_step` is that of a code which was shown to confirm it, and is spent so.
        """
        role = Role(command.role)
        if role is Role.EMPLOYEE and command.employee_id is None:
            raise Invalid("employee_id", "is needed for an employee's account")
        password: str | None = None
        if command.password is None:
            password, password_hash = await self._passwords.make()
        else:
            password_hash = await self._passwords.hash_chosen(
                command.password, username=command.username, field="password"
            )
        if totp_secret is None and self._second_factor.is_required_of(role):
            totp_secret = self._second_factor.new()

        async def perform(act: Act) -> AccountCreated:
            scope = _NO_PLACES if role is Role.EMPLOYEE else await _granted(act, command.scope)
            await _check_employee(act, command.employee_id)
            account_id = uuid4()
            account = Account(
                account_id=account_id,
                username=command.username,
                role=role,
                password_hash=password_hash,
                site_ids=scope.site_ids,
                department_ids=scope.department_ids,
                employee_id=command.employee_id,
                totp_secret=None if totp_secret is None else self._second_factor.encrypted(account_id, totp_secret),
            )
            await accounts.add_account(act.connection, account)
            if totp_step is not None:
                await accounts.use_totp_step(act.connection, account_id, totp_step)
            await act.note(
                "account.create",
                _subject(account),
                employee_id=account.employee_id,
                after={"username": account.username, **_shown(account)},
            )
            return AccountCreated(
                re=command.id,
                account_id=account_id,
                password=password,
                totp_uri=None if totp_secret is None else self._second_factor.uri(account.username, totp_secret),
            )

        return await self._acts.do(actor, command, AccountCreated, perform)

    async def update(self, actor: Actor, command: AccountUpdate) -> AccountUpdated:
        """Role, scope and person; what is reset is made anew and ends the account's sessions.

        So does the first second factor of who comes to need one. One's own is changed by `password.change` and
        `totp.begin`, which ask for the password: a session alone must not be enough.
        """
        if command.account_id == actor.account_id and (command.reset_password or command.reset_totp):
            raise Invalid("account_id", "is your own: use password.change and totp.begin")
        password, password_hash = await self._passwords.make() if command.reset_password else (None, None)

        async def perform(act: Act) -> AccountUpdated:
            account, others = await _locked(act, command.account_id)
            changed = await _changed(act, account, command)
            if _sees_everything(account) and not _sees_everything(changed) and not others:
                field = "role" if changed.role is not account.role else "scope"
                raise Refused(ErrorCode.CONFLICT, "the last one that sees everything", details={"field": field})
            needs = self._second_factor.is_required_of(changed.role) and account.totp_secret is None
            totp_secret = self._second_factor.new() if command.reset_totp or needs else None
            new = _New(password, password_hash, totp_secret)
            changed = self._with_new(changed, new)
            await accounts.update_account(act.connection, changed)
            await self._note_update(act, account, changed, new)
            if password_hash is not None or totp_secret is not None:
                await sessions.end_families(act.connection, account.account_id)
            uri = None if totp_secret is None else self._second_factor.uri(account.username, totp_secret)
            return AccountUpdated(re=command.id, password=password, totp_uri=uri)

        return await self._acts.do(actor, command, AccountUpdated, perform)

    async def disable(self, actor: Actor, command: AccountDisable) -> AccountDisabled:
        """Ends its sessions. Disabling what is disabled changes nothing."""

        async def perform(act: Act) -> AccountDisabled:
            account, others = await _locked(act, command.account_id)
            if _sees_everything(account) and not others:
                raise Refused(ErrorCode.CONFLICT, "the last one that sees everything", details={"field": "account_id"})
            if account.disabled_at is None:
                await accounts.set_disabled(act.connection, account.account_id, disabled=True)
                await sessions.end_families(act.connection, account.account_id)
                await act.note("account.disable", _subject(account), employee_id=account.employee_id)
            return AccountDisabled(re=command.id)

        return await self._acts.do(actor, command, AccountDisabled, perform)

    async def enable(self, actor: Actor, command: AccountEnable) -> AccountEnabled:
        """It signs in again, with the password and the second factor that it had."""

        async def perform(act: Act) -> AccountEnabled:
            account, _ = await _locked(act, command.account_id)
            if account.disabled_at is not None:
                await accounts.set_disabled(act.connection, account.account_id, disabled=False)
                await act.note("account.enable", _subject(account), employee_id=account.employee_id)
            return AccountEnabled(re=command.id)

        return await self._acts.do(actor, command, AccountEnabled, perform)

    def _with_new(self, account: Account, new: _New) -> Account:
        if new.password_hash is not None:
            account = replace(account, password_hash=new.password_hash)
        if new.totp_secret is not None:
            encrypted = self._second_factor.encrypted(account.account_id, new.totp_secret)
            account = replace(account, totp_secret=encrypted, totp_pending=None)
        return account

    @staticmethod
    async def _note_update(act: Act, before: Account, after: Account, new: _New) -> None:
        reset = {"password": new.password_hash is not None, "totp": new.totp_secret is not None}
        was, now = _shown(before), _shown(after)
        await act.note(
            "account.update",
            _subject(after),
            employee_id=after.employee_id,
            before={name: value for name, value in was.items() if value != now[name]},
            after={name: value for name, value in now.items() if value != was[name]}
            | {"reset": [name for name, is_reset in reset.items() if is_reset]},
        )


def seen_by(actor: Actor) -> Seen:
    """Which accounts someone may see, as the repositories ask it."""
    scope = actor.scope
    return Seen(
        site_ids=None if scope.site_ids is None else list(scope.site_ids),
        department_ids=None if scope.department_ids is None else list(scope.department_ids),
        account_id=actor.account_id,
    )


def account_not_found() -> Refused:
    return Refused(ErrorCode.NOT_FOUND, "account")


async def _locked(act: Act, account_id: UUID) -> tuple[Account, bool]:
    """The account, locked, and whether there is another enabled administrator who sees everything."""
    locked = await accounts.lock_accounts(act.connection, account_id)
    account = locked.get(account_id)
    if account is None or not await accounts.is_seen(act.connection, account_id, seen_by(act.actor)):
        raise account_not_found()
    others = any(_sees_everything(other) for other in locked.values() if other.account_id != account_id)
    return account, others


async def _changed(act: Act, account: Account, command: AccountUpdate) -> Account:
    """The account with what the command asks for, as far as the actor may."""
    role = account.role if command.role is None else Role(command.role)
    employee_id = account.employee_id if command.employee_id is None else command.employee_id
    if command.employee_id is not None:
        await _check_employee(act, command.employee_id)
    if role is Role.EMPLOYEE:
        if employee_id is None:
            raise Invalid("employee_id", "is needed for an employee's account")
        scope = _NO_PLACES
    elif command.scope is not None:
        scope = await _granted(act, command.scope)
    elif account.role is Role.EMPLOYEE:
        raise Invalid("scope", "is needed where an employee's account gets another role")
    else:
        scope = AccountScope(site_ids=account.site_ids, department_ids=account.department_ids)
    return replace(
        account, role=role, site_ids=scope.site_ids, department_ids=scope.department_ids, employee_id=employee_id
    )


async def _granted(act: Act, scope: AccountScope) -> AccountScope:
    """The scope with each place once; raises Refused(not_found) for a place that the actor doesn't see, or nobody."""
    own = act.actor.scope
    if scope.site_ids is None and own.site_ids is not None:
        raise Invalid("scope.site_ids", "would reach further than your own scope")
    if scope.department_ids is None and own.department_ids is not None:
        raise Invalid("scope.department_ids", "would reach further than your own scope")
    site_ids, department_ids = sorted(set(scope.site_ids or ())), sorted(set(scope.department_ids or ()))
    within = all(map(own.allows_site, site_ids)) and all(map(own.allows_department, department_ids))
    if not within or not await accounts.places_exist(
        act.connection, site_ids, department_ids, within_sites=own.site_ids
    ):
        raise Refused(ErrorCode.NOT_FOUND, "a place of the scope")
    return AccountScope(
        site_ids=None if scope.site_ids is None else site_ids,
        department_ids=None if scope.department_ids is None else department_ids,
    )


async def _check_employee(act: Act, employee_id: UUID | None) -> None:
    """Raises Refused(not_found) for a person whom the actor doesn't see, or nobody."""
    if employee_id is None:
        return
    place = await accounts.place_of_employee(act.connection, employee_id)
    scope: Scope = act.actor.scope
    if place is None or not (scope.allows_site(place[0]) and scope.allows_department(place[1])):
        raise Refused(ErrorCode.NOT_FOUND, "employee")


def _sees_everything(account: Account) -> bool:
    return (
        account.role is Role.ADMIN
        and account.site_ids is None
        and account.department_ids is None
        and account.disabled_at is None
    )


def _subject(account: Account) -> str:
    return f"account:{account.account_id}"


def _shown(account: Account) -> Mapping[str, Any]:
    """What audits show of an account."""
    return {
        "role": account.role,
        "site_ids": account.site_ids,
        "department_ids": account.department_ids,
        "employee_id": account.employee_id,
    }
