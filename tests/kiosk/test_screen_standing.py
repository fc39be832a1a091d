"""The screen as the terminal's state, the language, the size and odd keys change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from textual.widgets import Static

from kiosk.terminal import Enrolment, Fault, Link
from kiosk.themes import TOKENS
from kiosk.widgets.line import Line
from tests.kiosk.face import cells, kiosk, letters, scan, until
from tests.kiosk.fakes import NOW, OFFLINE, ONLINE, ScriptedTerminal, an_answer

FRAMEWORK_KEYS = (
    "ctrl+p ctrl+q ctrl+c ctrl+z ctrl+s ctrl+d ctrl+backslash escape tab shift+tab f2 f10 f11 f12 f24 up down home end "
    "pageup insert ctrl+insert delete ctrl+shift+c super+c ctrl+v ctrl+a alt+f4 shift+f10 backspace space enter ctrl+j"
).split()


async def test_it_follows_the_terminals_state() -> None:
    terminal = ScriptedTerminal(state=replace(ONLINE, link=Link.CONNECTING))
    async with kiosk(terminal).run_test() as pilot:
        await until(pilot, "… conectando")
        terminal.become(link=Link.ONLINE)
        await until(pilot, "● en línea")
        terminal.become(link=Link.OFFLINE, backlog=3)
        await until(pilot, "○ sin conexión · 3 por enviar")
        terminal.become(link=Link.ONLINE, syncing=True)
        await until(pilot, "… enviando 3")
        terminal.become(syncing=False, backlog=0, fault=Fault.PUNCH_SET_ASIDE)
        await until(pilot, "▲ Un fichaje no fue aceptado: avise a un técnico")
        terminal.become(fault=Fault.OUTBOX_UNWRITABLE)
        await until(pilot, "▲ Este terminal no puede guardar nada.")


@pytest.mark.parametrize(
    ("enrolment", "sentence", "shape"),
    [
        (Enrolment.PENDING, "Este terminal espera confirmación.", "? por confirmar"),
        (Enrolment.REVOKED, "Este terminal está retirado.", "✕ retirado"),
    ],
)
async def test_a_terminal_that_takes_nothing_says_why_and_opens_when_it_may(
    enrolment: Enrolment, sentence: str, shape: str
) -> None:
    terminal = ScriptedTerminal(state=replace(ONLINE, enrolment=enrolment))
    async with kiosk(terminal).run_test() as pilot:
        shown = await until(pilot, sentence)
        assert shape in shown
        assert "Pase su tarjeta" not in shown
        await pilot.click("PromptCard")
        assert "Borrar" not in cells(pilot)
        terminal.become(enrolment=Enrolment.ACTIVE)
        await until(pilot, "Pase su tarjeta")


async def test_at_a_retired_terminal_nobody_goes_home_believing_that_they_clocked() -> None:
    """It keeps what is scanned, as it must: as evidence. It says that it isn't recorded."""
    terminal = ScriptedTerminal(state=replace(OFFLINE, enrolment=Enrolment.REVOKED))
    async with kiosk(terminal).run_test() as pilot:
        await until(pilot, "Este terminal está retirado.")
        await scan(pilot, "04A2B7C1D9")
        shown = await until(pilot, "✕ No registrado")
        assert "Fiche en otro y avise a su encargado." in shown
        assert "se enviará" not in shown


async def test_the_clock_is_the_sites_and_goes_on() -> None:
    terminal = ScriptedTerminal(state=replace(ONLINE, time_zone="America/Argentina/Buenos_Aires"))
    async with kiosk(terminal).run_test() as pilot:
        assert letters(pilot)[0] == "03:58"
        assert "martes, 24 de noviembre" in cells(pilot)
        terminal.moment = NOW + timedelta(hours=21, minutes=3)
        await until(pilot, "miércoles, 25 de noviembre")
        assert letters(pilot)[0] == "01:01"


async def test_a_time_that_no_hub_confirmed_is_marked_and_a_zone_that_does_not_exist_stops_nothing() -> None:
    terminal = ScriptedTerminal(state=replace(OFFLINE, clock_known=False, time_zone="Mars/Olympus"))
    async with kiosk(terminal).run_test() as pilot:
        await until(pilot, "hora sin confirmar")


