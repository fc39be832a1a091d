"""A short campaign with each kind of fault; its checker on what it left, before and after it was tampered with."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import uvloop

from tests.faults.campaign.campaign import Campaign
from tests.faults.campaign.checker.histories import read_histories, read_wall_minus_boot
from tests.faults.campaign.checker.judge import Wrong, judge
from tests.faults.campaign.checker.record import read_record
from tests.faults.campaign.faketime import find_or_install_faketime
from tests.faults.campaign.report import Report
from tests.faults.campaign.schedule import SHORT
from tests.faults.campaign.world import World, running_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Over:
    """A campaign that is over; its PostgreSQL still runs, its hubs don't."""

    world: World
    report: Report
    histories: Path


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Over]:
    seed = int(time.time())
    print(f"seed {seed}")
    folder = tmp_path_factory.mktemp("campaign")
    histories = folder / "histories"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = running_world(folder, random.Random(seed), plan=SHORT)
        world = runner.run(context.__aenter__())
        try:
            campaign = Campaign(world, SHORT, seed, histories, find_or_install_faketime(), say=False)
            report = runner.run(campaign.run())
            print(report.text())
            yield Over(world, report, histories)
        finally:
            if world.postgres.pid is not None:
                # At once: an orderly end would write all the copies to disk, for nobody.
                os.kill(world.postgres.pid, signal.SIGQUIT)
            runner.run(context.__aexit__(None, None, None))


def test_nothing_is_wrong_after_every_kind_of_fault(over: Over) -> None:
    assert not over.report.faults(), over.report.text()
    assert over.report.struck.keys() == SHORT.planned.keys()
    assert over.report.recorded >= SHORT.punches


PROOFS = {
    "kill": "pid_after",
    "restart": "pid_after",
    "freeze": "stopped_processes",
    "flush": "keys_before",
    "step": "kiosk_says_its_clock_is_off_by_seconds",
    "cut": "connections_cut",
    "half-close": "connections_half_closed",
    "truncate": "missing_bytes",
    "stall": "held_bytes",
    "delay": "delayed_bytes",
    "swallow": "swallowed_answers",
}


def test_every_fault_that_struck_has_its_proof(over: Over) -> None:
    lines = [json.loads(line) for line in (over.histories / "faults.jsonl").read_text().splitlines()]
    struck = [line for line in lines if line["did"] == "fault" and line["struck"]]
    assert Counter(line["kind"] for line in struck) == over.report.struck
    for line in struck:
        assert line["proof"][PROOFS[line["kind"].split()[0]]], line


def test_answers_were_swallowed_and_given_again(over: Over) -> None:
    """What the faults are for: a punch that was committed without its kiosk knowing is answered as it was."""
    kiosks, _ = read_histories(over.histories)
    assert any(answer.duplicate for kiosk in kiosks for answer in kiosk.answers if kiosk.name.startswith("outsider"))


DROP_GUARDS = """
DROP TRIGGER append_only ON punches;
DROP TRIGGER append_only ON receipts;
"""
MIDDLE = "(SELECT count(*) / 2 FROM punches)"
A_PUNCH = f"SELECT punch_id FROM punches ORDER BY recorded_at, device_id, seq OFFSET {MIDDLE} LIMIT 1"
A_JOURNAL = "SELECT device_id, log_id FROM punches GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
A_STREAM = "SELECT site_id FROM streams ORDER BY head DESC LIMIT 1"
COLUMNS = (
    "device_id, log_id, site_id, employee_id, outcome, reason, kind, occurred_at, captured, same_as, counted,"
    " signed_text, signature"
)
TAMPERED = {
    "a row deleted": (Wrong.LOST, f"DELETE FROM punches WHERE punch_id = ({A_PUNCH})"),
    "a row deleted with its receipt": (
        Wrong.LOST,
        f"""
        WITH gone AS (DELETE FROM punches WHERE punch_id = ({A_PUNCH}) RETURNING device_id, log_id, seq)
        DELETE FROM receipts r USING gone g WHERE (r.device_id, r.log_id, r.seq) = (g.device_id, g.log_id, g.seq)
        """,
    ),
    "the last row of a journal deleted": (
        Wrong.LOST,
        """
        DELETE FROM punches p USING (SELECT device_id, log_id, max(seq) AS seq FROM punches GROUP BY 1, 2 LIMIT 1) l
        WHERE (p.device_id, p.log_id, p.seq) = (l.device_id, l.log_id, l.seq)
        """,
    ),
    "a change deleted": (Wrong.LOST, f'DELETE FROM stream_changes WHERE "offset" = 10 AND site_id = ({A_STREAM})'),
    "a row doubled": (
        Wrong.DUPLICATED,
        f"""
        INSERT INTO punches (recorded_at, seq, punch_id, {COLUMNS})
        SELECT recorded_at + interval '1 s', seq, punch_id, {COLUMNS} FROM punches WHERE punch_id = ({A_PUNCH})
        """,
    ),
    "a row that nobody sent": (
        Wrong.UNEXPECTED,
        f"""
        INSERT INTO punches (recorded_at, seq, punch_id, {COLUMNS})
        SELECT recorded_at, seq + 1000000, uuidv7(), {COLUMNS} FROM punches WHERE punch_id = ({A_PUNCH})
        """,
    ),
    "a signed text altered": (
        Wrong.UNEXPECTED,
        f"UPDATE punches SET signed_text = signed_text || ' ' WHERE punch_id = ({A_PUNCH})",
    ),
    "two rows swapped": (
        Wrong.REORDERED,
        f"""
        UPDATE punches SET seq = -seq WHERE seq IN (10, 11) AND (device_id, log_id) = ({A_JOURNAL});
        UPDATE punches SET seq = 21 + seq WHERE seq < 0
        """,
    ),
    "two moments swapped": (
        Wrong.REORDERED,
        f"""
        UPDATE punches p SET recorded_at = o.recorded_at FROM punches o
        WHERE (p.device_id, p.log_id) = (o.device_id, o.log_id) AND (p.seq, o.seq) IN ((10, 100), (100, 10))
          AND (p.device_id, p.log_id) = ({A_JOURNAL})
        """,
    ),
    "two changes of a stream swapped": (
        Wrong.REORDERED,
        f"""
        UPDATE stream_changes SET "offset" = -"offset" WHERE "offset" IN (10, 30) AND site_id = ({A_STREAM});
        UPDATE stream_changes SET "offset" = 40 + "offset" WHERE "offset" < 0 AND site_id = ({A_STREAM})
        """,
    ),
    "an outcome altered": (
        Wrong.CHANGED,
        """
        UPDATE punches SET kind = CASE kind WHEN 'in' THEN 'out' ELSE 'in' END
        WHERE punch_id = (SELECT punch_id FROM punches WHERE outcome = 'recorded' ORDER BY recorded_at LIMIT 1)
        """,
    ),
    "a moment altered": (
        Wrong.MISDATED,
        """
        UPDATE punches SET occurred_at = occurred_at + interval '1 min'
        WHERE punch_id = (SELECT punch_id FROM punches WHERE counted ORDER BY recorded_at LIMIT 1)
        """,
    ),
    "a board's entry altered": (
        Wrong.UNEQUAL,
        f"""
        UPDATE stream_changes c SET status = CASE status WHEN 'in' THEN 'break' ELSE 'in' END
        WHERE site_id = ({A_STREAM}) AND on_board AND NOT EXISTS (
            SELECT FROM stream_changes l
            WHERE (l.site_id, l.employee_id) = (c.site_id, c.employee_id) AND l."offset" > c."offset"
        )
        """,
    ),
}


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_a_record_that_was_tampered_with_is_red(over: Over, tampering: str) -> None:
    wrong, statement = TAMPERED[tampering]
    name = f"copy_{next(NUMBERS)}"
    await _copy(over.world, name)
    superuser = await asyncpg.connect(_named(over.world.postgres.superuser_dsn, name))
    try:
        await superuser.execute(DROP_GUARDS)
        await superuser.execute(statement)
    finally:
        await superuser.close()
    record = await read_record(_named(over.world.dsns.reader, name))
    kiosks, boards = read_histories(over.histories)
    assert wrong in {
        finding.wrong for finding in judge(kiosks, boards, record, wall_minus_boot=read_wall_minus_boot(over.histories))
    }


