"""README's first day, command by command: from an empty folder to people's first punches on the board."""

import base64
import hashlib
import hmac
import os
import re
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.pseudo_terminal import PseudoTerminal
from tests.running_hub import HubProcess, free_port

pytestmark = pytest.mark.e2e

REPOSITORY: Final = Path(__file__).parents[2]
PASSWORD: Final = "membrillo verde 31 puertas"
SECONDS: Final = 30.0
PROMPT: Final = "first-day> "
PROGRAMS: Final = Path(sys.executable).parent


def commands_of(part: str) -> list[str]:
    """The lines of the README's block with this name; a heredoc is one command."""
    readme = (REPOSITORY / "README.md").read_text()
    block = re.search(rf"<!-- first day: {part} -->\n\n```\n(.*?)```", readme, re.DOTALL)
    assert block is not None, part
    return re.findall(r"^cat > [^$]*?^END$|^.+$", block[1], re.MULTILINE)


class Day:
    """A folder, a hub with servers of its own, and whoever sits at the two terminals."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="attendance-first-day-"))
        self.folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
        self.port = free_port()
        (self.folder / ".venv").symlink_to(PROGRAMS.parent)
        arguments = ["serve", "--servers", str(self.folder / ".attendance"), "--port", str(self.port)]
        self.hub = HubProcess(arguments, self.folder / "hub.log")
        self.opened: list[PseudoTerminal] = []
        deadline = time.monotonic() + 2 * SECONDS
        while not (self.folder / ".attendance/hub.env").exists():
            assert time.monotonic() < deadline and self.hub.alive, self.hub.tail()  # noqa: PT018 - one sentence
            time.sleep(0.1)

    def shell(self, *, rows: int = 60) -> PseudoTerminal:
        """A shell in the folder, as a person has it: home and state are the folder's."""
        environment = (
            f"HOME={self.folder} XDG_STATE_HOME={self.folder} PS1='{PROMPT}' PATH={PROGRAMS}:{os.environ['PATH']}"
        )
        command = ["sh", "-c", f"cd '{self.folder}'; env {environment} TERM=xterm-256color bash --norc --noediting -i"]
        self.opened.append(PseudoTerminal(command, columns=120, rows=rows))
        self.opened[-1].wait_for(re.escape(PROMPT.strip()), SECONDS)
        return self.opened[-1]

    def said(self, command: str) -> str:
        """A README's command with this test's port."""
        return command.replace(":8080", f":{self.port}")

    def run(self, shell: PseudoTerminal, command: str) -> str:
        """What a command says, once the shell asks for the next one."""
        before = shell.everything.count(PROMPT.encode())
        self.begin(shell, command)
        return self.until_prompt(shell, before)

    def begin(self, shell: PseudoTerminal, command: str) -> None:
        """Type a command on an empty screen."""
        shell.screen.reset()
        shell.type(self.said(command) + "\r")

    def until_prompt(self, shell: PseudoTerminal, before: int) -> str:
        deadline = time.monotonic() + SECONDS
        while shell.everything.count(PROMPT.encode()) <= before:
            assert time.monotonic() < deadline, shell.text
            shell.look(0.1)
        return shell.text

    def close(self) -> None:
        for terminal in self.opened:
            terminal.close()
        self.hub.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def day() -> Iterator[Day]:
    made = Day()
    yield made
    made.close()


def one_time_code(secret: str, step: int) -> str:
    """RFC 6238, by a second opinion."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def create_admin(day: Day, shell: PseudoTerminal, command: str) -> tuple[str, int]:
    """Answer as a person does; the second factor's secret, and the step of the code that was used."""
    day.begin(shell, command)
    shell.wait_for("Username", SECONDS)
    shell.type("admin\r")
    shell.wait_for("Password", SECONDS)
    shell.type(f"{PASSWORD}\r")
    shell.wait_for("again", SECONDS)
    shell.type(f"{PASSWORD}\r")
    shell.wait_for("The code that it shows now", SECONDS)
    found = re.search(rb"otpauth://[^\s]*[?&]secret=([A-Z2-7]+)", shell.everything)
    assert found is not None, shell.text
    secret, step = found[1].decode(), int(time.time()) // 30
    before = shell.everything.count(PROMPT.encode())
    shell.type(f"{one_time_code(secret, step)}\r")
    day.until_prompt(shell, before)
    return secret, step


