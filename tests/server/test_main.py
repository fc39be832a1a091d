"""`attendance-hub`'s command line: what it refuses, in one line and with which exit code."""

import re

import pytest

from server.__main__ import main


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTGRES_DSN", "REDIS_URL", "KEY_FILE", "MIGRATOR_DSN", "PORT"):
        monkeypatch.delenv(f"ATTENDANCE_{name}", raising=False)
    # The log of this process stays where the other tests expect it.
    monkeypatch.setattr("server.__main__.configure_logging", lambda *_arguments, **_options: None)


def test_serve_without_settings_names_all_that_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    for name in ("ATTENDANCE_POSTGRES_DSN", "ATTENDANCE_REDIS_URL", "ATTENDANCE_KEY_FILE"):
        assert name in output.err


def test_migrate_without_a_dsn_says_which_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 1
    assert "ATTENDANCE_MIGRATOR_DSN" in capsys.readouterr().err


def test_a_wrong_dsn_is_never_quoted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ATTENDANCE_MIGRATOR_DSN", "postgresql://migrator:s3cret@127.0.0.1:1/attendance")
    assert main(["migrate"]) == 1
    output = capsys.readouterr()
    assert "s3cret" not in output.out + output.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["demo", "--traffic", "-1"],
        ["demo", "--traffic", "many"],
        ["demo", "--port", "0"],
        ["demo", "--port", "70000"],
        ["serve", "--port", "-1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert re.search("usage: attendance-hub", capsys.readouterr().err)
