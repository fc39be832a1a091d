"""What was done by whom: written in the transaction that does it, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from storage.postgres import Connection

ADD = """
INSERT INTO audit (actor, action, subject, employee_id, before, after, address, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def add(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str | None,
    employee_id: UUID | None,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    address: str | None,
    request_id: str | None,
) -> None:
    """One act: `before` and `after` are JSON objects of what it changed, without secrets."""
    await connection.execute(ADD, actor, action, subject, employee_id, _json(before), _json(after), address, request_id)


def _json(fields: Mapping[str, Any] | None) -> str | None:
    return None if fields is None else msgspec.json.encode(fields).decode()
