"""`attendance-hub secrets`, as an operator types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from server.__main__ import main
from server.secrets.local import open_key_file
from server.secrets.provider import KeyKind


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "keys.json"
    for name, value in (("POSTGRES_DSN", "postgresql://x"), ("REDIS_URL", "redis://x"), ("KEY_FILE", str(path))):
        monkeypatch.setenv(f"ATTENDANCE_{name}", value)
    yield path
    structlog.reset_defaults()  # the program logs to a standard error that is this test's alone


def test_a_key_is_replaced_and_the_status_tells(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_key_file(key_file)
    assert main(["secrets", "rotate", "token", "pin"]) == 0
    capsys.readouterr()
    assert main(["secrets", "status"]) == 0
    shown = capsys.readouterr().out
    (new, old) = open_key_file(key_file).versions()[KeyKind.TOKEN]
    assert old.id == before.token_kid
    line = {word: row for row in shown.splitlines() for word in row.split()}
    assert "used from" in line[new.id]
    assert line[old.id].endswith("in use")
    assert len(open_key_file(key_file).versions()[KeyKind.PIN]) == 2
    text = key_file.read_text()
    assert not [word for word in shown.split() if len(word) >= 40 and word in text], "no key is shown"


def test_in_an_emergency_old_tokens_are_over_at_once(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_key_file(key_file).token_kid
    assert main(["secrets", "rotate", "all", "--emergency"]) == 0
    assert open_key_file(key_file).token_key(before) is None
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_without_keys_it_makes_none(key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secrets", "rotate", "token"]) == 1
    assert "a hub makes it at its first start" in capsys.readouterr().err
    assert not key_file.exists()


@pytest.mark.usefixtures("key_file")
def test_what_is_found_by_its_hash_cant_be_rotated() -> None:
    with pytest.raises(SystemExit):
        main(["secrets", "rotate", "badge"])
