"""Which browser the page's tests take."""

import subprocess
from pathlib import Path

import pytest

from tests import debian
from tests.browser import find


def a_program(path: Path, *, exit_code: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose only programs are in the returned folder, and on which nothing can be installed."""
    monkeypatch.delenv(find.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find, "_playwrights_own", lambda: None)
    monkeypatch.setattr(find, "_driver_runs", lambda: True)
    monkeypatch.setattr(debian, "run_quietly", lambda _command: False)
    return tmp_path


def test_the_setting_comes_first(nothing_else: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_program(nothing_else / "chromium")
    chosen = a_program(tmp_path / "my-browser")
    monkeypatch.setenv(find.VARIABLE, str(chosen))
    assert find.find_browser() == chosen


def test_a_setting_that_does_not_run_is_an_error_and_no_other_is_taken(
    nothing_else: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_program(nothing_else / "chromium")
    monkeypatch.setenv(find.VARIABLE, str(nothing_else / "missing"))
    with pytest.raises(find.NoBrowserError, match=find.VARIABLE):
        find.find_browser()


def test_a_browser_that_does_not_run_is_passed_over(nothing_else: Path) -> None:
    a_program(nothing_else / "chromium", exit_code=1)
    working = a_program(nothing_else / "google-chrome")
    assert find.find_browser() == working


def test_one_is_installed_where_there_is_none(nothing_else: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(command: list[str]) -> bool:
        asked.append(" ".join(command))
        if "install" in command:
            a_program(nothing_else / "chromium")
        return True

    a_program(nothing_else / "apt-get")
    monkeypatch.setattr(debian, "run_quietly", install)
    assert find.find_or_install_browser() == nothing_else / "chromium"
    assert "install -qq --yes --no-install-recommends chromium" in asked[-1]


def test_a_driver_that_does_not_run_is_said_in_one_line(nothing_else: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(nothing_else / "chromium")
    monkeypatch.setattr(find, "_driver_runs", lambda: False)
    with pytest.raises(find.NoBrowserError, match="libatomic1") as missing:
        find.find_or_install_browser()
    assert "\n" not in str(missing.value)


@pytest.mark.usefixtures("nothing_else")
def test_no_browser_at_all_is_one_line() -> None:
    with pytest.raises(find.NoBrowserError) as missing:
        find.find_or_install_browser()
    assert "\n" not in str(missing.value)


def test_an_installer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_arguments: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired("apt-get", debian.INSTALL_SECONDS)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert debian.run_quietly(["apt-get", "update"]) is False
