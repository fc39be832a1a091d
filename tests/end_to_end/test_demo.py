"""The demo as scripts use it: what it prints and writes, what it keeps, and what is left when it ends."""

import json
import os
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tests.running_hub import RunningDemo, free_port

pytestmark = pytest.mark.e2e

LEFT_ALONE = 20
"""With traffic, so many of each site's employees are nobody's but ours: the last ones of the list."""


@pytest.fixture(scope="module")
def moving_demo() -> Iterator[RunningDemo]:
    running = RunningDemo(traffic=600)
    yield running
    running.close()


async def rows(demo: RunningDemo, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def eventually_some(demo: RunningDemo, query: str, *, at_least: int, seconds: float = 30) -> list[asyncpg.Record]:
    deadline = time.monotonic() + seconds
    while len(found := await rows(demo, query)) < at_least:
        assert time.monotonic() < deadline, f"{len(found)} of {at_least} rows after {seconds} s\n{demo.process.tail()}"
        time.sleep(0.2)
    return found


def wait_until_nothing_is_left(demo: RunningDemo, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while left := demo.leftovers():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_it_prints_one_line_and_its_files_are_private(demo: RunningDemo) -> None:
    print(f"a first start took {demo.start_seconds:.1f} s")
    assert demo.ready_line["url"] == demo.file.url
    for name in ("demo.json", "hub.env", "keys.json", "company.json"):
        assert stat.S_IMODE((demo.data / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700
    with urllib.request.urlopen(f"{demo.url}/ready", timeout=5) as answer:
        assert answer.status == 200


def test_a_shell_can_source_the_hubs_environment(demo: RunningDemo) -> None:
    shown = subprocess.run(
        ["sh", "-euc", f". '{demo.data}/hub.env'; printf '%s\n' \"$ATTENDANCE_POSTGRES_DSN\" \"$ATTENDANCE_KEY_FILE\""],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout.splitlines()
    assert shown[0].startswith("postgresql://attendance_hub_a:")
    assert Path(shown[1]).is_file()


async def test_the_reader_reads_every_table_and_writes_none(demo: RunningDemo) -> None:
    tables = await rows(demo, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 10
    for (table,) in tables:
        await rows(demo, f'SELECT * FROM "{table}" LIMIT 1')
    with pytest.raises(asyncpg.PostgresError):
        await rows(demo, "DELETE FROM stream_changes")


async def test_without_traffic_kiosks_report_and_nobody_punches(demo: RunningDemo) -> None:
    spares = [device.device_id for device in demo.file.spares]
    reported = await eventually_some(
        demo, "SELECT device_id FROM device_reports WHERE outbox_depth IS NOT NULL", at_least=3, seconds=60
    )
    simulated = [row["device_id"] for row in reported if str(row["device_id"]) not in spares]
    assert len(simulated) >= 3
    assert not await rows(demo, "SELECT FROM punches WHERE device_id = ANY ($1::uuid[])", simulated)


async def test_with_traffic_boards_move_and_some_people_are_left_alone(moving_demo: RunningDemo) -> None:
    await eventually_some(moving_demo, "SELECT FROM punches WHERE outcome = 'recorded'", at_least=60, seconds=60)
    moved = {str(row["employee_id"]) for row in await rows(moving_demo, "SELECT DISTINCT employee_id FROM punches")}
    sites = {row["site_id"] for row in await rows(moving_demo, "SELECT DISTINCT site_id FROM punches")}
    assert len(sites) == 3
    for site in moving_demo.file.sites:
        there = [employee.employee_id for employee in moving_demo.file.employees if employee.site_id == site.site_id]
        assert not moved & set(there[-LEFT_ALONE:])
    spares = [device.device_id for device in moving_demo.file.spares]
    assert not await rows(moving_demo, "SELECT FROM device_reports WHERE device_id = ANY ($1::uuid[])", spares)


async def test_killed_it_leaves_nothing_behind_and_a_second_start_finds_everything(moving_demo: RunningDemo) -> None:
    before = moving_demo.file
    await eventually_some(moving_demo, "SELECT FROM punches", at_least=1)
    for kill in (True, False):
        recorded = await rows(moving_demo, "SELECT punch_id, outcome, occurred_at FROM punches")
        if kill:
            moving_demo.process.kill()
            wait_until_nothing_is_left(moving_demo)
        moving_demo.restart(kill=kill, traffic=600)
        print(f"a later start took {moving_demo.start_seconds:.1f} s")
        after = await rows(moving_demo, "SELECT punch_id, outcome, occurred_at FROM punches")
        assert {tuple(row) for row in recorded} <= {tuple(row) for row in after}
        assert (
            replace(
                moving_demo.file,
                url=before.url,
                ws_url=before.ws_url,
                postgres_dsn=before.postgres_dsn,
                redis_url=before.redis_url,
            )
            == before
        )


def start_another(data: Path, port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "server", "demo", "--headless", "--port", str(port), "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_second_demo_in_the_same_folder_is_refused_in_one_line(demo: RunningDemo) -> None:
    second = start_another(demo.data, free_port())
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"in use by process {demo.process.process.pid}" in second.stderr.splitlines()[-1]


def test_a_taken_port_is_named_in_one_line_and_nothing_stays(demo: RunningDemo, tmp_path: Path) -> None:
    other = start_another(tmp_path / "other", demo.port)
    assert other.returncode == 1
    assert other.stdout == ""
    assert str(demo.port) in other.stderr.splitlines()[-1]
    assert not (tmp_path / "other" / "demo.json").exists()


def test_standard_output_of_the_demo_is_json(demo: RunningDemo) -> None:
    assert [json.loads(line) for line in demo.process.stdout] == [demo.ready_line]
    assert os.getpid() != demo.ready_line["pid"] == demo.process.process.pid


def test_a_hub_on_a_taken_port_says_so_in_a_sentence(demo: RunningDemo) -> None:
    hub = demo.begin_hub(demo.port)
    assert hub.process.wait(30) == 1
    last = hub.tail().splitlines()[-1]
    assert last.startswith("attendance-hub serve: settings: can't listen where ATTENDANCE_HOST and ATTENDANCE_PORT say")
    assert "address already in use" in last
