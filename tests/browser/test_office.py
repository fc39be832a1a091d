"""The company administered in the page, by an admin against the real hub: what is done there is so at the terminals."""

import re
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, expect

from tests.browser.desk import Desk
from tests.contract.connection import connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal
from tests.contract.pairing import brought, enrol, fingerprint, new_key
from tests.contract.punching import record, verdict
from tests.permissions.world import one_time_code
from tests.running_hub import RunningDemo

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

UNKNOWN_BADGE, TYPED_BADGE = "5EC0ND00B1", "F1R5T00001"
IMPORTED_INTO = "<i>Forja</i> & Co"
"""The department that the first test makes."""
NEW_PASSWORD = "seven calm herons at dusk"


@pytest.fixture(scope="module")
def company(start_demo: Callable[[int], RunningDemo]) -> RunningDemo:
    """A sample company of this module's own: what is made here is on nobody else's board."""
    return start_demo(0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(company: RunningDemo, browser: Browser) -> AsyncIterator[Desk]:
    """The admin, signed in once."""
    admin = company.file.account("admin")
    opened = await Desk.open(browser, company.url, admin.username, admin.password)
    yield opened
    await opened.close()


async def test_a_person_is_made_given_a_badge_and_a_pin_and_punches_until_they_leave(
    company: RunningDemo, desk: Desk
) -> None:
    """By the page alone: site, department, person, badges of every kind, PIN, leaving and coming back."""
    page, terminal = desk.page, company.file.spares[0]
    site = company.file.site(terminal.site_id).name
    await desk.go("People")
    await page.get_by_role("link", name="Sites and departments").click()
    await desk.button("New site")
    await desk.fill(name=site, time_zone="Atlantic/Canary")
    await desk.refused("Create", "name", "There is another one with this name.")
    await desk.fill(name="Taller Sur")
    await desk.do("Create")
    south = page.get_by_role("region", name="Taller Sur")
    await expect(south).to_contain_text("Atlantic/Canary")
    home = page.get_by_role("region", name=site)
    await home.get_by_role("button", name="New department").click()
    await desk.fill(name="<i>Forja</i> & Co")
    await desk.do("Create")
    await expect(home.get_by_text("<i>Forja</i> & Co")).to_be_visible()
    await desk.search("forja")
    await expect(south).to_have_count(0)
    await expect(page).to_have_url(re.compile("q=forja$"))
    await desk.go("Board")
    await expect(page.locator("#site-list li", has_text="Taller Sur")).to_be_visible()

    await desk.go("People")
    await desk.button("New person")
    await desk.refused("Create", "display_name", "This is needed.")
    number = company.file.employees[0].employee_number
    await desk.fill(display_name="Ainhoa <b>Ruiz</b>", employee_number=number, site_id=site)
    await desk.fill(department_id="<i>Forja</i> & Co")
    await desk.refused("Create", "employee_number", "Another person has this number.")
    await desk.fill(employee_number="990001")
    await desk.do("Create")
    await expect(page.get_by_role("heading", name="Ainhoa <b>Ruiz</b>")).to_be_focused()
    await expect(desk.fact("Department")).to_have_text("<i>Forja</i> & Co")
    assert "person=" in page.url

    await desk.button("Assign badge")
    await desk.fill(badge="no badge!")
    await desk.refused("Assign badge", "badge", "This is no badge of this company’s.")
    await desk.fill(badge=company.file.employees[0].badge)
    await desk.refused("Assign badge", "badge", "This badge is another person’s.")
    await expect(desk.dialog.get_by_label("Take it from whoever has it")).to_be_focused()
    await desk.fill(badge=TYPED_BADGE, valid_until="2100-01-01T18:00")
    await desk.do("Assign badge")
    badges = page.get_by_role("region", name="Badges")
    await expect(badges.get_by_role("row", name="Temporary")).to_contain_text("1 Jan")

    async with connect_device(company.ws_url, terminal) as connection:
        journal = Journal.of(terminal, connection.welcome["device"])
        assert verdict(await record(connection, journal.punch({"badge": TYPED_BADGE}))) == ("recorded", None)
        unknown = await record(connection, journal.punch({"badge": UNKNOWN_BADGE}))
        assert verdict(unknown) == ("refused", "badge_unknown")

        await desk.button("Assign badge")
        await desk.dialog.get_by_label("Terminal", exact=True).select_option(value=terminal.device_id)
        await desk.dialog.get_by_role("button", name="Take it").click()
        await expect(desk.dialog.locator("[data-field=badge] input")).to_have_value(UNKNOWN_BADGE)
        await desk.do("Assign badge")
        await expect(badges.locator("tbody tr")).to_have_count(2)
        assert (await record(connection, journal.punch({"badge": UNKNOWN_BADGE}, kind="out")))["outcome"] == "recorded"
        await (
            badges.locator("tbody tr", has=page.get_by_text("Good", exact=True))
            .get_by_role("button", name="Lost")
            .click()
        )
        await expect(desk.dialog).to_contain_text("It stops working at every terminal.")
        await desk.do("Lost")
        await expect(badges.locator("tbody th", has_text="Lost")).to_have_count(1)
        lost = await record(connection, journal.punch({"badge": UNKNOWN_BADGE}))
        assert verdict(lost) == ("refused", "badge_revoked")

        await desk.button("Set PIN")
        await desk.do("Set PIN")
        pin = await desk.secret()
        assert re.fullmatch(r"\d{6,12}", pin)
        by_number = {"employee_number": "990001", "pin": pin}
        assert (await record(connection, journal.punch(by_number, kind="in")))["outcome"] == "recorded"
        await expect(desk.fact("Now")).to_contain_text("Out")
        await page.reload()
        await expect(desk.fact("Now")).to_contain_text("In")

        await desk.button("Deactivate")
        await expect(desk.dialog).to_contain_text("From now on their punches are refused")
        await desk.do("Deactivate")
        await expect(desk.fact("State")).to_have_text("Left")
        left = await record(connection, journal.punch({"badge": TYPED_BADGE}))
        assert verdict(left) == ("refused", "employee_inactive")
    await desk.button("Hire again")
    await desk.do("Hire again")
    await expect(desk.fact("State")).to_have_text("Employed")
    await desk.button("Change")
    await desk.fill(display_name="Ainhoa Ruiz Vega")
    await desk.do("Save")
    await page.get_by_role("link", name="People").last.click()
    await desk.search("ruiz vega")
    await expect(desk.row("990001")).to_contain_text("Ainhoa Ruiz Vega")
    await expect(page.locator("#office tbody tr")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_label("Search name or number")).to_have_value("ruiz vega")
    await expect(page.locator("#office tbody tr")).to_have_count(1)


async def test_a_terminal_is_invited_compared_confirmed_moved_and_taken_out_of_use(
    company: RunningDemo, desk: Desk
) -> None:
    page, (here, there, *_) = desk.page, company.file.sites
    await desk.go("Terminals")
    await desk.button("Invite terminal")
    await desk.fill(site_id=here.name, name="Puerta <Oeste>")
    await desk.do("Make code")
    await expect(desk.dialog.get_by_role("img", name="QR code: Pairing code")).to_be_visible()
    code = await desk.secret()
    assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}", code)
    assert await page.locator("body").get_by_text(code).count() == 0

    key = new_key()
    enrolled = await enrol(company.url, brought(code, key))
    device = DeviceKey(str(enrolled.body["device_id"]), here.site_id, key, spare=False)
    row = desk.row("Puerta <Oeste>")
    await expect(row).to_contain_text("To be confirmed", timeout=10_000)  # by itself, while somebody looks
    await expect(page.locator("#office tbody tr").first).to_contain_text("Puerta <Oeste>")
    await row.get_by_role("link").click()
    shown = await page.locator(".fingerprint.large").inner_text()
    assert shown.replace(" ", "") == fingerprint(key)
    assert max(map(len, shown.split())) == 4
    await desk.button("It is the same")
    await desk.do("Confirm")
    await expect(desk.fact("State")).to_have_text("In use")
    async with connect_device(company.ws_url, device) as connection:
        assert connection.welcome["device"]["status"] == "active"
        await connection.ask("device.report", outbox_depth=3, version="9.9", oldest_unsent_at=None)
        await expect(desk.fact("Unsent")).to_have_text("3", timeout=10_000)
        await desk.button("Move")
        await desk.fill(site_id=there.name)
        await desk.do("Move")
        await expect(desk.fact("Site")).to_have_text(there.name)
        await desk.button("Retire")
        await desk.fill(lost_at="2100-01-01T08:00")
        await desk.refused("Retire", "lost_at", "It can’t be in the future.")
        await desk.fill(lost_at="2026-01-01T08:00")
        await desk.do("Retire")
        await expect(desk.fact("State")).to_have_text("Retired")
        assert await connection.closed() == 3500
    await page.get_by_role("link", name="Terminals").last.click()
    await expect(row).to_have_count(0)
    await page.get_by_label("State").select_option(label="Retired")
    await expect(row).to_have_count(1)
    assert "status=retired" in page.url


