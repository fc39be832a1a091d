"""What stands in the database, read by plain SQL as the role that may only read.

Nothing here is taken from the hub: digests are reckoned by PostgreSQL from the signed text, and who is where is
derived from the punches alone, by the contract's page.
"""

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.faults.campaign.checker.histories import Person

_TIME = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

PUNCHES = f"""
SELECT punch_id::text, device_id::text, log_id::text, seq, site_id::text, employee_id::text, outcome, reason, kind,
       {_TIME.format("occurred_at")} AS occurred_at, {_TIME.format("recorded_at")} AS recorded_at,
       encode(sha256(convert_to(signed_text, 'UTF8')), 'hex') AS text_sha256,
       rtrim(translate(encode(sha256(convert_to('attendance.v1|punch|' || signed_text, 'UTF8')), 'base64'), '+/', '-_'),
             E'=\\n') AS digest,
       signed_text::json ->> 'previous' AS previous, signed_text::json ->> 'punch_id' AS signed_punch_id,
       signed_text::json ->> 'device_id' AS signed_device_id, signed_text::json ->> 'log_id' AS signed_log_id,
       (signed_text::json ->> 'seq')::bigint AS signed_seq,
       (signed_text::json -> 'clock' ->> 'uncertainty_ms')::int AS uncertainty_ms
FROM punches ORDER BY device_id, log_id, seq, recorded_at
"""
RECEIPTS = f"""
SELECT device_id::text, log_id::text, seq, {_TIME.format("recorded_at")} AS recorded_at FROM receipts
"""
CHANGES = f"""
SELECT site_id::text, "offset", employee_id::text, on_board, status, {_TIME.format("since")} AS since,
       at_site_id::text, {_TIME.format("changed_at")} AS changed_at
FROM stream_changes ORDER BY site_id, "offset"
"""
# Who is where follows from the recorded punches that repeat no other: the latest by when it happened.
WHO_IS_WHERE = f"""
SELECT DISTINCT ON (employee_id) employee_id::text,
       CASE kind WHEN 'out' THEN 'out' WHEN 'break_start' THEN 'break' ELSE 'in' END AS status,
       {_TIME.format("occurred_at")} AS since,
       CASE kind WHEN 'out' THEN NULL ELSE site_id::text END AS at_site_id
FROM punches
WHERE outcome = 'recorded' AND reason IS DISTINCT FROM 'debounced'
ORDER BY employee_id, occurred_at DESC, recorded_at DESC, device_id DESC, log_id DESC, seq DESC
"""
HOMES = "SELECT employee_id::text, site_id::text FROM employees WHERE deactivated_at IS NULL"
HEADS = "SELECT site_id::text, head FROM streams"
EPOCHS = "SELECT epoch::text FROM stream_epochs"


@dataclass(frozen=True)
class Row:
    """A punch of the record. What `signed_…` names stands inside the signed text."""

    punch_id: str
    device_id: str
    log_id: str
    seq: int
    site_id: str
    employee_id: str | None
    outcome: str
    reason: str | None
    kind: str | None
    occurred_at: str | None
    recorded_at: str
    text_sha256: str
    digest: str
    previous: str | None
    signed_punch_id: str
    signed_device_id: str
    signed_log_id: str
    signed_seq: int
    uncertainty_ms: int | None = None
    """Of the clock that the kiosk signed with it; None where it had none."""

    @property
    def lasting(self) -> tuple[str | None, ...]:
        """What an answer tells of it."""
        return self.outcome, self.reason, self.kind, self.occurred_at, self.recorded_at

    @property
    def place(self) -> tuple[str, str, int]:
        return self.device_id, self.log_id, self.seq


@dataclass(frozen=True)
class Receipt:
    device_id: str
    log_id: str
    seq: int
    recorded_at: str


@dataclass(frozen=True)
class Entry:
    """One change of a site's stream."""

    site_id: str
    offset: int
    employee_id: str
    on_board: bool
    status: str
    since: str | None
    at_site_id: str | None
    changed_at: str

    @property
    def person(self) -> Person:
        return self.status, self.since, self.at_site_id


@dataclass
class Record:
    punches: list[Row] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    heads: dict[str, int] = field(default_factory=dict)
    epochs: frozenset[str] = frozenset()
    who_is_where: dict[str, Person] = field(default_factory=dict)
    """By employee, derived from the punches; who never punched is missing."""
    homes: dict[str, str] = field(default_factory=dict)
    """The site of each active employee."""

    def board(self, site_id: str) -> dict[str, Person]:
        """What a site's board must show: who is at home there, and who is in there."""
        shown = {
            person: self.who_is_where.get(person, NOWHERE) for person, home in self.homes.items() if home == site_id
        }
        visitors = {person: where for person, where in self.who_is_where.items() if where[2] == site_id}
        return shown | visitors


NOWHERE: Person = ("out", None, None)


async def read_record(dsn: str) -> Record:
    """All of it, in one snapshot."""
    connection = await asyncpg.connect(dsn, timeout=20)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return Record(
                punches=[Row(**_fields(row)) for row in await connection.fetch(PUNCHES)],
                receipts=[Receipt(**_fields(row)) for row in await connection.fetch(RECEIPTS)],
                entries=[Entry(**_fields(row)) for row in await connection.fetch(CHANGES)],
                heads=dict(map(tuple, await connection.fetch(HEADS))),
                epochs=frozenset(row[0] for row in await connection.fetch(EPOCHS)),
                who_is_where={
                    row["employee_id"]: (row["status"], row["since"], row["at_site_id"])
                    for row in await connection.fetch(WHO_IS_WHERE)
                },
                homes=dict(map(tuple, await connection.fetch(HOMES))),
            )
    finally:
        await connection.close()


def _fields(row: "asyncpg.Record") -> dict[str, Any]:
    return dict(row.items())
