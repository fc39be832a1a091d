"""The supervisors' page against the real hub: what happens at a terminal is on it, also after the hub was gone."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from tests.browser.looks import controls_without_name, overflows, pale_texts
from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import Account, DeviceKey, Employee
from tests.contract.journal import Journal, badge
from tests.contract.punching import recorded
from tests.running_hub import RunningDemo, ServingHub

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LIVE_MS = 20_000
STALE_MS = 15_000
NEWEST_LINES = 20
KEPT = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"


@dataclass
class Terminal:
    """A spare device at the watched site, in a test's hands."""

    demo: RunningDemo
    site_id: str
    connection: Connection
    journal: Journal

    async def punch(self, employee: Employee, kind: str = "auto") -> str:
        """Records the badge; returns the kind that it counted as."""
        outcome = await recorded(self.connection, self.journal.punch(badge(employee), kind=kind))
        return str(outcome["kind"])


def watched(demo: RunningDemo) -> tuple[Account, DeviceKey]:
    """A supervisor, and a spare device at one of their sites: the last, since others take employees of the first's."""
    supervisors = [account for account in demo.file.accounts if account.role == "supervisor"]
    return next(
        (account, device)
        for account in supervisors
        for device in reversed(demo.file.spares)
        if account.site_ids is None or device.site_id in account.site_ids
    )


@pytest_asyncio.fixture(loop_scope="session")
async def terminal(demo: RunningDemo) -> AsyncIterator[Terminal]:
    device = watched(demo)[1]
    async with connect_device(demo.ws_url, device) as connection:
        yield Terminal(demo, device.site_id, connection, Journal.of(device, connection.welcome["device"]))


async def sign_in(page: Page, account: Account, address: str) -> None:
    await page.goto(address)
    await page.get_by_label("Username").fill(account.username)
    await page.get_by_label("Password", exact=True).fill(account.password)
    await page.get_by_role("button", name="Sign in").click()
    await live(page)


async def live(page: Page) -> None:
    await expect(page.locator("html")).to_have_attribute("data-link", "live", timeout=LIVE_MS)


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(locale="en-GB", reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(demo: RunningDemo, context: BrowserContext) -> AsyncIterator[Page]:
    """Signed in as a supervisor who looks at one site. What the page throws or its policy blocks fails the test."""
    faults: list[str] = []
    opened = await context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
    account, device = watched(demo)
    await sign_in(opened, account, f"{demo.url}/#site={device.site_id}")
    yield opened
    assert faults == []


def row(page: Page, employee: Employee) -> Locator:
    return page.locator(f".person[data-employee='{employee.employee_id}']")


async def count(page: Page, status: str) -> int:
    return int(await page.locator(f"[data-count={status}]").inner_text())


async def test_a_wrong_password_is_said_and_the_right_one_opens_the_board(
    demo: RunningDemo, context: BrowserContext
) -> None:
    page = await context.new_page()
    await page.goto(demo.url)
    await page.get_by_label("Username").fill(demo.file.one_site_supervisor.username)
    await page.get_by_label("Password", exact=True).fill("certainly not")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("The username or the password isn’t right.")
    await page.get_by_label("Password", exact=True).fill(demo.file.one_site_supervisor.password)
    async with page.expect_response("**/api/login") as answered:
        await page.get_by_role("button", name="Sign in").click()
    token = json.loads(await (await answered.value).text())["access_token"]
    await live(page)
    site = next(site for site in demo.file.sites if site.site_id in (demo.file.one_site_supervisor.site_ids or ()))
    await expect(page.get_by_label("Site", exact=True)).to_have_value(site.site_id)
    assert await page.title() == f"{await count(page, 'in')} In · {site.name}"
    assert len(token) > 100
    assert token not in await page.evaluate(KEPT), "the token is in memory alone"

    await page.reload()
    await live(page)
    await page.get_by_role("button", name="Account").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Username")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Username")).to_be_visible()


async def test_a_punch_moves_person_counts_feed_and_title(page: Page, terminal: Terminal) -> None:
    employee = terminal.demo.take_employee(terminal.site_id)
    inside, outside = await count(page, "in"), await count(page, "out")
    department = page.locator(f"[data-department='{employee.department_id}'] .group-figure[data-status=in]")
    shown = int((await department.inner_text()).split()[-1])
    await expect(row(page, employee)).to_have_attribute("data-status", "out")

    assert await terminal.punch(employee) == "in"
    await expect(row(page, employee)).to_have_text(re.compile(rf"^{re.escape(employee.display_name)} In \d\d:\d\d"))
    await expect(page.locator("[data-count=in]")).to_have_text(str(inside + 1))
    await expect(page.locator("[data-count=out]")).to_have_text(str(outside - 1))
    await expect(department).to_have_text(re.compile(rf"{shown + 1}$"))
    newest = page.locator(".feed-line").first
    await expect(newest).to_have_text(re.compile(rf"^\d\d:\d\d{re.escape(employee.display_name)} came in"))
    assert (await page.title()).startswith(f"{inside + 1} In")

    assert await terminal.punch(employee, "break_start") == "break_start"
    await expect(row(page, employee)).to_contain_text("Break")
    await expect(newest).to_contain_text("went on break")
    assert await terminal.punch(employee, "break_end") == "break_end"
    await expect(newest).to_contain_text("came back from break")
    assert await terminal.punch(employee, "out") == "out"
    await expect(row(page, employee)).to_contain_text("Out")
    await expect(newest).to_contain_text("left")
    await expect(page.locator("[data-count=in]")).to_have_text(str(inside))


