"""People who sign in: their accounts, their sessions, their second factor, and what was done by whom."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from protocol.base import PageCommand, Reply, WriteCommand
from protocol.values import Code, Id, Password, Role, SearchText, Time, Username, check_time

PersonRole = Literal["employee", "supervisor", "admin", "inspector"]
Ids = Annotated[list[Id], Meta(max_length=1_000)]


class AccountScope(Struct, kw_only=True, frozen=True):
    """What an account may see; null means all."""

    site_ids: Ids | None = None
    department_ids: Ids | None = None


class AccountList(PageCommand, tag="account.list", kw_only=True, frozen=True):
    """By username."""

    query: SearchText | None = None
    role: PersonRole | None = None


class AccountCreate(WriteCommand, tag="account.create", kw_only=True, frozen=True):
    """Without a `password` the hub makes one and tells it once; so it does with the second factor of who needs one."""

    username: Username
    role: PersonRole
    scope: AccountScope
    password: Password | None = None
    employee_id: Id | None = None


class AccountUpdate(WriteCommand, tag="account.update", kw_only=True, frozen=True):
    """A null field stays as it is. What is reset is made anew, told once, and ends the account's sessions."""

    account_id: Id
    role: PersonRole | None = None
    scope: AccountScope | None = None
    employee_id: Id | None = None
    reset_password: bool = False
    reset_totp: bool = False


class AccountDisable(WriteCommand, tag="account.disable", kw_only=True, frozen=True):
    """Ends its sessions, on every hub within seconds."""

    account_id: Id


class AccountEnable(WriteCommand, tag="account.enable", kw_only=True, frozen=True):
    account_id: Id


class PasswordChange(WriteCommand, tag="password.change", kw_only=True, frozen=True):
    """One's own; ends one's other sessions."""

    current: Password
    new: Password


class SessionList(PageCommand, tag="session.list", kw_only=True, frozen=True):
    """Live sessions, newest first: one's own, or with `account_id` (admins) someone else's."""

    account_id: Id | None = None


class SessionRevoke(WriteCommand, tag="session.revoke", kw_only=True, frozen=True):
    session_id: Id


class TotpBegin(WriteCommand, tag="totp.begin", kw_only=True, frozen=True):
    """A new second factor for oneself; the old one serves until `totp.confirm`."""

    password: Password


class TotpConfirm(WriteCommand, tag="totp.confirm", kw_only=True, frozen=True):
    code: Code


class TotpRemove(WriteCommand, tag="totp.remove", kw_only=True, frozen=True):
    """One's own second factor, where the role doesn't need one."""

    password: Password
    code: Code


class AuditList(PageCommand, tag="audit.list", rename={"from_": "from"}, kw_only=True, frozen=True):
    """What was done, newest first; `from` is inclusive, `until` is not."""

    actor_id: Id | None = None
    employee_id: Id | None = None
    action: SearchText | None = None
    from_: Time | None = None
    until: Time | None = None

    def __post_init__(self) -> None:
        check_time("from", self.from_)
        check_time("until", self.until)


AccountCommand = (
    AccountList
    | AccountCreate
    | AccountUpdate
    | AccountDisable
    | AccountEnable
    | PasswordChange
    | SessionList
    | SessionRevoke
    | TotpBegin
    | TotpConfirm
    | TotpRemove
    | AuditList
)


class AccountItem(Struct, kw_only=True, frozen=True):
    """`totp`: whether a second factor is set."""

    account_id: Id
    username: str
    role: Role
    site_ids: list[Id] | None
    department_ids: list[Id] | None
    employee_id: Id | None
    totp: bool
    created_at: Time
    disabled_at: Time | None


class AccountListResult(Reply, tag="account.list.result", kw_only=True, frozen=True):
    items: list[AccountItem]
    next_cursor: str | None


class AccountCreated(Reply, tag="account.create.result", kw_only=True, frozen=True):
    """`totp_uri` (otpauth://) is what an authenticator reads, as a QR code or by hand."""

    shown_once: ClassVar[tuple[str, ...]] = ("password", "totp_uri")

    account_id: Id
    password: str | None
    totp_uri: str | None


class AccountUpdated(Reply, tag="account.update.result", kw_only=True, frozen=True):
    shown_once: ClassVar[tuple[str, ...]] = ("password", "totp_uri")

    password: str | None
    totp_uri: str | None


class AccountDisabled(Reply, tag="account.disable.result", kw_only=True, frozen=True):
    pass


class AccountEnabled(Reply, tag="account.enable.result", kw_only=True, frozen=True):
    pass


class PasswordChanged(Reply, tag="password.change.result", kw_only=True, frozen=True):
    pass


class SessionItem(Struct, kw_only=True, frozen=True):
    """A live session; `current` is the one that asks."""

    session_id: Id
    account_id: Id
    username: str
    began_at: Time
    renewed_at: Time
    expires_at: Time
    address: str | None
    client: str | None
    current: bool


class SessionListResult(Reply, tag="session.list.result", kw_only=True, frozen=True):
    items: list[SessionItem]
    next_cursor: str | None


class SessionRevoked(Reply, tag="session.revoke.result", kw_only=True, frozen=True):
    pass


class TotpBegun(Reply, tag="totp.begin.result", kw_only=True, frozen=True):
    shown_once: ClassVar[tuple[str, ...]] = ("totp_uri",)

    totp_uri: str | None


class TotpConfirmed(Reply, tag="totp.confirm.result", kw_only=True, frozen=True):
    pass


class TotpRemoved(Reply, tag="totp.remove.result", kw_only=True, frozen=True):
    pass


class AuditItem(Struct, kw_only=True, frozen=True):
    """One act: who (`account:<id>`, `device:<id>`, `operator`), what, on whom, and what it changed, without secrets."""

    audit_id: Id
    at: Time
    actor: str
    actor_name: str | None
    action: str
    subject: str | None
    employee_id: Id | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None


class AuditListResult(Reply, tag="audit.list.result", kw_only=True, frozen=True):
    items: list[AuditItem]
    next_cursor: str | None


AccountReply = (
    AccountListResult
    | AccountCreated
    | AccountUpdated
    | AccountDisabled
    | AccountEnabled
    | PasswordChanged
    | SessionListResult
    | SessionRevoked
    | TotpBegun
    | TotpConfirmed
    | TotpRemoved
    | AuditListResult
)
