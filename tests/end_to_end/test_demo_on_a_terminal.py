"""`attendance-hub demo` as a person starts it: on a terminal, where it ends by opening a kiosk."""

import asyncio
import re
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import ptyprocess
import pyte
import pytest

from tests.contract.demo_file import DemoFile
from tests.running_hub import free_port

pytestmark = pytest.mark.e2e

COLUMNS, ROWS = 100, 32


class Terminal:
    """A pseudo-terminal with a program on it, and what a person would see there."""

    def __init__(self, command: list[str]) -> None:
        self.process = ptyprocess.PtyProcess.spawn(command, dimensions=(ROWS, COLUMNS))
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self.everything = b""

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def wait_for(self, pattern: str, seconds: float) -> str:
        """What matches on the screen; AssertionError with the screen when it doesn't come in time."""
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self.text)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} did not come:\n{self.text}"
            self._read()
        return found[0]

    def type(self, keys: str) -> None:
        self.process.write(keys.encode())

    def exit_code(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while self.process.isalive():
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
            self._read()
        code: int = self.process.exitstatus
        return code

    def _read(self) -> None:
        """What came within a short while."""
        ready, _, _ = select.select([self.process.fd], [], [], 0.1)
        if ready:
            try:
                chunk = self.process.read(65_536)
            except EOFError:
                time.sleep(0.05)
                return
            self.everything += chunk
            self._stream.feed(chunk)


@pytest.fixture
def data() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="attendance-demo-"))
    yield root / "data"
    shutil.rmtree(root)


def recorded(demo: DemoFile, employee_id: str) -> list[str]:
    """The kinds of a person's punches in PostgreSQL."""

    async def kinds() -> list[str]:
        connection = await asyncpg.connect(demo.postgres_dsn)
        try:
            query = "SELECT kind FROM punches WHERE employee_id = $1 AND outcome = 'recorded'"
            return [row["kind"] for row in await connection.fetch(query, employee_id)]
        finally:
            await connection.close()

    return asyncio.run(kinds())


def test_it_shows_logins_opens_a_kiosk_takes_a_badge_and_ends_with_ctrl_c(data: Path) -> None:
    port = free_port()
    terminal = Terminal(
        [sys.executable, "-m", "server", "demo", "--port", str(port), "--data", str(data), "--traffic", "0"]
    )
    try:
        terminal.wait_for(r"The kiosk opens here", 120)
        assert f"http://127.0.0.1:{port}/" in terminal.text
        demo = DemoFile.load(data / "demo.json")
        for account in demo.accounts:
            assert re.search(rf"{account.username}\s+{re.escape(account.password)}", terminal.text)
        badge = terminal.wait_for(r"(?<=badge )[0-9A-Z]{8,20}", 1)
        person = next(employee for employee in demo.employees if employee.badge == badge)
        terminal.type("\r")
        terminal.wait_for(r"Pase su tarjeta", 30)
        terminal.wait_for(r"en línea", 30)
        terminal.type(f"{badge}\r")
        terminal.wait_for(person.display_name.split()[0], 15)
        assert recorded(demo, person.employee_id) == ["in"]
        terminal.type("\x03")
        assert terminal.exit_code(40) == 0
    finally:
        terminal.process.terminate(force=True)