async def test_counts_filter_and_search_finds_and_both_live_in_the_address(page: Page, terminal: Terminal) -> None:
    employee = terminal.demo.take_employee(terminal.site_id)
    await terminal.punch(employee)
    # Whoever is at work elsewhere has a line here and no tile.
    everybody = await page.locator(".person").count()
    assert everybody >= await count(page, "in") + await count(page, "break") + await count(page, "out")
    await page.locator(".tile[data-status=in]").click()
    await expect(row(page, employee)).to_be_visible()
    await expect(page.locator(".person:not([data-status=in])")).to_have_count(0)
    first, second = employee.display_name.split()[:2]
    await page.keyboard.press("/")
    await page.keyboard.type(f"{second[:4]} {first}".upper())
    await expect(row(page, employee)).to_be_visible()
    assert "status=in" in page.url
    assert "q=" in page.url
    await page.reload()
    await live(page)
    await expect(page.get_by_label("Search person or department")).to_have_value(f"{second[:4]} {first}".upper())
    await expect(row(page, employee)).to_be_visible()
    assert await page.locator(".person").count() < await count(page, "in") + 1
    await page.get_by_role("button", name="Clear filters").click()
    await expect(page.locator(".person")).to_have_count(everybody)
    assert "q=" not in page.url
    assert "status=" not in page.url


async def test_a_reload_keeps_headcount_and_feed(page: Page, terminal: Terminal) -> None:
    employee = terminal.demo.take_employee(terminal.site_id)
    await terminal.punch(employee)
    await expect(row(page, employee)).to_have_attribute("data-status", "in")
    now = await count(page, "in") + await count(page, "break")
    label = re.compile(rf"{now} now, \d+ at most")
    curve = page.get_by_role("img", name=label)
    await expect(curve).to_be_visible()
    newest = (await page.locator(".feed-line").all_inner_texts())[:NEWEST_LINES]

    await page.reload()
    await live(page)
    await expect(curve).to_be_visible()
    await expect(page.locator("#curve-caption")).to_have_text(re.compile(r"^most \d+ at \d\d:\d\d$"))
    await expect(page.locator(".feed-line").nth(len(newest) - 1)).to_be_visible()
    assert (await page.locator(".feed-line").all_inner_texts())[: len(newest)] == newest


async def test_language_and_light_are_switched_and_stay(page: Page) -> None:
    await expect(page.locator(".tile-word")).to_have_text(["In", "Break", "Out", "Late"])
    await page.get_by_role("button", name="Español").click()
    await expect(page.locator(".tile-word")).to_have_text(["Dentro", "Pausa", "Fuera", "Tarde"])
    assert await page.locator("html").get_attribute("lang") == "es"
    light = await page.locator("body").evaluate("(body) => getComputedStyle(body).color")
    await page.get_by_role("button", name="Tema: como el sistema").click()
    await page.get_by_role("button", name="Tema: claro").click()
    await expect(page.get_by_role("button", name="Tema: oscuro")).to_be_visible()
    dark = await page.locator("body").evaluate("(body) => getComputedStyle(body).color")
    assert dark != light
    await page.reload()
    await live(page)
    await expect(page.locator("#connection")).to_have_text("En directo")
    await expect(page.get_by_role("button", name="Tema: oscuro")).to_be_visible()


async def test_roll_call_names_who_is_inside_and_keeps_its_ticks(page: Page, terminal: Terminal) -> None:
    employee = terminal.demo.take_employee(terminal.site_id)
    await terminal.punch(employee)
    await expect(row(page, employee)).to_have_attribute("data-status", "in")
    inside = await count(page, "in") + await count(page, "break")
    await page.get_by_role("button", name="Roll call").click()
    names = page.locator("#rollcall li")
    await expect(names).to_have_count(inside)
    await expect(page.locator("#rollcall-age")).to_have_text(re.compile(r"^Data from \d\d:\d\d$"))
    mine = page.get_by_role("button", name=employee.display_name)
    await mine.click()
    await expect(page.locator(".rollcall-count")).to_have_text(f"1 of {inside} accounted for")

    await page.reload()
    await live(page)
    await expect(mine).to_have_attribute("aria-pressed", "true")
    await terminal.punch(employee, "out")
    await expect(names).to_have_count(inside - 1)
    await page.emulate_media(media="print")
    await expect(page.locator("#rollcall-print")).to_be_hidden()
    await expect(page.locator(".rollcall-printed")).to_be_visible()
    await page.emulate_media(media="screen")
    await page.go_back()
    await expect(page.get_by_role("button", name="Roll call")).to_be_visible()


