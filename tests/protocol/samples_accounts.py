"""One typed sample of everything that is said about accounts, sessions, second factors and the audit."""

from typing import Final
from uuid import UUID

from protocol import accounts
from protocol.accounts import AccountItem, AccountScope, AuditItem, SessionItem
from protocol.base import Command, Message
from protocol.values import Role

SITE: Final = UUID("0190b7a0-0000-7000-8000-000000000001")
DEPARTMENT: Final = UUID("0190b7a0-0000-7000-8000-000000000011")
EMPLOYEE: Final = UUID("0190b7a0-0000-7000-8000-000000000021")
SESSION: Final = UUID("0190b7a0-0000-7000-8000-000000000081")
ACCOUNT: Final = UUID("0190b7a0-0000-7000-8000-0000000000a1")
OTHER_ACCOUNT: Final = UUID("0190b7a0-0000-7000-8000-0000000000a2")
ENTRY: Final = UUID("0190b7a0-0000-7000-8000-0000000000b1")
KEY: Final = UUID("7f3c1a9e-0000-4000-8000-0000000000c1")
NOON: Final = "2026-11-24T12:00:00.000000Z"
LATER: Final = "2026-11-24T12:00:01.250000Z"
URI: Final = "otpauth://totp/Attendance:ines?secret=GEZDGNBVGY3TQOJQ&issuer=Attendance"

COMMANDS: Final[dict[str, Command]] = {
    "account.list": accounts.AccountList(id=50, limit=20, cursor="aW5lcw", query="in", role="inspector"),
    "account.create": accounts.AccountCreate(
        id=51,
        request_key=KEY,
        username="ines",
        role="supervisor",
        scope=AccountScope(site_ids=[SITE], department_ids=[DEPARTMENT]),
        password="tres tristes tigres",
        employee_id=EMPLOYEE,
    ),
    "account.update": accounts.AccountUpdate(
        id=52,
        request_key=KEY,
        account_id=ACCOUNT,
        role="inspector",
        scope=AccountScope(),
        employee_id=EMPLOYEE,
        reset_password=True,
        reset_totp=True,
    ),
    "account.disable": accounts.AccountDisable(id=53, request_key=KEY, account_id=ACCOUNT),
    "account.enable": accounts.AccountEnable(id=54, request_key=KEY, account_id=ACCOUNT),
    "password.change": accounts.PasswordChange(
        id=55, request_key=KEY, current="tres tristes tigres", new="comían trigo en un trigal"
    ),
    "session.list": accounts.SessionList(id=56, limit=1, account_id=ACCOUNT),
    "session.revoke": accounts.SessionRevoke(id=57, request_key=KEY, session_id=SESSION),
    "totp.begin": accounts.TotpBegin(id=58, request_key=KEY, password="tres tristes tigres"),
    "totp.confirm": accounts.TotpConfirm(id=59, request_key=KEY, code="123 456"),
    "totp.remove": accounts.TotpRemove(id=60, request_key=KEY, password="tres tristes tigres", code="123456"),
    "audit.list": accounts.AuditList(
        id=61, actor_id=ACCOUNT, employee_id=EMPLOYEE, action="account.", from_=NOON, until=LATER
    ),
}

MESSAGES: Final[dict[str, Message]] = {
    "account.list.result": accounts.AccountListResult(
        re=50,
        items=[
            AccountItem(
                account_id=ACCOUNT,
                username="ines",
                role=Role.SUPERVISOR,
                site_ids=[SITE],
                department_ids=[DEPARTMENT],
                employee_id=EMPLOYEE,
                totp=False,
                created_at=NOON,
                disabled_at=LATER,
            ),
            AccountItem(
                account_id=OTHER_ACCOUNT,
                username="inma",
                role=Role.ADMIN,
                site_ids=None,
                department_ids=None,
                employee_id=None,
                totp=True,
                created_at=NOON,
                disabled_at=None,
            ),
        ],
        next_cursor="aW5tYQ",
    ),
    "account.create.result": accounts.AccountCreated(
        re=51, account_id=ACCOUNT, password="k7m2q-xw9pd-4hj8s-zt3vn", totp_uri=URI
    ),
    "account.create.result~again": accounts.AccountCreated(re=51, account_id=ACCOUNT, password=None, totp_uri=None),
    "account.update.result": accounts.AccountUpdated(re=52, password=None, totp_uri=URI),
    "account.disable.result": accounts.AccountDisabled(re=53),
    "account.enable.result": accounts.AccountEnabled(re=54),
    "password.change.result": accounts.PasswordChanged(re=55),
    "session.list.result": accounts.SessionListResult(
        re=56,
        items=[
            SessionItem(
                session_id=SESSION,
                account_id=ACCOUNT,
                username="ines",
                began_at=NOON,
                renewed_at=LATER,
                expires_at="2026-12-24T12:00:00.000000Z",
                address="203.0.113.7",
                client="attendance-admin/0.1.0",
                current=True,
            )
        ],
        next_cursor=None,
    ),
    "session.revoke.result": accounts.SessionRevoked(re=57),
    "totp.begin.result": accounts.TotpBegun(re=58, totp_uri=URI),
    "totp.confirm.result": accounts.TotpConfirmed(re=59),
    "totp.remove.result": accounts.TotpRemoved(re=60),
    "audit.list.result": accounts.AuditListResult(
        re=61,
        items=[
            AuditItem(
                audit_id=ENTRY,
                at=NOON,
                actor=f"account:{OTHER_ACCOUNT}",
                actor_name="inma",
                action="account.update",
                subject=f"account:{ACCOUNT}",
                employee_id=EMPLOYEE,
                before={"role": "supervisor"},
                after={"role": "inspector", "reset": ["totp"]},
                address="203.0.113.7",
                request_id="7f3c1a9e-0000-4000-8000-0000000000d1/52",
            )
        ],
        next_cursor="YXVkaXQ",
    ),
}
