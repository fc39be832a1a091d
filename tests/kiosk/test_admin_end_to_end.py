"""The admins' command line, as a program, against the real hub."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kiosk.terminal import (
    BadgeCredential,
    Kind,
)
from tests.kiosk.demo_parts import WAIT_SECONDS, Admin, Cable, Watching, a_terminal, terminals_device
from tests.running_hub import RunningDemo, free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def admin(demo: RunningDemo, tmp_path: Path) -> Admin:
    admin = Admin(demo.url, tmp_path / "state")
    admin.login(demo)
    return admin


@pytest.fixture
def watching(demo: RunningDemo, tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def start(url: str, **settings: str) -> Watching:
        admin = Admin(url, tmp_path / "watcher")
        admin.login(demo)
        started.append(Watching(admin, settings))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait(10)


def test_people_sign_in_and_out(demo: RunningDemo, tmp_path: Path) -> None:
    admin = Admin(demo.url, tmp_path / "state")
    assert admin.run("hub", "status").returncode == 3
    wrong = admin.run("login", "admin", "--password-stdin", stdin="wrong\n")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "wrong user name, password or code" in wrong.stderr

    admin.login(demo)
    assert admin.session_file.stat().st_mode & 0o777 == 0o600
    (status,) = admin.objects("hub", "status")
    assert status["postgres"] == status["redis"] == "ok"

    token = json.loads(admin.session_file.read_text())["refresh_token"]
    assert admin.run("logout").returncode == 0
    assert admin.run("hub", "status").returncode == 3
    supervisor = Admin(demo.url, tmp_path / "supervisor")
    supervisor.login(demo, "supervisor")
    kept = json.loads(supervisor.session_file.read_text())
    supervisor.session_file.write_text(json.dumps(kept | {"refresh_token": token, "expires_at": 0}))
    ended = supervisor.run("department", "list")
    assert ended.returncode == 3, "a token that was signed out renews nothing"
    assert "the session has ended" in ended.stderr


def test_what_a_role_may_not_do_is_exit_code_one_and_what_it_has_not_seven(demo: RunningDemo, tmp_path: Path) -> None:
    supervisor = Admin(demo.url, tmp_path / "state")
    supervisor.login(demo, "supervisor")
    refused = supervisor.run("hub", "status")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "forbidden" in refused.stderr
    assert supervisor.run("rollcall", "no such site").returncode == 7


def test_no_hub_is_exit_code_four(tmp_path: Path, demo: RunningDemo) -> None:
    account = demo.file.account("admin")
    nobody = Admin(f"http://127.0.0.1:{free_port()}", tmp_path / "state")
    done = nobody.run("login", account.username, "--password-stdin", stdin=f"{account.password}\n")
    assert done.returncode == 4
    assert account.password not in done.stderr


def test_an_old_token_is_renewed_once_even_by_two_commands_at_once(admin: Admin) -> None:
    before = json.loads(admin.session_file.read_text())
    admin.session_file.write_text(json.dumps(before | {"expires_at": 0}))
    both = [
        subprocess.Popen(admin.command("--json", "hub", "status"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    after = json.loads(admin.session_file.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    assert after["expires_at"] > time.time()
    assert admin.run("hub", "status").returncode == 0


def test_lists_are_whole_and_filtered(demo: RunningDemo, admin: Admin) -> None:
    people = admin.objects("employee", "list")
    assert {each["employee_number"] for each in people} >= {each.employee_number for each in demo.file.employees}
    site = demo.file.sites[1]
    of_site = admin.objects("employee", "list", "--site", site.site_id)
    assert {each["employee_id"] for each in of_site} == {
        each.employee_id for each in demo.file.employees if each.site_id == site.site_id
    }
    assert len(admin.objects("employee", "list", "--limit", "7")) == 7
    assert len(admin.objects("department", "list")) == len({each.department_id for each in demo.file.employees})
    table = admin.run("employee", "list", "--query", people[0]["display_name"]).stdout
    assert people[0]["display_name"] in table


def _is_about(employee_id: str, said: dict[str, Any]) -> bool:
    return bool(said["event"] == "changed" and said["employee_id"] == employee_id)


async def test_a_live_watch_goes_on_without_a_hole_when_its_connection_was_cut(
    demo: RunningDemo, tmp_path: Path, watching: Callable[..., Watching]
) -> None:
    site_id = terminals_device(demo).site_id
    people = [demo.take_employee(site_id) for _ in range(3)]
    cable = Cable(demo)
    await cable.mend()
    watch = await asyncio.to_thread(watching, f"http://127.0.0.1:{cable.port}")
    complete = await watch.read_until(lambda said: said["event"] == "complete" and said["site_id"] == site_id)
    async with a_terminal(demo, tmp_path / "kiosk") as terminal:
        for number, person in enumerate(people):
            if number == 1:
                await cable.cut()
                await watch.read_until(lambda said: said["event"] == "lost")
            await (await terminal.punch(BadgeCredential(badge=person.badge), Kind.IN)).answer()
            if number == 0:
                await watch.read_until(partial(_is_about, person.employee_id))
        await cable.mend()
        await watch.read_until(partial(_is_about, people[-1].employee_id))
        await cable.cut()

    changed = [said for said in watch.said if said["event"] == "changed" and said["site_id"] == site_id]
    assert [said["employee_id"] for said in changed] == [person.employee_id for person in people]
    assert {said["status"] for said in changed} == {"in"}
    assert {said["epoch"] for said in changed} == {complete["epoch"]}
    persons = [said for said in watch.said if said["event"] == "person"]
    lines = {(said["site_id"], said["employee_id"]) for said in persons}
    assert len(persons) == len(lines), "resumed: the state came once"
    # Whoever is in at another site stands on two boards.
    assert {person for _, person in lines} == {person.employee_id for person in demo.file.employees}


async def test_a_live_watch_puts_fresh_tokens_on_its_connection(
    demo: RunningDemo, tmp_path: Path, watching: Callable[..., Watching]
) -> None:
    # With a margin as long as a token's life each token is due for renewal at once, which is every 5 s at most.
    watch = watching(demo.url, ATTENDANCE_KIOSK_TOKEN_MARGIN_SECONDS="3600")
    await watch.read_until(lambda said: said["event"] == "complete")
    session_file = Admin(demo.url, tmp_path / "watcher").session_file
    first = json.loads(session_file.read_text())["access_token"]
    async with asyncio.timeout(WAIT_SECONDS):
        while json.loads(session_file.read_text())["access_token"] == first:
            await asyncio.sleep(0.2)
    await watch.read_until(lambda said: said["event"] == "head")
    await watch.read_until(lambda said: said["event"] == "head")
    assert not any(said["event"] == "lost" for said in watch.said)
