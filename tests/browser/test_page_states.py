"""The page in states that a healthy company doesn't show: empty, forbidden, stale, crowded, hostile."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opened
from tests.browser.looks import controls_without_name, overflows, pale_texts
from tests.browser.scripted_hub import SITE, Message, ScriptedHub, a_person, minutes_ago

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

STALE_AFTER_MS = 10_000


async def test_a_board_without_people_and_an_account_without_sites_say_so(opened: Opened) -> None:
    page = await opened(ScriptedHub())
    await expect(page.locator("#nobody")).to_have_text("As soon as people are added, they appear here.")
    await expect(page.locator("[data-count=in]")).to_have_text("0")
    await expect(page.locator("#curve-caption")).to_have_text("Only since this page was opened")
    page = await opened(ScriptedHub(site_count=0))
    await expect(page.get_by_role("heading", name="No site yet")).to_be_visible()


async def test_a_hub_that_is_away_is_waited_for(opened: Opened) -> None:
    hub = ScriptedHub(away=True)
    page = await opened(hub)
    await expect(page.get_by_role("heading", name="The server can’t be reached")).to_be_visible()
    hub.away = False
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("html")).to_have_attribute("data-link", "live")
    hub.away = True
    await page.reload()
    await expect(page.get_by_role("heading", name="The server can’t be reached")).to_be_visible()
    hub.away = False
    await expect(page.locator("html")).to_have_attribute("data-link", "live", timeout=10_000)


async def test_who_may_not_watch_is_told_and_can_leave(opened: Opened) -> None:
    hub = ScriptedHub(watch_error="forbidden", role="employee")
    page = await opened(hub)
    await expect(page.get_by_role("heading", name="This account can’t see the board")).to_be_visible()
    hub.signed_in = False
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Username")).to_be_focused()


async def test_a_session_that_ends_leads_to_the_door(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(1)])
    page = await opened(hub)
    await expect(page.locator("html")).to_have_attribute("data-link", "live")
    hub.signed_in = False
    assert hub.socket is not None
    await hub.socket.close(code=3500)
    await expect(page.get_by_role("alert")).to_have_text("Your session has ended. Sign in again.")
    assert await page.locator(".person:visible").count() == 0


async def test_a_hub_that_refuses_the_page_is_not_asked_again_and_again(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(1)])
    page = await opened(hub)
    await expect(page.locator("html")).to_have_attribute("data-link", "live")
    assert hub.socket is not None
    await hub.socket.close(code=3501)
    await expect(page.locator("#notice-text")).to_contain_text("3501")
    await page.wait_for_timeout(1_500)
    assert sum(command["type"] == "auth" for command in hub.asked) == 1


async def test_without_a_head_the_page_says_since_when_it_is_stale(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(1), a_person(2, status="out")])
    page = await opened(hub)
    await expect(page.locator("#connection")).to_have_text("Live")
    assert await page.title() == "1 In · Planta Norte"
    await expect(page.locator("#connection")).to_have_text(
        re.compile(r"^Stale since \d\d:\d\d$"), timeout=STALE_AFTER_MS + 3_000
    )
    await expect(page.locator("#banner")).to_contain_text("It may have changed.")
    assert (await page.title()).startswith("▲ ")
    _, pale = await pale_texts(page)
    assert pale == []
    hub.head()
    await expect(page.locator("#connection")).to_have_text("Live")
    assert await page.title() == "1 In · Planta Norte"


async def test_completeness_and_silent_terminals_by_name(opened: Opened) -> None:
    silent: list[Message] = [{"device_id": SITE, "name": "Muelle 2"}, {"device_id": SITE, "name": "Puerta Este"}]
    hub = ScriptedHub(people=[a_person(1)], complete_to=minutes_ago(42), silent_devices=silent)
    page = await opened(hub, locale="es-ES")
    await expect(page.locator("#complete")).to_have_text(re.compile(r"^Completo hasta \d\d:\d\d$|^Completo hasta \w+"))
    await expect(page.locator("#complete")).to_have_attribute("data-lagging", "true")
    await expect(page.locator("#silent")).to_have_text("Terminales sin señal: Muelle 2 y Puerta Este")
    hub.complete_to, hub.silent_devices = None, []
    hub.head()
    await expect(page.locator("#complete")).to_have_text("Ningún terminal ha informado todavía")
    await expect(page.locator("#silent")).to_be_hidden()


async def test_those_who_need_a_look_come_first(opened: Opened) -> None:
    people = [
        a_person(1),
        a_person(2, status="break", since=minutes_ago(75)),
        a_person(3, status="out", since=None, expected_from=minutes_ago(20), expected_until=minutes_ago(-400)),
        a_person(4, status="break", since=minutes_ago(10)),
    ]
    page = await opened(ScriptedHub(people=people))
    await expect(page.locator(".person .name")).to_have_text(
        ["Persona 0003", "Persona 0002", "Persona 0004", "Persona 0001"]
    )
    await expect(page.locator("[data-group=need] .what").first).to_have_text("Late 20 min")
    await expect(page.locator("[data-count=late]")).to_have_text("1")
    await page.locator(".tile[data-status=late]").click()
    await expect(page.locator(".person")).to_have_count(1)


async def test_the_order_holds_still_under_the_pointer(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(number) for number in range(1, 6)])
    page = await opened(hub)
    names = page.locator(".person .name")
    await page.locator(".person").nth(2).hover()
    hub.change(a_person(4, status="break", since=minutes_ago(0)))
    row = page.locator(".person", has_text="Persona 0004")
    await expect(row).to_have_attribute("data-status", "break")
    assert await names.all_inner_texts() == [f"Persona {number:04d}" for number in range(1, 6)]
    await page.mouse.move(5, 5)
    await expect(names.first).to_have_text("Persona 0004")


async def test_the_feed_waits_while_it_is_read(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(number, status="out", since=None) for number in range(1, 6)])
    page = await opened(hub)
    hub.change(a_person(1, since=minutes_ago(0)))
    lines = page.locator(".feed-line")
    await expect(lines).to_have_count(1)
    await page.locator("#feed-scroll").hover()
    await expect(page.locator("#feed-paused")).to_be_visible()
    hub.change(a_person(2, since=minutes_ago(0)), a_person(3, since=minutes_ago(0)))
    await expect(page.locator("#feed-paused")).to_have_text("2 new")
    await expect(lines).to_have_count(1)
    await page.mouse.move(5, 5)
    await expect(lines).to_have_count(3)
    await expect(lines.last).to_have_text(re.compile(r"^\d\d:\d\dPersona 0001 came in$"))


async def test_the_past_is_no_news_even_when_a_push_comes_before_it(opened: Opened) -> None:
    people = [a_person(number, status="out", since=None) for number in range(1, 6)]
    hub = ScriptedHub(people=people, slow_feed=True)
    page = await opened(hub)
    hub.change(a_person(1, since=minutes_ago(0)))
    lines, news = page.locator(".feed-line"), page.locator(".feed-line.new")
    await expect(lines).to_have_count(1)
    hub.tell_the_past(*(a_person(number, since=minutes_ago(number)) for number in range(2, 5)))
    await expect(lines).to_have_count(4)
    await expect(news).to_have_count(0)
    hub.change(a_person(5, since=minutes_ago(0)))
    await expect(news).to_have_count(1)
    await expect(news).to_contain_text("Persona 0005")


async def test_names_are_text_whatever_is_in_them(opened: Opened) -> None:
    name = "<img src=x onerror=\"document.title='owned'\"><b>Ana</b> &amp; {name}"
    hub = ScriptedHub(people=[a_person(1, display_name=name, status="out", since=None)])
    hub.silent_devices = [{"device_id": SITE, "name": name}]
    page = await opened(hub)
    hub.change(a_person(1, display_name=name, since=minutes_ago(0)))
    await expect(page.locator(".person .name")).to_have_text(name)
    await expect(page.locator(".feed-line strong")).to_have_text(name)
    await expect(page.locator("#silent")).to_contain_text(name)
    await page.locator("#rollcall-open").click()
    await expect(page.locator("#rollcall .name")).to_have_text(name)
    assert await page.locator("#board img, #rollcall img, .person b").count() == 0


async def test_three_thousand_people_stay_quick(opened: Opened) -> None:
    hub = ScriptedHub(people=[a_person(number) for number in range(3_000)])
    page = await opened(hub)
    await expect(page.locator("[data-count=in]")).to_have_text("3,000")
    await page.evaluate("""() => {
      window.touched = 0;
      const watch = new MutationObserver((found) => { window.touched += found.length; });
      watch.observe(document.getElementById("groups"), { subtree: true, childList: true });
    }""")
    hub.change(a_person(2_999, status="break", since=minutes_ago(0)))
    await expect(page.locator("[data-count=break]")).to_have_text("1")
    await expect(page.locator(".person").first).to_contain_text("Persona 2999")
    assert await page.evaluate("window.touched") < 30, "one person moved, not the whole list"
    await page.keyboard.press("/")
    await page.keyboard.type("1234")
    await expect(page.locator(".person")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
async def test_every_text_can_be_read_and_every_control_has_a_name(opened: Opened, theme: str, width: int) -> None:
    people = [
        a_person(1),
        a_person(2, status="break", since=minutes_ago(75)),
        a_person(3, status="out", since=None, expected_from=minutes_ago(20), expected_until=minutes_ago(-400)),
        a_person(4, status="out", since=minutes_ago(3_000)),
        a_person(5, display_name="María de los Ángeles Fernández-Guerra Etxeberria de la Torre y Quiñones"),
    ]
    silent: list[Message] = [{"device_id": SITE, "name": "Muelle 2"}]
    hub = ScriptedHub(people=people, silent_devices=silent, complete_to=minutes_ago(42))
    page = await opened(hub, width=width, scheme="dark" if theme == "dark" else "light", locale="es-ES")
    await expect(page.locator(".person")).to_have_count(5)
    for _ in range(3 if theme == "contrast" else 0):
        await page.locator("#theme").click()
    hub.change(a_person(4, since=minutes_ago(0)))
    await expect(page.locator(".feed-line")).to_have_count(1)
    for view in ("board", "rollcall"):
        if view == "rollcall":
            await page.locator("#rollcall-open").click()
            await page.locator("#rollcall li button").first.click()
        seen, pale = await pale_texts(page)
        assert seen > 10
        assert pale == [], view
        assert await controls_without_name(page) == [], view
        assert not await overflows(page), view
        assert await page.get_by_role("main").count() == 1, "one landmark of what matters"


async def test_the_door_can_be_read_and_used_by_keyboard(opened: Opened) -> None:
    page = await opened(ScriptedHub(signed_in=False), locale="es-ES", width=360)
    await expect(page.get_by_label("Usuario")).to_be_focused()
    await page.keyboard.type("nadie")
    await page.keyboard.press("Tab")
    await page.keyboard.type("nada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("El usuario o la contraseña no son correctos.")
    await expect(page.get_by_label("Contraseña")).to_be_focused()
    await expect(page.get_by_label("Contraseña")).to_have_value("")
    assert (await pale_texts(page))[1] == []
    assert not await overflows(page)
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_label("Username")).to_have_value("nadie")


async def test_the_list_is_walked_by_keys_and_the_focus_is_seen(opened: Opened) -> None:
    page = await opened(ScriptedHub(people=[a_person(number) for number in range(1, 4)]))
    await expect(page.locator(".person")).to_have_count(3)
    for key, name in (("j", "0001"), ("j", "0002"), ("k", "0001"), ("k", "0001")):
        await page.keyboard.press(key)
        await expect(page.locator(".person:focus")).to_contain_text(name)
    outline = await page.locator(".person:focus").evaluate("(row) => getComputedStyle(row).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("/")
    await page.keyboard.type("jk?/")
    await expect(page.get_by_label("Search person or department")).to_have_value("jk?/")
