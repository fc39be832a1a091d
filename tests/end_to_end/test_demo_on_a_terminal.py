"""`attendance-hub demo` as a person starts it: on a terminal, where it ends by opening a kiosk."""

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.contract.demo_file import DemoFile
from tests.pseudo_terminal import PseudoTerminal
from tests.running_hub import free_port

pytestmark = pytest.mark.e2e

COLUMNS, ROWS = 100, 32


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
    command = [sys.executable, "-m", "server", "demo", "--port", str(port), "--data", str(data), "--traffic", "0"]
    terminal = PseudoTerminal(command, columns=COLUMNS, rows=ROWS)
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
        terminal.close()