async def test_it_says_that_it_is_stale_and_resumes_without_a_hole(
    demo: RunningDemo, start_hub: Callable[[], ServingHub], browser: Browser, terminal: Terminal
) -> None:
    """The page is on a hub of its own, which is killed; meanwhile people punch on the other; then it is back."""
    before, during, again = (demo.take_employee(terminal.site_id) for _ in range(3))
    hub = start_hub()
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce")
    page = await context.new_page()
    account, device = watched(demo)
    await sign_in(page, account, f"{hub.url}/#site={device.site_id}")
    await page.evaluate("window.sameDocument = true")
    await terminal.punch(before)
    await expect(row(page, before)).to_have_attribute("data-status", "in")
    inside = await count(page, "in")

    hub.kill()
    await expect(page.locator("#connection")).to_have_text(re.compile(r"^Stale since \d\d:\d\d$"), timeout=STALE_MS)
    await expect(page.locator("#banner")).to_contain_text("It may have changed.")
    assert (await page.title()).startswith(f"▲ {inside} In")
    await terminal.punch(during)
    await terminal.punch(again)
    await terminal.punch(again, "out")

    returned = ServingHub(demo.hub_environment, demo.root / "hub-returned.log", hub.port)
    try:
        await asyncio.to_thread(returned.wait_ready)
        await expect(page.locator("html")).to_have_attribute("data-link", "live", timeout=60_000)
        await expect(row(page, during)).to_have_attribute("data-status", "in")
        await expect(row(page, again)).to_contain_text(re.compile(r"Out \d\d:\d\d"))
        assert await count(page, "in") == inside + 1
        assert not (await page.title()).startswith("▲")
        feed = page.locator("#feed-lines")
        for sentence in (
            f"{during.display_name} came in",
            f"{again.display_name} came in",
            f"{again.display_name} left",
        ):
            await expect(feed).to_contain_text(sentence)
        assert await page.evaluate("window.sameDocument"), "no reload"
    finally:
        await context.close()
        returned.kill()


async def test_it_renews_on_the_live_socket_before_its_token_expires(
    demo: RunningDemo, context: BrowserContext
) -> None:
    """On a hub whose access tokens live a minute: the page renews within a quarter of one, on the same socket."""
    short_lived = demo.hub_environment | {"ATTENDANCE_ACCESS_TOKEN_MINUTES": "1"}
    hub = ServingHub(short_lived, demo.root / "hub-short-lived.log")
    sockets: list[WebSocket] = []
    renewed = asyncio.Event()

    def opened(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framereceived", lambda frame: renewed.set() if "auth.refresh.result" in str(frame) else None)

    try:
        await asyncio.to_thread(hub.wait_ready)
        page = await context.new_page()
        page.on("websocket", opened)
        await sign_in(page, demo.file.one_site_supervisor, hub.url)
        async with asyncio.timeout(30):
            await renewed.wait()
        await live(page)
        assert len(sockets) == 1
        assert not sockets[0].is_closed()
    finally:
        hub.kill()


@pytest.mark.parametrize("width", [360, 1920])
async def test_it_can_be_read_at_every_width(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await expect(page.locator(".person").first).to_be_visible()
    seen, pale = await pale_texts(page)
    assert seen > 100
    assert pale == []
    assert await controls_without_name(page) == []
    assert not await overflows(page)


async def test_an_admin_sees_every_site_at_a_glance_and_picks_one(demo: RunningDemo, browser: Browser) -> None:
    context = await browser.new_context(locale="en-GB", reduced_motion="reduce")
    page = await context.new_page()
    await sign_in(page, demo.file.account("admin"), demo.url)
    await expect(page.locator("#site-list li")).to_have_count(len(demo.file.sites))
    site = demo.file.sites[-1]
    await page.locator(f"#site-list [data-site='{site.site_id}']").click()
    await expect(page.get_by_label("Site", exact=True)).to_have_value(site.site_id)
    await expect(page.locator("#curve")).to_be_visible()
    home = [employee for employee in demo.file.employees if employee.site_id == site.site_id]
    await expect(row(page, home[0])).to_be_attached()
    assert site.site_id in page.url
    await context.close()
