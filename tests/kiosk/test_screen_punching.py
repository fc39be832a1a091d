"""Clocking at the screen, from the keys to what a person reads."""

from __future__ import annotations

import asyncio

import pytest
from textual import events

from kiosk.settings import Settings
from kiosk.terminal import Credential, Kind, OutboxFault, Outcome, PunchSetAside, Reason, Ticket
from protocol.sealing import BadgeCredential, NumberCredential
from tests.kiosk.face import BADGE, BRIEF, cells, kiosk, letters, scan, until
from tests.kiosk.fakes import OFFLINE, ScriptedTerminal, an_answer


async def test_a_badge_leads_to_a_receipt_that_leaves_by_itself() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal, settings=BRIEF).run_test() as pilot:
        assert "Pase su tarjeta" in cells(pilot)
        await scan(pilot)
        shown = await until(pilot, "Registrado")
        assert terminal.punches == [(BadgeCredential(badge=BADGE), Kind.AUTO)]
        assert letters(pilot) == ["Entrada", "07:58"]
        assert "Lucía Fernández Ortega" in shown
        assert "Hoy 3 h 20" in shown
        await until(pilot, "Pase su tarjeta")


async def test_a_number_and_its_pin_lead_to_a_receipt_and_the_pin_is_never_shown() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        await pilot.press(*"1042")
        await until(pilot, "Número de empleado")
        assert letters(pilot)[-1] == "1042"
        await pilot.press("enter", *"471100")
        shown = await until(pilot, "PIN")
        assert letters(pilot)[-1] == "••••••"
        assert "4711" not in shown
        await pilot.press("enter")
        await until(pilot, "Registrado")
        assert terminal.punches == [(NumberCredential(employee_number="1042", pin="471100"), Kind.AUTO)]


async def test_half_an_entry_is_forgotten() -> None:
    terminal = ScriptedTerminal()
    async with kiosk(terminal, settings=BRIEF).run_test() as pilot:
        await pilot.press(*"1042", "enter", *"47")
        await until(pilot, "PIN")
        await until(pilot, "Pase su tarjeta")
        await pilot.press(*"1100", "enter")
        await until(pilot, "PIN")
        assert terminal.punches == []


async def test_a_scan_goes_on_at_once_while_a_receipt_shows() -> None:
    terminal = ScriptedTerminal(an_answer(name="Ana Ruiz"), an_answer(name="Luis Gil", kind=Kind.OUT))
    async with kiosk(terminal).run_test() as pilot:
        await scan(pilot)
        await until(pilot, "Ana Ruiz")
        await scan(pilot, "04FFFFFFFFFFFF")
        shown = await until(pilot, "Luis Gil")
        assert "Ana Ruiz" not in shown
        assert len(terminal.punches) == 2


async def test_an_answer_to_an_earlier_person_does_not_replace_the_later_ones_receipt() -> None:
    terminal = ScriptedTerminal(None, an_answer(name="Luis Gil"))
    async with kiosk(terminal).run_test() as pilot:
        await scan(pilot)
        await scan(pilot, "04FFFFFFFFFFFF")
        await until(pilot, "Luis Gil")
        terminal.settle(terminal.tickets[0], an_answer(name="Ana Ruiz"))
        await pilot.pause(0.2)
        assert "Luis Gil" in cells(pilot)


async def test_a_late_answer_turns_kept_here_into_the_receipt() -> None:
    terminal = ScriptedTerminal(None)
    settings = Settings(kept_after_seconds=0.3, receipt_seconds=30)
    async with kiosk(terminal, settings=settings).run_test() as pilot:
        await scan(pilot)
        await until(pilot, "Un momento")
        shown = await until(pilot, "Guardado aquí · se enviará")
        assert "1 por enviar" in shown
        assert "✓" not in shown
        terminal.settle(terminal.tickets[0], an_answer())
        shown = await until(pilot, "Registrado")
        assert "Guardado" not in shown


async def test_offline_it_is_kept_here_at_once_with_the_number_waiting() -> None:
    terminal = ScriptedTerminal(None, None, state=OFFLINE)
    async with kiosk(terminal).run_test() as pilot:
        assert "lo que fiche se guarda aquí y se enviará" in cells(pilot)
        await scan(pilot)
        await until(pilot, "Guardado aquí · se enviará")
        assert letters(pilot) == ["Guardado", "07:58"]
        await scan(pilot, "04FFFFFFFFFFFF")
        shown = await until(pilot, "2 por enviar")
        assert "○ sin conexión · 2 por enviar" in shown
        assert "✓" not in shown


async def test_a_second_scan_is_told_when_the_first_was() -> None:
    async with kiosk(ScriptedTerminal(an_answer(reason=Reason.DEBOUNCED))).run_test() as pilot:
        await scan(pilot)
        await until(pilot, "✓ Ya registrado a las 07:58")