async def test_people_are_imported_from_a_spreadsheets_file_tried_first_and_mended(
    company: RunningDemo, desk: Desk
) -> None:
    """As Spanish spreadsheets write it: semicolons, Windows' letters, name and surname apart, an unknown column."""
    page, site = desk.page, company.file.site(company.file.spares[0].site_id)
    known = company.file.employees[0]
    await desk.go("People")
    await page.get_by_role("link", name="Import").click()
    header = "Núm. empleado;Nombre;Apellidos;Centro;Depto.;Cód.;Observaciones"

    def file(*lines: str) -> FilePayload:
        content = "\r\n".join([header, *lines, ""]).encode("cp1252")
        return {"name": "plantilla.csv", "mimeType": "text/csv", "buffer": content}

    good = [
        f"88{number:04d};Íñigo;Peña {number};{site.name};{IMPORTED_INTO};IMP0RT{number:04d};x" for number in range(3)
    ]
    chooser = page.locator("#import-file")
    await chooser.set_input_files(file(*good, f"{known.employee_number};<b>Eva</b>;;Atlantis;;;"))
    await expect(page.locator(".mapping select").nth(2)).to_have_value("surname")
    await expect(page.locator(".mapping select").nth(5)).to_have_value("ignore")
    await page.get_by_label("What column Cód. is").select_option(label="Badge")
    await desk.button("Try without writing")
    report = page.locator(".report")
    await expect(report.get_by_role("heading")).to_have_text("Some lines can’t be taken: nothing was written")
    await expect(report.locator("tbody tr")).to_have_text(re.compile("Site: There is no site of this name."))
    await report.get_by_role("button", name="All lines").click()
    await expect(report.locator("tbody tr")).to_have_count(4)

    await chooser.set_input_files(file(*good))
    await page.get_by_label("What column Cód. is").select_option(label="Badge")
    await desk.button("Try without writing")
    await expect(report.get_by_role("heading")).to_have_text("All is well: nothing is written yet")
    await desk.button("Import 3 people")
    await expect(report.get_by_role("heading")).to_have_text("3 people imported")
    await page.get_by_role("link", name="People").last.click()
    await desk.search("íñigo peña")
    await expect(page.locator("#office tbody tr")).to_have_count(3)
    await expect(desk.row("880001")).to_contain_text("Íñigo Peña 1")
    await expect(desk.row("880001").locator("td.figure")).to_have_text("1")


