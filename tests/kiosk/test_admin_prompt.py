"""The password prompt of `attendance-admin` on a real terminal: people change their minds at it."""

import sys
from pathlib import Path

import pytest

from tests.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("key", "exit_code"), [("\x03", 130), ("\x04", 2), ("\r", 2)], ids=["Ctrl-C", "Ctrl-D", "Enter"]
)
def test_a_prompt_is_left_at_once_and_without_a_traceback(tmp_path: Path, key: str, exit_code: int) -> None:
    command = [sys.executable, "-m", "kiosk.admin", "--hub", "http://127.0.0.1:9", "--state", str(tmp_path)]
    terminal = PseudoTerminal([*command, "login", "somebody"])
    try:
        terminal.wait_for("Password:", 10)
        terminal.type(key)
        assert terminal.exit_code(5) == exit_code
        assert b"Traceback" not in terminal.everything
    finally:
        terminal.close()
