"""The office in states that a healthy company doesn't show, for each role, and to every eye."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from protocol.values import Role
from server.rules import people_csv
from server.rules.permissions import PERMISSIONS
from tests.browser.conftest import Opened, Scheme
from tests.browser.looks import controls_without_name, overflows, pale_texts
from tests.browser.scripted_hub import DEPARTMENT, SITE, Message, ScriptedHub, a_person, minutes_ago

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

HOSTILE = '<img src=x onerror="alert(1)">\u202e \u0627\u0633\u0645 '
PERSON = "0190a000-0000-7000-9000-000000000001"
TERMINAL = "0190a000-0000-7000-a000-000000000001"
ACCOUNT = "0190a000-0000-7000-b000-000000000001"


def a_terminal(number: int, **parts: object) -> Message:
    return {
        "device_id": f"0190a000-0000-7000-a000-{number:012d}",
        "site_id": SITE,
        "name": f"{HOSTILE}{number}",
        "status": "active",
        "retired": False,
        "fingerprint": "Vx8kq0-hT3nYb5mW2eRz7uJ1cLs9dQf4oGp6aXi_KEw",
        "created_at": minutes_ago(9_000),
        "confirmed_at": minutes_ago(8_000),
        "welcomed_at": minutes_ago(8_000),
        "revoked_at": None,
        "forked_at": None,
        "heard_at": minutes_ago(0),
        "silent": False,
        "complete_to": minutes_ago(0),
        "outbox_depth": 1_234,
        "oldest_unsent_at": minutes_ago(50),
        "clock_offset_ms": 90_000,
        "version": "0.1.0",
        **parts,
    }


def page_of(*items: Message, cursor: str | None = None) -> Message:
    return {"items": list(items), "next_cursor": cursor}


def a_full_company() -> dict[str, Message]:
    """One of everything, with names that nobody should have."""
    employee: Message = {
        "employee_id": PERSON,
        "employee_number": "1001",
        "display_name": HOSTILE,
        "site_id": SITE,
        "department_id": DEPARTMENT,
        "active": True,
        "badges": 2,
    }
    badge: Message = {"assigned_at": minutes_ago(900), "valid_until": None, "revoked_at": None, "revoked_reason": None}
    ended = {"revoked_at": minutes_ago(5), "revoked_reason": "lost"}
    account: Message = {
        "account_id": ACCOUNT,
        "username": HOSTILE,
        "role": "admin",
        "site_ids": [SITE],
        "department_ids": [],
        "employee_id": PERSON,
        "totp": True,
        "created_at": minutes_ago(900),
        "disabled_at": minutes_ago(4),
    }
    session: Message = {
        "session_id": ACCOUNT,
        "account_id": ACCOUNT,
        "username": HOSTILE,
        "began_at": minutes_ago(90),
        "renewed_at": minutes_ago(9),
        "expires_at": minutes_ago(-900),
        "address": "2001:db8:0:1:1:1:1:1",
        "client": HOSTILE,
        "current": True,
    }
    entry: Message = {
        "audit_id": ACCOUNT,
        "at": minutes_ago(9),
        "actor": f"account:{ACCOUNT}",
        "actor_name": HOSTILE,
        "action": "employee.update",
        "subject": None,
        "employee_id": PERSON,
        "before": {"display_name": "x" * 200, "department_id": DEPARTMENT},
        "after": {"display_name": HOSTILE, "department_id": None},
        "address": "192.0.2.1",
        "request_id": None,
    }
    terminals = [
        a_terminal(1, forked_at=minutes_ago(20)),
        a_terminal(2, status="pending", outbox_depth=None, clock_offset_ms=None, heard_at=None),
        a_terminal(3, silent=True),
    ]
    return {
        "site.list": page_of({"site_id": SITE, "name": HOSTILE, "time_zone": "Europe/Madrid"}),
        "employee.list": page_of(employee, cursor="more"),
        "employee.get": {**employee, "status": "break", "since": minutes_ago(20), "at_site_id": SITE},
        "badge.list": page_of({**badge, "badge_id": PERSON}, {**badge, **ended, "badge_id": ACCOUNT}),
        "device.list": page_of(*terminals),
        "account.list": page_of(account),
        "session.list": page_of(session),
        "audit.list": page_of(entry),
    }


async def part(page: Page, look: str, name: str | None = None) -> None:
    """Goes to a part by its address, and waits until it is the one that shows, with what it asked for."""
    await page.evaluate("(look) => { location.hash = look; }", look)
    name = name or (look.split("&")[1].partition("=")[0] if "&" in look else look.removeprefix("view="))
    await expect(page.locator(f"#office[data-part={name}] h1")).to_be_visible()
    await expect(page.locator("#office .list-state", has_text=re.compile("Cargando|Loading"))).to_have_count(0)


async def test_the_page_offers_each_role_what_the_hub_allows_it(browser: Browser, modules_url: str) -> None:
    page = await browser.new_page()
    await page.goto(modules_url)
    told = await page.evaluate("import('/static/office/permissions.js').then((module) => module.PERMISSIONS)")
    people = {Role.EMPLOYEE, Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR}
    allowed = {command: {role.value for role in PERMISSIONS[command] if role in people} for command in told}
    assert {command: set(roles) for command, roles in told.items()} == allowed
    columns = await page.evaluate(
        """async (names) => {
          const { proposedMapping } = await import("/static/office/csv.js");
          return names.map((name) => proposedMapping([name])[0]);
        }""",
        list(people_csv._FIELDS),
    )
    assert columns == list(people_csv._FIELDS.values())
    await page.close()


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        ("admin", ["Board", "People", "Terminals", "Accounts", "Audit"]),
        ("supervisor", ["Board", "People"]),
        ("inspector", ["Board", "People", "Audit"]),
    ],
)
async def test_the_navigation_shows_what_a_role_may(opened: Opened, role: str, parts: list[str]) -> None:
    page = await opened(ScriptedHub(people=[a_person(1)], role=role, answers=a_full_company()))
    await expect(page.locator("#parts a")).to_have_text(parts)
    await part(page, "view=people&person=" + PERSON)
    writes = page.locator("#office button")
    await expect(page.locator("#office .facts")).to_be_visible()
    assert (await writes.count() > 0) == (role == "admin")
    if role == "admin":
        return
    await part(page, "view=terminals", "denied")
    await expect(page.locator("#office h1")).to_have_text("This account can’t see this part")


async def test_who_has_no_board_still_has_an_account_of_their_own(opened: Opened) -> None:
    page = await opened(ScriptedHub(watch_error="forbidden", role="employee", answers=a_full_company()))
    await expect(page.get_by_role("heading", name="This account can’t see the board")).to_be_visible()
    await expect(page.locator("#parts")).to_be_hidden()
    await page.get_by_role("button", name="Account").click()
    await page.get_by_role("link", name="My account").click()
    await expect(page.get_by_role("button", name="Remove second factor")).to_be_visible()
    await expect(page.get_by_role("region", name="Open sessions").locator("tbody tr")).to_have_count(1)


async def test_what_was_sent_when_the_link_broke_is_asked_again_as_the_same_request(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(1)], role="admin", answers=a_full_company(), unanswered={"employee.create"})
    page = await opened(hub)
    await part(page, "view=people")
    await page.get_by_role("button", name="New person").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Ana")
    await dialog.get_by_label("Number").fill("1002")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("button", name="One moment…")).to_be_disabled()
    assert hub.socket is not None
    await hub.socket.close(code=3001)
    await expect(dialog.get_by_role("button", name="Waiting for the connection…")).to_be_disabled()
    hub.unanswered, hub.answers["employee.create"] = set(), {"employee_id": PERSON}
    await expect(dialog).to_have_count(0, timeout=10_000)
    sent = [command for command in hub.asked if command["type"] == "employee.create"]
    assert len(sent) == 2
    assert sent[0]["request_key"] == sent[1]["request_key"]
    await expect(page).to_have_url(re.compile(f"person={PERSON}"))


async def test_lists_say_that_they_are_empty_failed_or_stale_and_go_on_by_their_cursor(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(1)], role="admin", answers=a_full_company())
    hub.answers["account.list"] = page_of()
    hub.answers["audit.list"] = {"type": "error", "code": "not_found", "message": "no", "retry": False}
    page = await opened(hub)
    await part(page, "view=accounts")
    await expect(page.locator(".list-state")).to_have_text("No other accounts.")
    await part(page, "view=audit")
    await expect(page.locator(".list-state")).to_contain_text("this account can’t see it")
    hub.answers["audit.list"] = a_full_company()["audit.list"]
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator(".changes")).to_contain_text("Producción → —")  # a place by its name
    hub.answers["audit.list"] = page_of()
    await page.get_by_role("button", name="Refresh").click()
    await expect(page.locator(".list-state")).to_have_text("Nothing was done yet.")

    await part(page, "view=people")
    await expect(page.locator("#office tbody tr")).to_have_count(1)
    hub.answers["employee.list"] = page_of({**hub.answers["employee.get"], "employee_id": ACCOUNT})
    await page.get_by_role("button", name="More").click()
    await expect(page.locator("#office tbody tr")).to_have_count(2)
    assert hub.asked[-1]["cursor"] == "more"
    await expect(page.get_by_role("button", name="More")).to_be_hidden()

    hub.away = True
    assert hub.socket is not None
    await hub.socket.close(code=3001)
    await expect(page.locator("#connection")).to_have_text(re.compile(r"^Stale since \d\d:\d\d$"), timeout=10_000)
    await expect(page.locator("#banner")).to_contain_text("It may have changed.")
    assert (await page.title()).startswith("▲ People")


@pytest.mark.parametrize(("width", "scheme", "theme"), [(360, "dark", 0), (1280, "light", 0), (1280, "dark", 3)])
async def test_every_part_can_be_read_by_every_eye(opened: Opened, width: int, scheme: Scheme, theme: int) -> None:
    """In Spanish, with hostile names; at last in high contrast."""
    hub = ScriptedHub(people=[a_person(1)], role="admin", answers=a_full_company())
    page = await opened(hub, locale="es-ES", width=width, scheme=scheme)
    for _ in range(theme):
        await page.locator("#theme").click()
    looks = [
        *(f"view={view}" for view in ("people", "places", "import", "terminals", "accounts", "audit", "security")),
        f"view=people&person={PERSON}",
        f"view=terminals&terminal={TERMINAL}",
        f"view=terminals&terminal={TERMINAL[:-1]}2",
        f"view=accounts&account={ACCOUNT}",
    ]
    for look in looks:
        await part(page, look)
        seen, pale = await pale_texts(page)
        assert seen > 10, look
        assert pale == [], look
        assert await controls_without_name(page) == [], look
        assert not await overflows(page), look
    await part(page, "view=import")
    content = b"Numero;Nombre completo de la persona;Apellidos;Centro\n1;Ana;Ruiz;Norte\n"
    await page.set_input_files("#import-file", {"name": "p.csv", "mimeType": "text/csv", "buffer": content})
    await expect(page.locator(".mapping select")).to_have_count(4)
    assert await controls_without_name(page) == []
    assert not await overflows(page)
    await page.get_by_role("link", name="Personas").first.click()
    await page.get_by_role("button", name="Nueva persona").click()
    await page.get_by_role("dialog").get_by_role("button", name="Crear").click()
    await expect(page.get_by_role("dialog").locator(".fault:visible").first).to_have_text("Hace falta este dato.")
    assert (await pale_texts(page))[1] == []
    assert await controls_without_name(page) == []
    assert not await overflows(page)
