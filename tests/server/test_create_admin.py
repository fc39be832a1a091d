"""`attendance-hub create-admin`, the real program on a real database, by script and on a terminal."""

import asyncio
import base64
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from server.__main__ import main
from server.rules.totp import STEP_SECONDS, code_at
from server.secrets.local import open_key_file
from server.services.second_factor import totp_binding
from storage.bootstrap import DatabaseDsns
from tests.postgres import MigratedCluster
from tests.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.integration

PASSWORD = "viva el tren de las ocho"
CreateAdmin = Callable[..., int]


@pytest.fixture(autouse=True)
def environment(database_dsns: DatabaseDsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ATTENDANCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ATTENDANCE_POSTGRES_DSN", database_dsns.hub_a)
    monkeypatch.setenv("ATTENDANCE_KEY_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("ATTENDANCE_ARGON2_MEMORY_KIB", "8")
    # The log of this process stays where the other tests expect it.
    monkeypatch.setattr("server.__main__.configure_logging", lambda *_arguments, **_options: None)


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch) -> CreateAdmin:
    """The command with what it is given on standard input."""

    def run(*arguments: str, stdin: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return main(["create-admin", *arguments])

    return run


async def rows(dsns: DatabaseDsns, query: str) -> list["asyncpg.Record"]:
    owner = await asyncpg.connect(dsns.migrator)
    try:
        return list(await owner.fetch(query))
    finally:
        await owner.close()


def all_rows(dsns: DatabaseDsns, query: str) -> list[Any]:
    return asyncio.run(rows(dsns, query))


def test_a_script_gets_everything_as_one_line_of_json(
    create: CreateAdmin, database_dsns: DatabaseDsns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"account_id", "username", "password", "totp_secret", "totp_uri"}
    assert told["username"] == "admin"
    assert parse_qs(urlsplit(told["totp_uri"]).query)["secret"] == [told["totp_secret"]]
    [account] = all_rows(database_dsns, "SELECT * FROM accounts")
    assert (account["role"], account["site_ids"], account["department_ids"]) == ("admin", None, None)
    kept = open_key_file(tmp_path / "keys.json").decrypt(account["totp_secret"], totp_binding(account["account_id"]))
    assert base64.b32encode(kept).decode() == told["totp_secret"]
    [entry] = all_rows(database_dsns, "SELECT * FROM audit")
    assert (entry["actor"], entry["action"]) == ("operator", "account.create")
    assert told["password"] not in str(entry)
    assert told["totp_secret"] not in str(entry)


def test_a_password_comes_from_standard_input_and_isn_t_repeated(
    create: CreateAdmin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create("--username", "Berta", "--password-stdin", stdin=f"{PASSWORD}\nmore\n") == 0
    output = capsys.readouterr().out
    assert "'Berta' was created" in output
    assert "otpauth://totp/Attendance:Berta?" in output
    assert PASSWORD not in output


REFUSED = {
    "common": (["--password-stdin"], "password1234\n", "password: is a common password"),
    "empty": (["--password-stdin"], "\n", "password: must have at least 12 characters"),
    "long": (["--password-stdin"], "x" * 1_001 + "\n", "password: must have at most 1000 characters"),
    "no username": (["--username", "two words"], "", "a username has 1 to 100 characters"),
    "taken": (["--username", "ADMIN"], "", "there is an account 'ADMIN' already"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_won_t_do_is_said_and_nobody_is_created(
    create: CreateAdmin, database_dsns: DatabaseDsns, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    arguments, stdin, says = REFUSED[name]
    assert create("--json", "--username", "admin") == 0
    capsys.readouterr()
    assert create("--username", "other", *arguments, stdin=stdin) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert says in output.err
    assert len(all_rows(database_dsns, "SELECT FROM accounts")) == 1


def test_a_further_one_is_made_where_all_are_locked_out(create: CreateAdmin, database_dsns: DatabaseDsns) -> None:
    assert create("--json") == 0
    assert create("--json", "--username", "second") == 0
    assert [row["actor"] for row in all_rows(database_dsns, "SELECT actor FROM audit")] == ["operator", "operator"]


def test_the_migrators_database_serves_where_the_hubs_isn_t_named(
    create: CreateAdmin, database_dsns: DatabaseDsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTENDANCE_POSTGRES_DSN")
    monkeypatch.setenv("ATTENDANCE_MIGRATOR_DSN", database_dsns.migrator)
    assert create("--json") == 0
    assert len(all_rows(database_dsns, "SELECT FROM accounts")) == 1


def test_a_database_without_its_tables_is_named(
    create: CreateAdmin,
    migrated_cluster: MigratedCluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ATTENDANCE_POSTGRES_DSN", migrated_cluster.superuser_dsn)
    assert create("--json") == 1
    assert "attendance-hub migrate" in capsys.readouterr().err


def test_without_a_database_it_says_what_is_missing(
    create: CreateAdmin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ATTENDANCE_POSTGRES_DSN")
    monkeypatch.delenv("ATTENDANCE_KEY_FILE")
    assert create("--json") == 1
    error = capsys.readouterr().err
    assert "ATTENDANCE_POSTGRES_DSN" in error
    assert "ATTENDANCE_KEY_FILE" in error
    assert "REDIS" not in error


def test_no_argument_takes_a_secret(create: CreateAdmin, capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--password", "--totp-secret"):
        with pytest.raises(SystemExit) as ended:
            create(argument, PASSWORD)
        assert ended.value.code == 2
    capsys.readouterr()


def on_a_terminal() -> PseudoTerminal:
    return PseudoTerminal([sys.executable, "-m", "server", "create-admin"], columns=100, rows=60)


def code_on(terminal: PseudoTerminal) -> str:
    secret = re.search(rb"secret=([A-Z2-7]+)", terminal.everything)
    assert secret is not None
    return code_at(base64.b32decode(secret[1]), int(time.time()) // STEP_SECONDS)


def test_on_a_terminal_it_asks_shows_a_qr_code_and_waits_for_its_first_code(database_dsns: DatabaseDsns) -> None:
    terminal = on_a_terminal()
    terminal.wait_for("Username", 30)
    terminal.type("carla\n")
    terminal.wait_for("Password", 30)
    terminal.type("password1234\n")
    terminal.wait_for("It is a common password", 30)
    terminal.type(f"{PASSWORD}\n")
    terminal.wait_for("The same again", 30)
    terminal.type("another one\n")
    terminal.wait_for("They differ", 30)
    terminal.type("\n")
    terminal.wait_for("The code that it shows", 30)
    assert "█▀▀▀▀▀█" in terminal.text or "█ ▄▄▄▄▄ █" in terminal.text  # a finder, whichever way it is drawn
    assert not all_rows(database_dsns, "SELECT FROM accounts")
    terminal.type("000000\n")
    terminal.wait_for("not the code of this moment", 30)
    code = code_on(terminal)
    terminal.type(f"{code}\n")
    terminal.wait_for("'carla' was created", 30)
    terminal.wait_for(r"password +[a-z2-9-]{23}", 30)
    assert PASSWORD.encode() not in terminal.everything
    [account] = all_rows(database_dsns, "SELECT totp_last_step FROM accounts")
    assert account["totp_last_step"] is not None


def test_who_gives_up_creates_nobody(database_dsns: DatabaseDsns) -> None:
    terminal = on_a_terminal()
    terminal.wait_for("Username", 30)
    terminal.type("\n")
    terminal.wait_for("Password", 30)
    terminal.type("\n")
    terminal.wait_for("The code that it shows", 30)
    terminal.type("\x03")
    terminal.wait_for("nobody was created", 30)
    assert not all_rows(database_dsns, "SELECT FROM accounts")
