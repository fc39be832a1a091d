"""A real Chromium for the whole run, and a place to run the page's modules in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright, expect

from server.api.headers import APP_POLICY
from tests.browser.find import find_or_install_browser
from tests.browser.scripted_hub import ScriptedHub

Scheme = Literal["light", "dark"]
Opened = Callable[..., Awaitable[Page]]

DASHBOARD = Path(__file__).parents[2] / "server" / "dashboard"
MODULES = Path(__file__).parent / "modules"
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser_path() -> Path:
    # Outside any event loop: the finder may ask Playwright's own, synchronous side.
    return find_or_install_browser()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield chromium
        await chromium.close()


async def _harness(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>modules</title>", content_type="text/html")


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(DASHBOARD / "index.html")


async def _forbid_all_but_own(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = APP_POLICY


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def modules_url() -> AsyncIterator[str]:
    """A server of the page's own files and of the tests beside this one, under the page's own policy."""
    app = web.Application()
    app.router.add_get("/", _harness)
    app.router.add_get("/page", _page)
    app.router.add_static("/static", DASHBOARD)
    app.router.add_static("/modules", MODULES)
    app.on_response_prepare.append(_forbid_all_but_own)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser, modules_url: str) -> AsyncIterator[Opened]:
    """`await opened(hub, …)`: the page in a new context, its network in the hub's hands.

    Whatever the page throws, or its policy blocks, fails the test.
    """
    faults: list[str] = []
    contexts = []

    async def open_page(
        hub: ScriptedHub, *, locale: str = "en-GB", width: int = 1280, scheme: Scheme = "light"
    ) -> Page:
        context = await browser.new_context(
            locale=locale, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 800}
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
        await hub.serve(page)
        await page.goto(f"{modules_url}page")
        if hub.people and not hub.watch_error:
            await expect(page.locator("html")).to_have_attribute("data-link", "live")
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert faults == []
