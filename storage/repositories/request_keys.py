"""What was asked once and what was answered, so that asking again does nothing again."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from storage.postgres import Connection


class Asked(NamedTuple):
    """An earlier request: its keyed digest, and its answer as JSON."""

    digest: bytes
    answer: bytes


CLAIM = """
INSERT INTO request_keys (account_id, request_key, digest) VALUES ($1, $2, $3)
ON CONFLICT (account_id, request_key) DO NOTHING RETURNING true
"""
FIND = "SELECT digest, answer FROM request_keys WHERE account_id = $1 AND request_key = $2"


async def claim(connection: Connection, account_id: UUID, request_key: UUID, digest: bytes) -> Asked | None:
    """None: the key is this transaction's. Else what it was used for; one that is being used now is waited for."""
    if await connection.fetchval(CLAIM, account_id, request_key, digest):
        return None
    row = await connection.fetchrow(FIND, account_id, request_key)
    # Read committed: whoever held the key has committed, or the insert above would have taken it.
    assert row is not None and row["answer"] is not None  # noqa: S101, PT018 - answers are written with their keys
    return Asked(row["digest"], row["answer"])


KEEP = "UPDATE request_keys SET answer = $3 WHERE account_id = $1 AND request_key = $2"


async def keep_answer(connection: Connection, account_id: UUID, request_key: UUID, answer: bytes) -> None:
    await connection.execute(KEEP, account_id, request_key, answer)


FORGET = "DELETE FROM request_keys WHERE asked_at < clock_timestamp() - make_interval(days => $1)"


async def forget_request_keys(connection: Connection, days: int) -> None:
    """After so many days nobody asks again; the audit keeps what was done."""
    await connection.execute(FORGET, days)
