"""A person at the page: signs in, goes to a part, fills a form, reads what is shown once."""

from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

LIVE_MS = 20_000
ACTION_MS = 15_000
EVERYTHING = """document.documentElement.outerHTML
  + JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"""
"""What the page shows and what it keeps."""


@dataclass
class Desk:
    """One browser with the page open, in English. `faults` holds what the page threw or its policy blocked."""

    page: Page
    context: BrowserContext
    faults: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls, browser: Browser, address: str, username: str, password: str, code: str | None = None
    ) -> "Desk":
        """Signed in, with the navigation in sight."""
        context = await browser.new_context(
            locale="en-GB",
            reduced_motion="reduce",
            viewport={"width": 1280, "height": 800},
            timezone_id="Europe/Madrid",
        )
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(ACTION_MS)
        desk = cls(await context.new_page(), context)
        desk.page.on("pageerror", lambda error: desk.faults.append(str(error)))
        desk.page.on("console", lambda line: desk.faults.append(line.text) if "Content Security" in line.text else None)
        await desk.page.goto(address)
        await desk.sign_in(username, password, code)
        await expect(desk.page.locator("#connection")).to_have_text("Live", timeout=LIVE_MS)
        return desk

    async def sign_in(self, username: str, password: str, code: str | None = None) -> None:
        await self.page.get_by_label("Username").fill(username)
        await self.page.get_by_label("Password", exact=True).fill(password)
        if code is not None:
            await self.page.get_by_role("button", name="I have a one-time code").click()
            await self.page.get_by_label("One-time code").fill(code)
        await self.page.get_by_role("button", name="Sign in").click()

    async def close(self) -> None:
        await self.context.close()
        assert self.faults == []

    async def go(self, part: str) -> None:
        """To a part by the navigation."""
        await self.page.locator("#parts").get_by_role("link", name=part, exact=True).click()
        await expect(self.page.locator("#parts [aria-current=page]")).to_have_text(part)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    async def fill(self, **fields: str) -> None:
        """Fields of the open dialog by their name; of a choice its label."""
        for name, value in fields.items():
            control = self.dialog.locator(f"[data-field={name}] > :is(input, select)")
            if await control.evaluate("(node) => node.tagName") == "SELECT":
                await control.select_option(label=value)
            else:
                await control.fill(value)

    async def do(self, action: str) -> None:
        """Presses a button of the open dialog, which closes: it was done. What it brought may open another."""
        title = await self.dialog.get_attribute("aria-labelledby")
        await self.dialog.get_by_role("button", name=action, exact=True).click()
        await expect(self.page.locator(f"dialog[aria-labelledby={title}]")).to_have_count(0)

    async def refused(self, action: str, field_name: str, sentence: str) -> None:
        """Presses a button; the dialog stays, and the field says why."""
        await self.dialog.get_by_role("button", name=action, exact=True).click()
        await expect(self.dialog.locator(f"[data-field={field_name}] .fault")).to_have_text(sentence)

    def fault(self, field_name: str) -> Locator:
        return self.dialog.locator(f"[data-field={field_name}] .fault")

    def row(self, text: str) -> Locator:
        return self.page.locator("#office table.list tbody tr", has_text=text)

    def fact(self, label: str) -> Locator:
        return self.page.locator("#office .facts div", has=self.page.get_by_text(label, exact=True)).locator("dd")

    async def button(self, name: str) -> None:
        """Presses a button of the part itself."""
        await self.page.locator("#office").get_by_role("button", name=name, exact=True).first.click()

    async def secret(self) -> str:
        """Copies what the open dialog shows once, closes it, and finds no trace of it in the page or what it keeps."""
        await expect(self.dialog.locator(".secret")).to_be_visible()
        shown = await self.dialog.locator(".secret").first.inner_text()
        await self.dialog.get_by_role("button", name="Copy").first.click()
        await expect(self.dialog.get_by_role("button", name="Copied").first).to_be_visible()
        copied: str = await self.page.evaluate("navigator.clipboard.readText()")
        assert copied.replace(" ", "") == shown.replace(" ", "")
        await self.page.keyboard.press("Escape")
        await expect(self.dialog).to_be_visible()  # a stray key doesn't take away what can't be shown again
        await self.do("I have it")
        left: str = await self.page.evaluate(EVERYTHING)
        assert shown not in left
        assert copied not in left
        return copied

    async def search(self, text: str) -> None:
        """By the keyboard, as `/` opens it."""
        await expect(self.page.locator("#office [data-search]")).to_be_visible()
        await self.page.locator("#office-title").focus()
        await self.page.keyboard.press("/")
        await self.page.keyboard.type(text)