async def test_an_account_is_made_seen_from_the_other_side_reset_and_closed(
    company: RunningDemo, desk: Desk, browser: Browser
) -> None:
    """A supervisor of one site: what the page offers them, and how fast they are out."""
    page, site = desk.page, company.file.sites[0]
    await desk.go("Accounts")
    await desk.button("New account")
    await desk.fill(username="admin", role="Supervisor", password="short")
    await desk.refused("Create", "password", "At least 12 characters, and no well-known password.")
    await desk.fill(password="")
    await desk.refused("Create", "username", "There is an account with this username.")
    await desk.fill(username="nueva")
    await desk.dialog.get_by_label("All sites").uncheck()
    await desk.dialog.get_by_label(site.name, exact=True).check()
    await desk.do("Create")
    password = await desk.secret()
    await expect(desk.fact("Scope")).to_have_text(site.name)

    other = await Desk.open(browser, company.url, "nueva", password)
    await expect(other.page.locator("#parts a")).to_have_text(["Board", "People"])
    await other.go("People")
    await expect(other.row(company.file.employees[0].display_name)).to_have_count(
        int(company.file.employees[0].site_id == site.site_id)
    )
    assert await other.page.get_by_role("button", name="New person").count() == 0
    await other.page.goto(f"{company.url}/#view=accounts")
    await expect(other.page.get_by_role("heading", name="This account can’t see this part")).to_be_visible()
    await own_password(other, password)
    await second_factor(other)

    sessions = page.get_by_role("region", name="Open sessions")
    await page.reload()
    await expect(desk.fact("Second factor")).to_have_text("Set")
    await expect(sessions.locator("tbody tr")).to_have_count(1)
    await expect(sessions.locator("tbody tr")).to_contain_text("Chrome")
    await sessions.get_by_role("button", name="End").click()
    await desk.do("End")
    await expect(other.page.get_by_role("alert")).to_have_text("Your session has ended. Sign in again.", timeout=10_000)
    await desk.button("New password")
    await desk.do("New password")
    assert await desk.secret() != password
    await desk.button("Disable")
    await expect(desk.dialog).to_contain_text("Its sessions end within seconds")
    await desk.do("Disable")
    await expect(desk.fact("State")).to_have_text("Disabled")
    await desk.button("Enable")
    await desk.do("Enable")
    await expect(desk.fact("State")).to_have_text("Active")
    await other.close()


