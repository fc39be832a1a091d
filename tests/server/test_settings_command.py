from pathlib import Path

import pytest

from server.__main__ import main
from server.settings import settings_table
from server.settings_command import SECRET, example, listing

ROOT = Path(__file__).parents[2]


def test_the_example_in_the_repository_is_what_the_command_writes_and_names_every_setting() -> None:
    lines = list(example())
    assert (ROOT / ".env-development.example").read_text().splitlines() == lines
    for row in settings_table():
        assert any(line.removeprefix("#").startswith(f"{row.variable}=") for line in lines), row.variable


def test_a_secret_is_listed_as_set_and_another_value_with_its_source() -> None:
    given = {
        "ATTENDANCE_REDIS_URL": "redis://:hidden@h/0",
        "ATTENDANCE_PORT": "81",
        "ATTENDANCE_POSTGRES_DSN_FILE": "x",
    }
    written = dict(line.split(" = ", 1) for line in listing(given))
    assert "hidden" not in str(written)
    assert written["ATTENDANCE_REDIS_URL"].startswith("set (environment): ")
    assert written["ATTENDANCE_PORT"].startswith("'81' (environment): ")
    assert written["ATTENDANCE_POSTGRES_DSN"].startswith("set (file of ATTENDANCE_POSTGRES_DSN_FILE): ")
    assert written["ATTENDANCE_DRAIN_SECONDS"].endswith("[seconds]")
    assert {"ATTENDANCE_POSTGRES_DSN", "ATTENDANCE_REDIS_URL", "ATTENDANCE_METRICS_TOKEN"} <= SECRET


def test_the_command_names_all_faults_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTENDANCE_PORT", "0")
    monkeypatch.setenv("ATTENDANCE_WRITERS", "many")
    assert main(["settings"]) == 1
    faults = capsys.readouterr().err
    assert "ATTENDANCE_PORT" in faults
    assert "ATTENDANCE_WRITERS" in faults
    assert "ATTENDANCE_REDIS_URL is missing" in faults
