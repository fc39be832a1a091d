"""Accounts and their sessions (families of refresh tokens). Times are PostgreSQL's, so that all hubs agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from protocol.values import Role
from storage.postgres import Connection

EndReason = Literal["signed_out", "reused", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may sign in. `totp_secret` is encrypted; null in `site_ids` or `department_ids` means all."""

    account_id: UUID
    username: str
    role: Role
    password_hash: str = field(repr=False)
    site_ids: list[UUID] | None = None
    department_ids: list[UUID] | None = None
    employee_id: UUID | None = None
    totp_secret: bytes | None = field(default=None, repr=False)
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a live session's account may do at this moment."""

    family_id: UUID
    account_id: UUID
    role: Role
    site_ids: list[UUID] | None
    department_ids: list[UUID] | None
    employee_id: UUID | None


@dataclass(frozen=True, slots=True)
class Family:
    """A family of refresh tokens, locked; `is_live` unless it ended, expired, or its account was disabled."""

    family_id: UUID
    account_id: UUID
    generation: int
    rotated_seconds_ago: float
    expires_at: datetime
    is_live: bool


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


FIND_ACCOUNT = """
SELECT account_id, username, role, password_hash, site_ids, department_ids, employee_id, totp_secret, disabled_at
FROM accounts WHERE lower(username) = lower($1)
"""


async def find_account(connection: Connection, username: str) -> Account | None:
    """The account of a username in any case, disabled ones too."""
    row = await connection.fetchrow(FIND_ACCOUNT, username)
    return None if row is None else Account(**{**row, "role": Role(row["role"])})


USE_TOTP_STEP = """
UPDATE accounts SET totp_last_step = $2 WHERE account_id = $1 AND (totp_last_step IS NULL OR totp_last_step < $2)
RETURNING account_id
"""


async def use_totp_step(connection: Connection, account_id: UUID, step: int) -> bool:
    """Spend a one-time code; False when it, or a later one, was used before."""
    return await connection.fetchval(USE_TOTP_STEP, account_id, step) is not None


BEGIN_FAMILY = """
INSERT INTO refresh_families (family_id, account_id, expires_at)
SELECT $1, account_id, clock_timestamp() + make_interval(days => $3)
FROM accounts WHERE account_id = $2 AND disabled_at IS NULL
RETURNING expires_at
"""


async def begin_family(connection: Connection, family_id: UUID, account_id: UUID, *, days: int) -> datetime | None:
    """A new family at generation 1; returns when it expires, or None where the account was disabled meanwhile."""
    expires_at: datetime | None = await connection.fetchval(BEGIN_FAMILY, family_id, account_id, days)
    return expires_at


LOCK_FAMILY = """
SELECT f.family_id, f.account_id, f.generation,
       extract(epoch FROM clock_timestamp() - f.rotated_at)::float8 AS rotated_seconds_ago, f.expires_at,
       f.ended_at IS NULL AND f.expires_at > clock_timestamp() AND a.disabled_at IS NULL AS is_live
FROM refresh_families f JOIN accounts a USING (account_id)
WHERE f.family_id = $1 FOR UPDATE OF f
"""


async def lock_family(connection: Connection, family_id: UUID) -> Family | None:
    """Lock a family until the transaction ends, so that its tokens are judged one after the other."""
    row = await connection.fetchrow(LOCK_FAMILY, family_id)
    return None if row is None else Family(**row)


ROTATE_FAMILY = "UPDATE refresh_families SET generation = $2, rotated_at = clock_timestamp() WHERE family_id = $1"


async def rotate_family(connection: Connection, family_id: UUID, generation: int) -> None:
    """Make `generation` the good one of a locked family."""
    await connection.execute(ROTATE_FAMILY, family_id, generation)


END_FAMILY = """
UPDATE refresh_families SET ended_at = clock_timestamp(), end_reason = $2
WHERE family_id = $1 AND ended_at IS NULL
RETURNING account_id
"""


async def end_family(connection: Connection, family_id: UUID, reason: EndReason) -> UUID | None:
    """End a session; returns its account, or None when it had ended or never was."""
    account_id: UUID | None = await connection.fetchval(END_FAMILY, family_id, reason)
    return account_id


STANDINGS = """
SELECT f.family_id, a.account_id, a.role, a.site_ids, a.department_ids, a.employee_id
FROM refresh_families f JOIN accounts a USING (account_id)
WHERE f.family_id = ANY ($1::uuid[]) AND f.ended_at IS NULL AND f.expires_at > clock_timestamp()
  AND a.disabled_at IS NULL
"""


async def standings(connection: Connection, family_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Those of the sessions that are live, with what their accounts may do now."""
    rows = await connection.fetch(STANDINGS, list(family_ids))
    return {row["family_id"]: Standing(**{**row, "role": Role(row["role"])}) for row in rows}


FORGET_FAMILIES = "DELETE FROM refresh_families WHERE expires_at < clock_timestamp() - make_interval(days => $1)"


async def forget_families(connection: Connection, expired_days_ago: int) -> None:
    """Delete sessions that expired that long ago; the audit keeps what they did."""
    await connection.execute(FORGET_FAMILIES, expired_days_ago)


ADD_AUDIT = "INSERT INTO audit (actor, action, subject, request_id) VALUES ($1, $2, $3, $4)"


async def add_audit(
    connection: Connection, *, account_id: UUID, action: str, family_id: UUID, request_id: str | None
) -> None:
    """Write into the audit what became of a session, in the transaction that does it."""
    await connection.execute(ADD_AUDIT, f"account:{account_id}", action, f"session:{family_id}", request_id)