async def own_password(desk: Desk, password: str) -> None:
    await desk.page.get_by_role("button", name="Account").click()
    await desk.page.get_by_role("link", name="My account").click()
    await desk.button("Change password")
    await desk.fill(current="not that one", new=NEW_PASSWORD, repeated="something else at all")
    await desk.refused("Change password", "repeated", "They aren’t the same.")
    await desk.fill(repeated=NEW_PASSWORD)
    await desk.refused("Change password", "current", "That isn’t the password.")
    await desk.fill(current=password)
    await desk.do("Change password")
    await expect(desk.page.locator("#toast")).to_have_text("The new password works now.")


async def second_factor(desk: Desk) -> None:
    await desk.button("Set or replace")
    await desk.fill(password=NEW_PASSWORD)
    await desk.dialog.get_by_role("button", name="Go on").click()
    await expect(desk.dialog.get_by_role("img", name="QR code: Second factor")).to_be_visible()
    secret = (await desk.dialog.locator(".secret").inner_text()).replace(" ", "")
    await desk.fill(code="000000" if one_time_code(f"otpauth://x?secret={secret}") != "000000" else "111111")
    await desk.refused("Confirm", "code", "The code isn’t right, or no longer holds.")
    await desk.fill(code=one_time_code(f"otpauth://x?secret={secret}"))
    await desk.do("Confirm")
    await expect(desk.page.locator("#toast")).to_have_text("The new second factor works now.")
    assert secret not in (await desk.page.content()).replace(" ", "")


async def test_the_audit_says_who_did_what_and_is_narrowed_by_action_actor_and_time(desk: Desk) -> None:
    """After the tests above: their acts are in it."""
    page = desk.page
    await desk.go("Audit")
    await expect(page.locator("#office tbody tr").nth(10)).to_be_visible()
    await desk.search("device.confirm")
    await expect(page).to_have_url(re.compile("action=device.confirm$"))
    await expect(page.locator("#office tbody tr")).to_have_count(1)
    line = page.locator("#office tbody tr")
    await expect(line).to_contain_text("admin")
    await expect(line).to_contain_text("Terminal confirmed")
    await expect(line.locator(".changes li").first).to_have_text("state to be confirmed → in use")
    await line.get_by_role("link", name="admin").click()
    await expect(page.locator(".chosen-filter")).to_have_text("Who: admin ✕")
    await page.get_by_label("Until").fill("2020-01-01T00:00")
    await page.get_by_label("Until").blur()
    await expect(page.locator("#office .list-state")).to_have_text("Nothing matches the search.")
    await page.get_by_label("Until").fill("")
    await page.get_by_label("Until").blur()
    await expect(line).to_have_count(1)
    await page.go_back()
    await expect(page.locator(".chosen-filter")).to_have_count(0)
    await expect(page.get_by_label("Search action")).to_have_value("device.confirm")
