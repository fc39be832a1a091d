"""What was done by whom: written in the transaction that does it, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from storage.postgres import Connection


@dataclass(frozen=True, slots=True)
class Entry:
    """One act as it is kept; `actor_name` is the username of an account that acted."""

    audit_id: UUID
    at: datetime
    actor: str
    actor_name: str | None
    action: str
    subject: str | None
    employee_id: UUID | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None


class EntryPosition(NamedTuple):
    """Where a page of entries ended."""

    at: datetime
    audit_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries are asked for; null means any. `action` is how it begins, `since` is inclusive, `until` is not."""

    actor_id: UUID | None = None
    employee_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


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


_WITHIN = """($6::uuid[] IS NULL OR e.site_id = ANY ($6)) AND ($7::uuid[] IS NULL OR e.department_id = ANY ($7))"""
_ACCOUNT_WITHIN = f"""
             AND (a.role = 'employee' OR ($6 IS NULL OR a.site_ids <@ $6) AND ($7 IS NULL OR a.department_ids <@ $7))
             AND (a.employee_id IS NULL OR {_WITHIN})
"""
# A narrowed caller ($6 sites, $7 departments, null for all; $8 its account) sees what it did itself, and what concerns
# a person, a place, a terminal or an account of its scope. Whatever is none of these stays hidden.
LIST = f"""
SELECT t.audit_id, t.at, t.actor, who.username AS actor_name, t.action, t.subject, t.employee_id, t.before,
       coalesce(t.after, nullif(t.details, '{{}}')) AS after, t.address, t.request_id
FROM audit t LEFT JOIN accounts who
    ON who.account_id = CASE WHEN starts_with(t.actor, 'account:') THEN substr(t.actor, 9)::uuid END
WHERE ($1::uuid IS NULL OR t.actor IN ('account:' || $1, 'device:' || $1))
  AND ($2::uuid IS NULL OR t.employee_id = $2)
  AND ($3::text IS NULL OR starts_with(t.action, $3))
  AND ($4::timestamptz IS NULL OR t.at >= $4)
  AND ($5::timestamptz IS NULL OR t.at < $5)
  AND ($9::timestamptz IS NULL OR (t.at, t.audit_id) < ($9, $10::uuid))
  AND ($6::uuid[] IS NULL AND $7::uuid[] IS NULL
    OR t.actor = 'account:' || $8::uuid
    OR CASE
       WHEN t.action ^@ 'session.' THEN EXISTS (
           SELECT FROM accounts a LEFT JOIN employees e USING (employee_id)
           WHERE 'account:' || a.account_id IN (t.actor, t.subject) {_ACCOUNT_WITHIN})
       WHEN split_part(t.action, '.', 1) IN ('account', 'password', 'totp') THEN EXISTS (
           SELECT FROM accounts a LEFT JOIN employees e USING (employee_id)
           WHERE 'account:' || a.account_id = t.subject {_ACCOUNT_WITHIN})
       WHEN t.action ^@ 'site.' THEN $6 IS NULL OR right(t.subject, 36) = ANY ($6::text[])
       WHEN t.action ^@ 'department.' THEN EXISTS (
           SELECT FROM departments e WHERE right(t.subject, 36) = e.department_id::text AND {_WITHIN})
       WHEN t.action ^@ 'device.' THEN $6 IS NULL OR right(t.subject, 36) = ANY ($6::text[]) OR EXISTS (
           SELECT FROM devices d WHERE right(t.subject, 36) = d.device_id::text AND d.site_id = ANY ($6))
       ELSE EXISTS (SELECT FROM employees e WHERE e.employee_id = t.employee_id AND {_WITHIN})
       END)
ORDER BY t.at DESC, t.audit_id DESC LIMIT $11
"""  # noqa: S608 - constants of this file


async def list_entries(
    connection: Connection,
    asked: Asked,
    *,
    site_ids: list[UUID] | None,
    department_ids: list[UUID] | None,
    account_id: UUID | None,
    after: EntryPosition | None,
    limit: int,
) -> list[Entry]:
    """Entries that a caller of this scope and account may see, newest first."""
    at, audit_id = after or (None, None)
    rows = await connection.fetch(
        LIST,
        asked.actor_id,
        asked.employee_id,
        asked.action,
        asked.since,
        asked.until,
        site_ids,
        department_ids,
        account_id,
        at,
        audit_id,
        limit,
    )
    return [Entry(**{**row, "before": _fields(row["before"]), "after": _fields(row["after"])}) for row in rows]


def _fields(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])


class PersonNote(NamedTuple):
    """One of many people whom an act is about."""

    employee_id: UUID
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


ADD_PEOPLE = """
INSERT INTO audit (actor, action, subject, employee_id, before, after, address, request_id)
SELECT $1, $2, 'employee:' || employee_id, employee_id, before, after, $6, $7
FROM unnest($3::uuid[], $4::jsonb[], $5::jsonb[]) AS n (employee_id, before, after)
"""


async def add_people(
    connection: Connection,
    *,
    actor: str,
    action: str,
    people: Sequence[PersonNote],
    address: str | None,
    request_id: str | None,
) -> None:
    """One act that is about many: an entry for each."""
    await connection.execute(
        ADD_PEOPLE,
        actor,
        action,
        [person.employee_id for person in people],
        [_json(person.before) for person in people],
        [_json(person.after) for person in people],
        address,
        request_id,
    )


def _json(fields: Mapping[str, Any] | None) -> str | None:
    return None if fields is None else msgspec.json.encode(fields).decode()
