"""The hub's own transaction for a batch, statement by statement, with rows that are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from protocol.commands import PunchRecord
from protocol.values import Kind, Status
from server.rules.punches import PunchRules
from server.services.batch import history_window
from storage.models import Change, Presence, StoredPunch
from storage.postgres import Connection
from storage.repositories import people, presence, punches

_RULES: Final = PunchRules(
    debounce=timedelta(seconds=60), open_shift_limit=timedelta(hours=16), future_tolerance=timedelta(seconds=60)
)
_ZONE: Final = ZoneInfo("UTC")


@dataclass(slots=True)
class Work:
    """A punch as it would arrive, and the row that it becomes."""

    record: PunchRecord
    public_key: bytes
    badge_hash: bytes
    row: StoredPunch


async def append(connection: Connection, batch: Sequence[Work]) -> None:
    """Punches, receipts and heads of journals alone."""
    now = await presence.commit_clock(connection)
    await punches.append_punches(connection, now, [work.row for work in batch], {})


async def commit(connection: Connection, batch: Sequence[Work]) -> None:
    """Everything that the hub reads, locks and writes for a batch, in its order."""
    rows = [work.row for work in batch]
    employees = list({row.employee_id for row in rows if row.employee_id is not None})
    await people.badge_holders(connection, list({work.badge_hash for work in batch}))
    known = await people.people_at_work(connection, employees)
    journals = await punches.lock_journals(connection, sorted({row.key[:2] for row in rows}))
    sites = {row.site_id for row in rows} | {person.site_id for person in known.values()}
    sites |= {person.at_site_id for person in known.values() if person.at_site_id is not None}
    _, heads = await presence.lock_streams(connection, list(sites))
    await presence.lock_presence(connection, employees)
    now = await presence.commit_clock(connection)
    windows = _windows(rows)
    earliest = min(since for since, _ in windows.values())
    await punches.histories(connection, windows, earliest - presence.CLOCK_SLACK)
    begun = {key[0]: key[1] for key, journal in journals.items() if journal.last_seq == 0}
    await punches.append_punches(connection, now, rows, begun)
    moved = {row.employee_id: _presence(row) for row in rows if row.employee_id is not None}
    changes: dict[UUID, tuple[int, list[Change]]] = {}
    for row in rows:
        after = _presence(row)
        change = Change(after.employee_id, True, after.status, after.since, after.at_site_id)
        changes.setdefault(row.site_id, (heads[row.site_id], []))[1].append(change)
    await presence.append_changes(connection, changes, now, list(moved.values()))


def _presence(row: StoredPunch) -> Presence:
    assert row.employee_id is not None
    if row.kind is Kind.IN:
        return Presence(row.employee_id, Status.IN, row.occurred_at, row.site_id)
    return Presence(row.employee_id, Status.OUT, row.occurred_at, None)


def _windows(rows: Sequence[StoredPunch]) -> dict[UUID, tuple[datetime, datetime]]:
    windows: dict[UUID, tuple[datetime, datetime]] = {}
    for row in rows:
        assert row.employee_id is not None
        assert row.occurred_at is not None
        since, until = history_window(row.occurred_at, _ZONE, _RULES)
        earlier = windows.get(row.employee_id, (since, until))
        windows[row.employee_id] = (min(since, earlier[0]), max(until, earlier[1]))
    return windows
