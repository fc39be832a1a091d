"""Sessions: families of refresh tokens. Times are PostgreSQL's, so that all hubs agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from protocol.values import Role
from storage.postgres import Connection

EndReason = Literal["signed_out", "reused", "revoked"]


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


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session as its list shows it; `address` and `client` are where it began and what that called itself."""

    family_id: UUID
    account_id: UUID
    username: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    address: str | None
    client: str | None


class SessionPosition(NamedTuple):
    """Where a page of sessions ended."""

    created_at: datetime
    family_id: UUID


BEGIN_FAMILY = """
INSERT INTO refresh_families (family_id, account_id, expires_at, address, client)
SELECT $1, account_id, clock_timestamp() + make_interval(days => $3), $4, $5
FROM accounts
WHERE account_id = $2 AND disabled_at IS NULL AND password_hash = $6 AND totp_secret IS NOT DISTINCT FROM $7 FOR SHARE
RETURNING expires_at
"""


async def begin_family(
    connection: Connection,
    family_id: UUID,
    account_id: UUID,
    *,
    password_hash: str,
    totp_secret: bytes | None,
    days: int,
    address: str | None,
    client: str | None,
) -> datetime | None:
    """A new family at generation 1, for as long as `password_hash` and `totp_secret` are the account's.

    Returns when it expires, or None where the account was disabled or got another password or second factor meanwhile.
    """
    expires_at: datetime | None = await connection.fetchval(
        BEGIN_FAMILY, family_id, account_id, days, address, client, password_hash, totp_secret
    )
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


END_FAMILIES = """
UPDATE refresh_families SET ended_at = clock_timestamp(), end_reason = 'revoked'
WHERE account_id = $1 AND ended_at IS NULL AND expires_at > clock_timestamp() AND family_id IS DISTINCT FROM $2
"""


async def end_families(connection: Connection, account_id: UUID, *, but: UUID | None = None) -> int:
    """End an account's live sessions, all of them or all but one; returns how many."""
    status = await connection.execute(END_FAMILIES, account_id, but)
    return int(status.rpartition(" ")[2])


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


LIST_SESSIONS = """
SELECT f.family_id, f.account_id, a.username, f.created_at, f.rotated_at, f.expires_at, f.address, f.client
FROM refresh_families f JOIN accounts a USING (account_id)
WHERE f.account_id = $1 AND f.ended_at IS NULL AND f.expires_at > clock_timestamp() AND a.disabled_at IS NULL
  AND ($2::timestamptz IS NULL OR (f.created_at, f.family_id) < ($2, $3::uuid))
ORDER BY f.created_at DESC, f.family_id DESC LIMIT $4
"""


async def list_sessions(
    connection: Connection, account_id: UUID, *, after: SessionPosition | None, limit: int
) -> list[LiveSession]:
    """An account's live sessions, newest first."""
    created_at, family_id = after or (None, None)
    rows = await connection.fetch(LIST_SESSIONS, account_id, created_at, family_id, limit)
    return [LiveSession(**row) for row in rows]


FORGET_FAMILIES = "DELETE FROM refresh_families WHERE expires_at < clock_timestamp() - make_interval(days => $1)"


async def forget_families(connection: Connection, expired_days_ago: int) -> None:
    """Delete sessions that expired that long ago; the audit keeps what they did."""
    await connection.execute(FORGET_FAMILIES, expired_days_ago)
