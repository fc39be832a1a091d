"""The page says what there is."""

from __future__ import annotations

import re
from pathlib import Path

from kiosk.admin.faults import Exit
from kiosk.settings import Settings, meanings

README = (Path(__file__).parents[2] / "kiosk" / "README.md").read_text(encoding="utf-8")


def test_every_setting_stands_with_its_default_and_meaning() -> None:
    defaults = Settings()
    expected = {
        f"| `{name.upper()}` | {getattr(defaults, name):g} | {meaning.description} |"
        for name, meaning in meanings().items()
    }
    assert {line for line in README.splitlines() if re.match(r"\| `[A-Z_]+` \|", line)} == expected


def test_every_exit_code_stands_there() -> None:
    (told,) = re.findall(r"Exit codes: (.*?)\.\n", README, re.DOTALL)
    assert {int(code) for code in re.findall(r"\d+", told)} == set(Exit)


def test_every_file_that_is_named_exists() -> None:
    folder = Path(__file__).parents[2] / "kiosk"
    for named in re.findall(r"`((?:link/|admin/|simulation/)?\w+(?:\.py|/))`", README):
        assert list(folder.rglob(named.rstrip("/"))), named