async def test_the_language_changes_by_key_and_by_touch_even_while_a_receipt_shows() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        await pilot.press("f3")
        shown = await until(pilot, "Scan your badge")
        assert "Tuesday, 24 November" in shown
        assert "▸EN" in shown
        await scan(pilot)
        await until(pilot, "✓ Recorded")
        assert letters(pilot) == ["In", "07:58"]
        await pilot.click("#language")
        await until(pilot, "✓ Registrado")
        assert letters(pilot) == ["Entrada", "07:58"]


async def test_it_starts_in_the_language_asked_for() -> None:
    async with kiosk(ScriptedTerminal(), "en").run_test() as pilot:
        assert "Scan your badge" in cells(pilot)


async def test_help_comes_and_goes_and_does_not_stand_in_a_scans_way() -> None:
    async with kiosk(ScriptedTerminal(an_answer())).run_test() as pilot:
        await pilot.press("f1")
        await until(pilot, "Cómo se ficha")
        await pilot.press("f1")
        await until(pilot, "Pase su tarjeta")
        await pilot.click("#hint-f1")
        await until(pilot, "Cómo se ficha")
        await scan(pilot)
        await until(pilot, "Registrado")


async def test_the_colours_change_by_key() -> None:
    async with kiosk(ScriptedTerminal()).run_test() as pilot:
        seen = []
        for _ in TOKENS:
            seen.append((pilot.app.theme, pilot.app.screen.styles.background.hex.lower()))
            await pilot.press("f4")
            await pilot.pause()
        assert seen == [(name, tokens["surface"]) for name, tokens in TOKENS.items()]


async def test_no_key_of_the_framework_leads_anywhere() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        for key in FRAMEWORK_KEYS:
            await pilot.press(key)
        await pilot.pause(0.2)
        assert len(pilot.app.screen_stack) == 1
        await until(pilot, "Pase su tarjeta")
        assert terminal.punches == []
        await scan(pilot)
        await until(pilot, "Registrado")


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_a_kiosk_that_was_started_with_a_way_out_has_one(key: str) -> None:
    app = kiosk(ScriptedTerminal(), allow_quit=True)
    async with app.run_test() as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert not app.is_running or app._exit


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 50), (200, 60), (60, 20), (40, 12), (20, 6)])
async def test_it_works_at_any_size_and_grows(size: tuple[int, int]) -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test(size=size) as pilot:
        await pilot.pause()
        assert size[0] < 80 or "Pase su tarjeta" in cells(pilot) or "Pase su tarjeta" in letters(pilot)
        await scan(pilot)
        await pilot.pause(0.2)
        assert "Entrada" in letters(pilot)
        assert len(terminal.punches) == 1


async def test_a_screen_too_small_says_so_and_still_takes_scans() -> None:
    async with kiosk(ScriptedTerminal(an_answer())).run_test(size=(60, 20)) as pilot:
        await until(pilot, "mínimo 80 × 24")
        await scan(pilot)
        await until(pilot, "Registrado")


async def test_all_text_is_shown_by_the_widget_with_markup_off() -> None:
    async with kiosk(ScriptedTerminal()).run_test() as pilot:
        assert {type(shown) for shown in pilot.app.screen.query(Static) if not isinstance(shown, Line)} == set()
        assert all(shown._render_markup is False for shown in pilot.app.screen.query(Line))


async def test_a_failure_ends_the_app_and_shows_nobodys_pin(caplog: pytest.LogCaptureFixture) -> None:
    terminal = ScriptedTerminal()
    app = kiosk(terminal)

    def broken() -> datetime:
        pin = "".join(("4711", "00"))
        raise ZeroDivisionError(len(pin))

    async def type_a_pin_and_fail() -> None:
        async with app.run_test() as pilot:
            await pilot.press(*"1042", "enter", *"471100")
            terminal.now = broken  # type: ignore[method-assign]  # broken on purpose
            await pilot.pause(3)

    with pytest.raises(ZeroDivisionError):
        await type_a_pin_and_fail()
    assert app.return_code == 1
    assert app._exit_renderables == []
    assert "ZeroDivisionError" in caplog.text
    assert "471100" not in caplog.text
