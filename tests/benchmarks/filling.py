"""Ten million punches in minutes: written month by month beside the table, then attached with their indexes.

A year of it, as a hub would have left it: receipts, journals' heads and partitions included. The texts have the length
of signed ones, and no signature in them is right: nothing here reads them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg

MONTHS: Final = 12
_SESSION: Final = """
SET synchronous_commit = off;
SET maintenance_work_mem = '768MB';
SET max_parallel_maintenance_workers = 1;
"""

# Devices take the punches by turns, and so do people; each stands in the record in the order of its journal.
# Minutes 10 to 49 of an hour: what a benchmark punches lies within seconds of a full hour, and isn't debounced.
_BESIDE: Final = """
CREATE TABLE {name} (LIKE punches INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS);
{rows}
ALTER TABLE punches ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}');
"""
_ROWS: Final = """
INSERT INTO {name} (recorded_at, device_id, log_id, seq, punch_id, site_id, employee_id, outcome, reason, kind,
                    occurred_at, captured, same_as, counted, signed_text, signature)
SELECT at + interval '1 second', d.device_id, d.log_id, n / {devices} + 1, gen_random_uuid(), d.site_id,
       p.employee_id, 'recorded', NULL, (ARRAY['in', 'out'])[(n / {people}) % 2 + 1], at, 'online', NULL, true,
       rpad(n::text, 560, 'x'), decode(rpad('', 128, 'a'), 'hex')
FROM generate_series({first}::bigint, {last}::bigint) AS n
JOIN filling_devices d ON d.place = n % {devices}
JOIN filling_people p ON p.place = n % {people}
CROSS JOIN LATERAL (
    SELECT date_trunc('hour', '{begin}'::timestamptz + ({span} * (n - {first}) / {count}) * interval '1 second')
           + interval '10 minutes' + (n % 2400) * interval '1 second' AS at
) AS times
WHERE at + interval '1 second' < '{end}'::timestamptz;
"""
_BEFORE: Final = """
CREATE TABLE filling_devices AS
SELECT row_number() OVER (ORDER BY device_id) - 1 AS place, device_id, site_id,
       gen_random_uuid() AS log_id
FROM devices;
CREATE TABLE filling_people AS
SELECT row_number() OVER (ORDER BY employee_id) - 1 AS place, employee_id FROM employees;
ANALYZE filling_devices, filling_people;
ALTER TABLE receipts DROP CONSTRAINT receipts_pkey;
"""
_RECEIPTS: Final = """
INSERT INTO receipts (device_id, log_id, seq, digest, recorded_at)
SELECT device_id, log_id, seq, sha256(punch_id::text::bytea), recorded_at FROM punches;
ALTER TABLE receipts ADD CONSTRAINT receipts_pkey PRIMARY KEY (device_id, log_id, seq);
INSERT INTO device_journals (device_id, log_id, last_seq, last_digest)
SELECT d.device_id, d.log_id, r.seq, r.digest
FROM filling_devices d
CROSS JOIN LATERAL (
    SELECT seq, digest FROM receipts r WHERE (r.device_id, r.log_id) = (d.device_id, d.log_id) ORDER BY seq DESC LIMIT 1
) AS r;
UPDATE devices d SET log_id = f.log_id FROM filling_devices f WHERE f.device_id = d.device_id;
DROP TABLE filling_devices, filling_people;
"""


async def fill(superuser_dsn: str, punches: int, say: Callable[[str], None]) -> int:
    """Fill a migrated database with people and devices in it; how many punches it has then (some fewer)."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute(f"{_SESSION} SET ROLE attendance_owner; {_BEFORE}")
        waiting = asyncio.Queue[str]()
        for statement in await _statements(connection, punches):
            waiting.put_nowait(statement)
        await asyncio.gather(*(_work(superuser_dsn, waiting, say) for _ in range(2)))
        await connection.execute(_RECEIPTS)
        say("receipts are written")
        for statement in ("RESET ROLE", "VACUUM (ANALYZE)", "CHECKPOINT"):
            await connection.execute(statement)
        return int(await connection.fetchval("SELECT count(*) FROM receipts"))
    finally:
        await connection.close()


async def _statements(connection: asyncpg.Connection[asyncpg.Record], punches: int) -> list[str]:
    """One for each month, as many rows in each as its length has it. This month's partition is there already."""
    months = await connection.fetch(
        "SELECT month AS begin, least(month + interval '1 month', now()) AS end "
        "FROM (SELECT date_trunc('month', now(), 'UTC') - make_interval(months => n) AS month "
        "      FROM generate_series($1::int - 1, 0, -1) AS n) AS months",
        MONTHS,
    )
    devices = await connection.fetchval("SELECT count(*) FROM filling_devices")
    people = await connection.fetchval("SELECT count(*) FROM filling_people")
    spans = [int((month["end"] - month["begin"]).total_seconds()) for month in months]
    statements = []
    first = 0
    for month, span in zip(months, spans, strict=True):
        count = max(1, punches * span // sum(spans))
        fields = {
            "name": f"punches_{month['begin']:%Y_%m}",
            "begin": month["begin"].isoformat(),
            "end": month["end"].isoformat(),
        }
        rows = _ROWS.format(
            first=first, last=first + count - 1, count=count, span=span, devices=devices, people=people, **fields
        )
        statements.append(rows if month is months[-1] else _BESIDE.format(rows=rows, **fields))
        first += count
    return statements


async def _work(dsn: str, waiting: asyncio.Queue[str], say: Callable[[str], None]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"{_SESSION} SET ROLE attendance_owner")
        while not waiting.empty():
            await connection.execute(waiting.get_nowait())
            say(f"{waiting.qsize()} months are left")
    finally:
        await connection.close()
