"""Accounts: who may sign in, as what, and how far they see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from protocol.values import Role
from storage.postgres import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may sign in. One-time secrets are encrypted; null in `site_ids` or `department_ids` means all."""

    account_id: UUID
    username: str
    role: Role
    password_hash: str = field(repr=False)
    site_ids: list[UUID] | None = None
    department_ids: list[UUID] | None = None
    employee_id: UUID | None = None
    totp_secret: bytes | None = field(default=None, repr=False)
    totp_pending: bytes | None = field(default=None, repr=False)
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAccount:
    """An account as lists show it; `position` is its place in them."""

    account_id: UUID
    username: str
    role: Role
    site_ids: list[UUID] | None
    department_ids: list[UUID] | None
    employee_id: UUID | None
    totp: bool
    created_at: datetime
    disabled_at: datetime | None
    position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Which accounts a caller may see: those that reach no further than its scope, and its own.

    An employee's account reaches its own record, and so is within the scope that has this person.
    """

    site_ids: list[UUID] | None
    department_ids: list[UUID] | None
    account_id: UUID | None


ADD_ACCOUNT = """
INSERT INTO accounts (account_id, username, role, password_hash, site_ids, department_ids, employee_id, totp_secret,
                      disabled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def add_account(connection: Connection, account: Account) -> None:
    """Raises RowRefused (at the pool's edge) where the username is taken, whatever its case."""
    await connection.execute(
        ADD_ACCOUNT,
        account.account_id,
        account.username,
        account.role,
        account.password_hash,
        account.site_ids,
        account.department_ids,
        account.employee_id,
        account.totp_secret,
        account.disabled_at,
    )


_COLUMNS = """account_id, username, role, password_hash, site_ids, department_ids, employee_id, totp_secret,
       totp_pending, disabled_at"""

FIND_ACCOUNT = f"""
SELECT {_COLUMNS}
FROM accounts WHERE lower(username) = lower($1)
"""  # noqa: S608 - a constant of this file


async def find_account(connection: Connection, username: str) -> Account | None:
    """The account of a username in any case, disabled ones too."""
    row = await connection.fetchrow(FIND_ACCOUNT, username)
    return None if row is None else Account(**{**row, "role": Role(row["role"])})


GET_ACCOUNT = f"""
SELECT {_COLUMNS}
FROM accounts WHERE account_id = $1
"""  # noqa: S608 - a constant of this file


async def get_account(connection: Connection, account_id: UUID) -> Account | None:
    row = await connection.fetchrow(GET_ACCOUNT, account_id)
    return None if row is None else Account(**{**row, "role": Role(row["role"])})


LOCK_ACCOUNT = f"""
SELECT {_COLUMNS}
FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE
"""  # noqa: S608 - a constant of this file


async def lock_account(connection: Connection, account_id: UUID) -> Account | None:
    """Lock one account until the transaction ends."""
    row = await connection.fetchrow(LOCK_ACCOUNT, account_id)
    return None if row is None else Account(**{**row, "role": Role(row["role"])})


# Weaker than FOR UPDATE on purpose: whoever acts holds a share of their own account's key by `request_keys`, and two
# administrators who act on each other would wait for each other.
LOCK_ACCOUNTS = f"""
SELECT {_COLUMNS}
FROM accounts
WHERE account_id = $1
   OR (role = 'admin' AND site_ids IS NULL AND department_ids IS NULL AND disabled_at IS NULL)
ORDER BY account_id FOR NO KEY UPDATE
"""  # noqa: S608 - a constant of this file


async def lock_accounts(connection: Connection, account_id: UUID) -> dict[UUID, Account]:
    """Lock an account and every enabled administrator who sees everything, in the order of their ids.

    So that of two who take each other's rights at once, the second finds themself the last one.
    """
    rows = await connection.fetch(LOCK_ACCOUNTS, account_id)
    return {row["account_id"]: Account(**{**row, "role": Role(row["role"])}) for row in rows}


_SEEN = """
    (a.account_id = $3
     OR ((a.role = 'employee' OR $1::uuid[] IS NULL OR a.site_ids <@ $1)
         AND (a.role = 'employee' OR $2::uuid[] IS NULL OR a.department_ids <@ $2)
         AND (a.employee_id IS NULL
              OR ($1 IS NULL OR e.site_id = ANY ($1)) AND ($2 IS NULL OR e.department_id = ANY ($2)))))
"""

IS_SEEN = f"""
SELECT EXISTS (
    SELECT FROM accounts a LEFT JOIN employees e USING (employee_id)
    WHERE a.account_id = $4 AND {_SEEN})
"""  # noqa: S608 - constants of this file


async def is_seen(connection: Connection, account_id: UUID, by: Seen) -> bool:
    """Whether a caller may see this account; false too where there is none."""
    return bool(await connection.fetchval(IS_SEEN, by.site_ids, by.department_ids, by.account_id, account_id))


LIST_ACCOUNTS = f"""
SELECT a.account_id, a.username, a.role, a.site_ids, a.department_ids, a.employee_id,
       a.totp_secret IS NOT NULL AS totp, a.created_at, a.disabled_at, lower(a.username) AS position
FROM accounts a LEFT JOIN employees e USING (employee_id)
WHERE {_SEEN}
  AND ($4::text IS NULL OR strpos(lower(a.username), lower($4)) > 0)
  AND ($5::text IS NULL OR a.role = $5)
  AND ($6::text IS NULL OR lower(a.username) > $6)
ORDER BY lower(a.username) LIMIT $7
"""  # noqa: S608 - constants of this file


async def list_accounts(
    connection: Connection, by: Seen, *, query: str | None, role: str | None, after: str | None, limit: int
) -> list[ListedAccount]:
    """Accounts that a caller may see, by username in lower case."""
    rows = await connection.fetch(
        LIST_ACCOUNTS, by.site_ids, by.department_ids, by.account_id, query, role, after, limit
    )
    return [ListedAccount(**{**row, "role": Role(row["role"])}) for row in rows]


UPDATE_ACCOUNT = """
UPDATE accounts SET role = $2, site_ids = $3, department_ids = $4, employee_id = $5, totp_secret = $6,
                    totp_pending = $7, password_hash = $8,
                    password_set_at = CASE WHEN password_hash = $8 THEN password_set_at ELSE clock_timestamp() END
WHERE account_id = $1
"""


async def update_account(connection: Connection, account: Account) -> None:
    """Write what may change of an account but whether it is disabled; it was locked by whoever read it."""
    await connection.execute(
        UPDATE_ACCOUNT,
        account.account_id,
        account.role,
        account.site_ids,
        account.department_ids,
        account.employee_id,
        account.totp_secret,
        account.totp_pending,
        account.password_hash,
    )


SET_DISABLED = """
UPDATE accounts SET disabled_at = CASE WHEN $2 THEN clock_timestamp() END WHERE account_id = $1
"""


async def set_disabled(connection: Connection, account_id: UUID, *, disabled: bool) -> None:
    await connection.execute(SET_DISABLED, account_id, disabled)


USE_TOTP_STEP = """
UPDATE accounts SET totp_last_step = $2 WHERE account_id = $1 AND (totp_last_step IS NULL OR totp_last_step < $2)
RETURNING account_id
"""


async def use_totp_step(connection: Connection, account_id: UUID, step: int) -> bool:
    """Spend a one-time code; False when it, or a later one, was used before."""
    return await connection.fetchval(USE_TOTP_STEP, account_id, step) is not None


COUNT_PLACES = """
SELECT (SELECT count(*) FROM sites WHERE site_id = ANY ($1::uuid[]))::int AS sites,
       (SELECT count(*) FROM departments
        WHERE department_id = ANY ($2::uuid[]) AND ($3::uuid[] IS NULL OR site_id = ANY ($3)))::int AS departments
"""


async def places_exist(
    connection: Connection,
    site_ids: Sequence[UUID],
    department_ids: Sequence[UUID],
    *,
    within_sites: Collection[UUID] | None,
) -> bool:
    """Whether all of these sites and departments are there, each named once, the departments within these sites."""
    within = None if within_sites is None else list(within_sites)
    row = await connection.fetchrow(COUNT_PLACES, list(site_ids), list(department_ids), within)
    return row is not None and (row["sites"], row["departments"]) == (len(site_ids), len(department_ids))


PLACE_OF_EMPLOYEE = "SELECT site_id, department_id FROM employees WHERE employee_id = $1"


async def place_of_employee(connection: Connection, employee_id: UUID) -> tuple[UUID, UUID] | None:
    """A person's home site and department."""
    row = await connection.fetchrow(PLACE_OF_EMPLOYEE, employee_id)
    return None if row is None else (row["site_id"], row["department_id"])