def login(day: Day, shell: PseudoTerminal, command: str, secret: str, step: int) -> None:
    day.begin(shell, command)
    shell.wait_for("Password", SECONDS)
    shell.type(f"{PASSWORD}\r")
    shell.wait_for("[Cc]ode", SECONDS)
    before = shell.everything.count(PROMPT.encode())
    shell.type(f"{one_time_code(secret, step + 1)}\r")  # none is good twice
    assert "signed in" in day.until_prompt(shell, before)


def fingerprint_on(terminal: PseudoTerminal) -> str:
    """What stands in the frame on a terminal's screen, its spaces left out, once it is painted whole."""
    deadline = time.monotonic() + SECONDS
    while True:
        frame = re.search(r"╭─+╮(.*?)╰─+╯", terminal.text, re.DOTALL)
        fingerprint = re.sub(r"[\s│]", "", frame[1]) if frame else ""
        if len(fingerprint) == 43:
            return fingerprint
        assert time.monotonic() < deadline, terminal.text
        terminal.look(0.1)


def test_from_nothing_to_the_first_punches_on_the_board_by_the_readme_alone(day: Day) -> None:
    admin = day.shell()
    shown = ""
    secret, step = "", 0
    for command in commands_of("the administrator"):
        if command.startswith("attendance-hub create-admin"):
            secret, step = create_admin(day, admin, command)
        elif command.startswith("attendance-admin login"):
            login(day, admin, command, secret, step)
        else:
            shown = day.run(admin, command)
            assert "attendance-admin:" not in shown, shown
    code = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", shown)
    assert code is not None, shown

    (command,) = commands_of("the terminal")
    terminal = day.shell(rows=24)
    terminal.type(f"{day.said(command)} --lang en\r")
    terminal.wait_for("[Cc]ode", SECONDS)
    terminal.type(f"{code[0]}\r")
    terminal.wait_for("[Ff]ingerprint", SECONDS)
    confirm, assign, watch = commands_of("confirmed")
    day.begin(admin, confirm)
    asked = admin.wait_for(r"(?s)fingerprint [^?]+\?", SECONDS)
    assert "".join(asked.removeprefix("fingerprint ").removesuffix("?").split()) == fingerprint_on(terminal)
    before = admin.everything.count(PROMPT.encode())
    admin.type("y\r")
    day.until_prompt(admin, before)
    terminal.wait_for("Planta Norte", SECONDS)
    terminal.wait_for("● online", SECONDS)

    terminal.wait_for("Scan your badge", SECONDS)
    terminal.type("04A1B2C3D4E5F6\r")
    terminal.wait_for("Lucía Fernández", SECONDS)
    terminal.wait_for("✓ Recorded", SECONDS)

    terminal.wait_for("Scan your badge", SECONDS)
    terminal.type("04F6E5D4C3B2A1\r")
    terminal.wait_for("✕ Not recorded", SECONDS)
    assert "attendance-admin:" not in day.run(admin, assign)
    terminal.wait_for("Scan your badge", SECONDS)
    terminal.type("04F6E5D4C3B2A1\r")
    terminal.wait_for("Omar Benali", SECONDS)
    terminal.wait_for("✓ Recorded", SECONDS)
    day.begin(admin, watch)
    admin.wait_for(r"(?s)Lucía Fernández.*\bin\b|\bin\b.*Lucía Fernández", SECONDS)
    admin.wait_for("Omar Benali", SECONDS)
    admin.type("\x03")