async def test_an_unknown_badge_is_refused_with_its_number_in_full() -> None:
    badge = "04A2B7C19D5E80FF1234"
    terminal = ScriptedTerminal(
        an_answer(Outcome.REFUSED, Reason.BADGE_UNKNOWN, None, name=None, worked_today_minutes=None)
    )
    async with kiosk(terminal).run_test() as pilot:
        await scan(pilot, badge)
        shown = await until(pilot, "✕ No registrado")
        assert "Esta tarjeta no se conoce." in shown
        assert "Enseñe este número a Personal." in shown
        assert f"Tarjeta {badge}" in shown


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (OutboxFault("unwritable", "disk full"), "Este terminal no puede guardar nada."),
        (PunchSetAside("conflict", "other bytes"), "El servidor no aceptó este fichaje"),
    ],
)
async def test_what_was_not_taken_is_never_called_recorded(fault: Exception, sentence: str) -> None:
    async with kiosk(ScriptedTerminal(fault)).run_test() as pilot:
        await scan(pilot)
        shown = await until(pilot, sentence)
        assert "✕ No registrado" in shown


async def test_a_bug_below_takes_the_terminal_from_nobody() -> None:
    class Broken(ScriptedTerminal):
        async def punch(self, credential: Credential, kind: Kind) -> Ticket:
            if not self.punches:
                self.punches.append((credential, kind))
                raise ZeroDivisionError
            return await super().punch(credential, kind)

    async with kiosk(Broken(an_answer())).run_test() as pilot:
        await scan(pilot)
        await until(pilot, "✕ No registrado")
        await scan(pilot)
        await until(pilot, "✓ Registrado")


async def test_a_kind_counts_once_and_falls_back() -> None:
    terminal = ScriptedTerminal(an_answer(kind=Kind.OUT), an_answer())
    async with kiosk(terminal).run_test() as pilot:
        await pilot.press("f9")
        await until(pilot, "Salida: pase su tarjeta")
        await scan(pilot)
        await until(pilot, "Salida")
        await scan(pilot)
        await until(pilot, "Entrada")
        assert [kind for _, kind in terminal.punches] == [Kind.OUT, Kind.AUTO]


async def test_a_kind_is_chosen_by_arrow_and_by_touch_and_forgotten_when_unused() -> None:
    terminal = ScriptedTerminal()
    async with kiosk(terminal, settings=BRIEF).run_test() as pilot:
        await pilot.press("right", "right")
        await until(pilot, "▸ Pausa")
        await pilot.click("#kind-break-end")
        await until(pilot, "▸ Vuelta")
        await until(pilot, "▸ Automático")


async def test_the_pad_comes_on_a_touch_only_and_types_a_number_and_a_pin() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        await pilot.press(*"1")
        await until(pilot, "Número de empleado")
        assert "Borrar" not in cells(pilot)
        await pilot.press("escape")
        await pilot.click("PromptCard")
        await until(pilot, "Borrar")
        for key in ("9", "backspace", "1", "0", "4", "2", "enter", "4", "7", "1", "1", "enter"):
            await pilot.click(f"#pad-{key}")
        shown = await until(pilot, "Registrado")
        assert "Borrar" not in shown
        assert terminal.punches == [(NumberCredential(employee_number="1042", pin="4711"), Kind.AUTO)]


async def test_a_paste_of_a_megabyte_is_nobodys_badge() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        pilot.app.post_message(events.Paste("04A2B7C1\n" * 120_000))
        await pilot.pause(0.2)
        assert terminal.punches == []
        await scan(pilot)
        await until(pilot, "Registrado")


async def test_a_stuck_key_ends_in_unreadable_and_the_next_scan_works() -> None:
    terminal = ScriptedTerminal(an_answer())
    async with kiosk(terminal).run_test() as pilot:
        for _ in range(2_000):
            pilot.app.screen.post_message(events.Key("a", "a"))
        await pilot.press("enter")
        await until(pilot, "No se pudo leer.")
        assert terminal.punches == []
        await scan(pilot)
        await until(pilot, "Registrado")


async def test_hostile_names_are_shown_harmless() -> None:
    names = [
        "[/bold] [red]Ana",
        "Ana\x1b]52;c;cm0gLXJm\x07 Ruiz",
        "Ana\u202eziuR",
        "[@click=app.exit]Ana[/]",
        "\x00\x9b2J",
    ]
    terminal = ScriptedTerminal(*(an_answer(name=name) for name in names))
    seen = []
    async with kiosk(terminal).run_test() as pilot:
        for number, _ in enumerate(names):
            await scan(pilot, f"04A2B7C{number}")
            await until(pilot, "Registrado")
            await asyncio.sleep(0.05)
            seen.append(cells(pilot))
    assert "[/bold] [red]Ana" in seen[0]
    assert "Ana Ruiz" in seen[1]
    assert "[@click=app.exit]Ana[/]" in seen[3]
    assert not set("".join(seen)) & {"\x1b", "\x07", "\u202e", "\x00", "\x9b"}