def _an_answer(line: dict[str, Any]) -> bool:
    if line["did"] != "answer" or line["outcome"] != "recorded":
        return False
    line["kind"] = "break_start" if line["kind"] != "break_start" else "in"
    return True


def _a_moment(line: dict[str, Any]) -> bool:
    if line["did"] != "keep" or not line["made_between"]:
        return False
    line["made_between"] = [moment - 65 for moment in line["made_between"]]
    return True


def _all_moments(line: dict[str, Any]) -> bool:
    """Of which some punch was recorded as it happened, neither debounced nor held."""
    _a_moment(line)
    return bool(line["did"] == "end")


def _a_view(line: dict[str, Any]) -> bool:
    if line["did"] != "view" or line["label"] != "final":
        return False
    person = next(iter(line["sites"].values()))["people"][0]
    person[1] = "break" if person[1] != "break" else "in"
    return True


def _a_push(line: dict[str, Any]) -> bool:
    if line["did"] != "change" or not line["people"]:
        return False
    line["people"][0][1] = "break" if line["people"][0][1] != "break" else "in"
    return True


def _a_kept_punch(line: dict[str, Any]) -> bool:
    """Kept under another id: what it was is in the record and was never sent, what it is now is lost."""
    if line["did"] != "keep":
        return False
    line["punch_id"] = "00000000-0000-7000-8000-000000000000"
    return True


@pytest.mark.parametrize(
    ("files", "tamper", "wrong"),
    [
        ("outsider-*", _an_answer, {Wrong.CHANGED}),
        ("kiosk-*", _an_answer, {Wrong.CHANGED}),
        ("kiosk-*", _all_moments, {Wrong.MISDATED}),
        ("board-*", _a_view, {Wrong.UNEQUAL}),
        ("board-*", _a_push, {Wrong.UNEQUAL}),
        ("kiosk-*", _a_kept_punch, {Wrong.LOST, Wrong.UNEXPECTED}),
    ],
)
async def test_a_history_that_says_something_else_is_red(
    over: Over, tmp_path: Path, files: str, tamper: Callable[[dict[str, Any]], bool], wrong: set[Wrong]
) -> None:
    histories = tmp_path / "histories"
    shutil.copytree(over.histories, histories)
    path = min(histories.glob(f"{files}.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert any(tamper(line) for line in lines), "one line was altered"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    record = await read_record(over.world.dsns.reader)
    found = {
        finding.wrong
        for finding in judge(*read_histories(histories), record, wall_minus_boot=read_wall_minus_boot(histories))
    }
    assert found == wrong


async def _copy(world: World, name: str) -> None:
    superuser = await asyncpg.connect(world.postgres.superuser_dsn)
    try:
        await superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'attendance'"
        )
        await superuser.execute(f"CREATE DATABASE {name} TEMPLATE attendance STRATEGY wal_log")
    finally:
        await superuser.close()


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
