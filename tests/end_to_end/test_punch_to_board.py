"""The main job with every part real: a badge typed at the kiosk is in PostgreSQL and on a supervisor's page at once.

The kiosk is the Textual app over its own outbox and link, the page is in Chromium, between them are one hub or two,
PostgreSQL and Valkey. Prints how long it took from Enter to the page.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Page, async_playwright, expect

from kiosk.app import KioskApp
from kiosk.demo_file import load_demo_file
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import Link
from tests.browser.find import find_or_install_browser
from tests.contract.demo_file import DeviceKey, Employee
from tests.kiosk.face import letters, until
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

BOARD_SECONDS = 10.0
"""The longest that a person may be missing from the page."""
START_SECONDS = 20.0


@pytest.fixture(scope="module")
def browser_path() -> Path:
    return find_or_install_browser()


def terminal_device(demo: RunningDemo) -> DeviceKey:
    """The device that the demo leaves to a person's terminal: the last at the one-site supervisor's site."""
    (site_id,) = demo.file.one_site_supervisor.site_ids or ("",)
    return [device for device in demo.file.devices if device.site_id == site_id and not device.spare][-1]


@dataclass
class Hubs:
    first: str
    second: str


@pytest.fixture
def hubs(demo: RunningDemo, second_hub: ServingHub) -> Hubs:
    return Hubs(first=demo.url, second=second_hub.url)


@asynccontextmanager
async def linked_terminal(demo: RunningDemo, hub_url: str, folder: Path) -> AsyncIterator[LinkedTerminal]:
    """A real terminal with a new outbox in `folder`, online."""
    listed = load_demo_file(demo.data / "demo.json")
    device = next(item for item in listed.devices if str(item.device_id) == terminal_device(demo).device_id)
    terminal = LinkedTerminal(
        hub_url=hub_url,
        folder=folder,
        identity=device.identity(),
        settings=Settings(),
        lang="es",
        terminal_name=listed.name_of(device),
        time_zone=listed.site_of(device).time_zone,
    )
    await terminal.start()
    try:
        async with asyncio.timeout(START_SECONDS):
            while terminal.state.link is not Link.ONLINE or not terminal.state.clock_known:
                await asyncio.sleep(0.05)
        yield terminal
    finally:
        await terminal.stop()


@asynccontextmanager
async def board(demo: RunningDemo, hub_url: str, browser_path: Path) -> AsyncIterator[Page]:
    """The page as the supervisor of one site sees it, signed in and live. Its errors fail the test."""
    supervisor = demo.file.one_site_supervisor
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = await (await chromium.new_context(locale="es-ES")).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(hub_url)
        await page.get_by_label("Usuario").fill(supervisor.username)
        await page.get_by_label("Contraseña").fill(supervisor.password)
        await page.get_by_role("button", name="Entrar").click()
        await expect(page.get_by_text("En directo").first).to_be_visible(timeout=START_SECONDS * 1000)
        yield page
        assert errors == []
        await chromium.close()


async def rows_of(demo: RunningDemo, person: Employee) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(demo.file.postgres_dsn)
    try:
        return await connection.fetch(
            "SELECT device_id::text, site_id::text, outcome, reason, kind, captured, status, at_site_id::text"
            " FROM punches JOIN presence USING (employee_id) WHERE employee_id = $1::uuid",
            person.employee_id,
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("way", [("first", "first"), ("first", "second"), ("second", "first")], ids="-".join)
async def test_a_badge_at_the_kiosk_is_a_row_and_a_person_on_the_board(
    demo: RunningDemo, hubs: Hubs, browser_path: Path, tmp_path: Path, way: tuple[str, str]
) -> None:
    kiosk_on, page_on = way
    device = terminal_device(demo)
    person = demo.take_employee(device.site_id)
    async with (
        board(demo, getattr(hubs, page_on), browser_path) as page,
        linked_terminal(demo, getattr(hubs, kiosk_on), tmp_path) as terminal,
        KioskApp(terminal).run_test(size=(80, 24)) as pilot,
    ):
        row = page.get_by_role("region", name="Personas").locator(f"[data-employee='{person.employee_id}']")
        await expect(row).to_contain_text(person.display_name)
        await expect(row).to_contain_text("Fuera")

        await pilot.press(*person.badge)
        pressed = time.monotonic()
        await asyncio.gather(
            pilot.press("enter"),
            expect(row).to_contain_text(re.compile(r"Dentro \d\d?:\d\d"), timeout=BOARD_SECONDS * 1000),
        )
        seconds = time.monotonic() - pressed
        print(f"\nkiosk on the {kiosk_on} hub, page on the {page_on}: on the board after {seconds * 1000:.0f} ms")
        assert seconds < BOARD_SECONDS

        shown = await until(pilot, "✓ Registrado")
        assert person.display_name in shown
        assert letters(pilot)[0] == "Entrada"
        feed = page.get_by_role("region", name="Ahora mismo")
        await expect(feed).to_contain_text(f"{person.display_name} ha entrado")

    rows = [tuple(found) for found in await rows_of(demo, person)]
    site_id = device.site_id
    assert rows == [(device.device_id, site_id, "recorded", None, "in", "online", "in", site_id)]
