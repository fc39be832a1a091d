"""`attendance-kiosk` on a real pseudo-terminal against the real hub: what people see, and what PostgreSQL holds."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.contract.demo_file import DeviceKey, Employee
from tests.pseudo_terminal import PseudoTerminal
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

START_SECONDS = 30.0
ANSWER_SECONDS = 15.0
RECONNECT_SECONDS = 60.0
"""A kiosk's backoff reaches 30 s."""

Open = Callable[..., PseudoTerminal]


@pytest.fixture
def device(demo: RunningDemo) -> DeviceKey:
    """The device that the demo leaves to a person's terminal: the last at the one-site supervisor's site."""
    (site_id,) = demo.file.one_site_supervisor.site_ids or ("",)
    return [device for device in demo.file.devices if device.site_id == site_id and not device.spare][-1]


@pytest.fixture
def open_kiosk(demo: RunningDemo, device: DeviceKey, tmp_path: Path) -> Iterator[Open]:
    """`open_kiosk(hub_url, *options)`: the program on a terminal of its own, online; ended with the test."""
    opened: list[PseudoTerminal] = []

    def start(hub_url: str, *options: str, enrol: bool = True) -> PseudoTerminal:
        command = [sys.executable, "-m", "kiosk", "--hub", hub_url, "--data", str(tmp_path), *options]
        if enrol:
            command += ["--demo", str(demo.data / "demo.json"), "--device", device.device_id]
        opened.append(PseudoTerminal(command))
        opened[-1].wait_for("● (en línea|online)", START_SECONDS)
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def punches_of(demo: RunningDemo, person: Employee) -> list[tuple[str, ...]]:
    """(device, outcome, kind, captured) of all that this person ever punched."""

    async def ask() -> list[tuple[str, ...]]:
        connection = await asyncpg.connect(demo.file.postgres_dsn)
        try:
            rows = await connection.fetch(
                "SELECT device_id::text, outcome, kind, captured FROM punches WHERE employee_id = $1::uuid"
                " ORDER BY occurred_at",
                person.employee_id,
            )
            return [tuple(row) for row in rows]
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_badge_is_greeted_by_name_and_recorded(demo: RunningDemo, device: DeviceKey, open_kiosk: Open) -> None:
    person = demo.take_employee(device.site_id)
    terminal = open_kiosk(demo.url)
    assert "Planta Norte · Terminal 2" in terminal.text
    terminal.type(f"{person.badge}\r")
    terminal.wait_for(person.display_name, ANSWER_SECONDS)
    terminal.wait_for("✓ Registrado", ANSWER_SECONDS)
    terminal.wait_for("Hoy 0 min", ANSWER_SECONDS)
    assert punches_of(demo, person) == [(device.device_id, "recorded", "in", "online")]

    terminal.wait_for("Pase su tarjeta", ANSWER_SECONDS)
    terminal.type(f"{person.badge}\r")
    terminal.wait_for(r"✓ Ya registrado a las \d\d:\d\d", ANSWER_SECONDS)
    terminal.type("\x03")
    assert terminal.exit_code(20) == 0, "a demo's terminal ends with Ctrl-C"


def test_a_number_and_its_pin_are_typed_in_english(demo: RunningDemo, device: DeviceKey, open_kiosk: Open) -> None:
    person = demo.take_employee(device.site_id)
    terminal = open_kiosk(demo.url, "--lang", "en", "--theme", "light")
    for digit in person.employee_number:
        terminal.type(digit)
        terminal.watch(0.12)
    terminal.wait_for("Employee number", ANSWER_SECONDS)
    terminal.type("\r")
    terminal.wait_for("PIN", ANSWER_SECONDS)
    for digit in person.pin:
        terminal.type(digit)
        terminal.watch(0.12)
    assert person.pin not in terminal.text
    terminal.type("\r")
    terminal.wait_for(person.display_name, ANSWER_SECONDS)
    terminal.wait_for("✓ Recorded", ANSWER_SECONDS)
    assert punches_of(demo, person) == [(device.device_id, "recorded", "in", "online")]
    assert person.pin.encode() not in terminal.everything


def test_an_unknown_badge_is_refused_and_shown_in_full(demo: RunningDemo, open_kiosk: Open) -> None:
    terminal = open_kiosk(demo.url)
    terminal.type("0000FFFF0000FFFF1234\r")
    terminal.wait_for("✕ No registrado", ANSWER_SECONDS)
    terminal.wait_for("Tarjeta 0000FFFF0000FFFF1234", ANSWER_SECONDS)


def test_what_is_clocked_without_a_hub_is_kept_and_sent(
    demo: RunningDemo, device: DeviceKey, open_kiosk: Open, start_hub: Callable[[], ServingHub]
) -> None:
    person = demo.take_employee(device.site_id)
    hub = start_hub()
    terminal = open_kiosk(hub.url)
    hub.kill()
    terminal.wait_for("○ sin conexión", ANSWER_SECONDS)
    terminal.type(f"{person.badge}\r")
    terminal.wait_for("… Guardado aquí · se enviará", ANSWER_SECONDS)
    terminal.wait_for("1 por enviar", ANSWER_SECONDS)
    assert "✓" not in terminal.text
    assert punches_of(demo, person) == []

    demo.start_hub(hub.port)
    terminal.wait_for("● en línea", RECONNECT_SECONDS)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (found := punches_of(demo, person)) and time.monotonic() < deadline:
        terminal.watch(0.2)
    assert found == [(device.device_id, "recorded", "in", "offline")]


def test_no_key_and_no_paste_ends_it_and_sigterm_leaves_the_terminal_in_order(
    demo: RunningDemo, device: DeviceKey, open_kiosk: Open
) -> None:
    person = demo.take_employee(device.site_id)
    open_kiosk(demo.url).close()
    terminal = open_kiosk(demo.url, enrol=False)  # it has its identity from before, and no way out
    terminal.wait_for("Planta Norte", ANSWER_SECONDS)
    for key in ("\x03", "\x11", "\x1a", "\x1c", "\x10", "\x04", "\x1b", "\x1b[1;5P", "\x1b[24~", "\x00", "\xff"):
        terminal.type(key)
        terminal.watch(0.05)
    terminal.paste("04A2B7C1\r" * 120_000)
    terminal.watch(1)
    assert terminal.process.isalive()
    terminal.type("\x1b")
    terminal.watch(0.5)  # what follows an escape at once would be one key with it
    terminal.type(f"{person.badge}\r")
    terminal.wait_for("✓ Registrado", ANSWER_SECONDS)
    assert punches_of(demo, person) == [(device.device_id, "recorded", "in", "online")]

    terminal.process.kill(signal.SIGTERM)
    assert terminal.exit_code(20) == 0
    assert b"\x1b[?1049l" in terminal.everything, "the shell's screen is back"
    assert b"\x1b]52;" not in terminal.everything, "no clipboard was touched"
