"""How the screen looks, as pictures: one state each, at a fixed size, at 07:58 for ever.

After a wanted change of looks: `pytest tests/kiosk/test_look.py --snapshot-update`, then look at each picture.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from textual.app import App
from textual.pilot import Pilot

from kiosk.terminal import Outcome, PairingFailed, PairingTrouble, Reason
from tests.kiosk.face import kiosk, scan, until
from tests.kiosk.fakes import NEW, OFFLINE, ONLINE, WAITING, ScriptedTerminal, an_answer

Compare = Callable[..., bool]
Act = Callable[[Pilot[None]], Awaitable[None]]


def scanned(shown: str) -> Act:
    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, "07:58")
        await scan(pilot)
        await until(pilot, shown)

    return act


async def touched(pilot: Pilot[None]) -> None:
    await until(pilot, "07:58")
    await pilot.click("PromptCard")
    for key in "104":
        await pilot.click(f"#pad-{key}")
    await pilot.hover("#place")
    await until(pilot, "Número de empleado")


async def pin_begun(pilot: Pilot[None]) -> None:
    await until(pilot, "07:58")
    await pilot.press(*"1042", "enter", *"471")
    await until(pilot, "PIN")


async def code_begun(pilot: Pilot[None]) -> None:
    await until(pilot, "Este terminal no está dado de alta.")
    await pilot.press(*"7k3m-q0z")


def refused_one() -> ScriptedTerminal:
    terminal = ScriptedTerminal(state=NEW)
    terminal.pairing = [PairingFailed(PairingTrouble.CODE_REFUSED, "the hub doesn't take this code")]
    return terminal


async def code_refused(pilot: Pilot[None]) -> None:
    await until(pilot, "This terminal is not enrolled.")
    await pilot.press(*"7K3MQ0ZD4VXR9H2T", "enter")
    await until(pilot, "✕ The server does not take this code.")


UNKNOWN = an_answer(Outcome.REFUSED, Reason.BADGE_UNKNOWN, None, name=None, worked_today_minutes=None)


@pytest.mark.parametrize(
    ("app", "size", "act"),
    [
        pytest.param(lambda: kiosk(ScriptedTerminal()), (80, 24), None, id="idle"),
        pytest.param(lambda: kiosk(ScriptedTerminal(an_answer())), (80, 24), scanned("Registrado"), id="receipt"),
        pytest.param(
            lambda: kiosk(ScriptedTerminal(an_answer(), state=ONLINE), "en"),
            (120, 40),
            scanned("Recorded"),
            id="receipt_in_english_on_a_larger_screen",
        ),
        pytest.param(lambda: kiosk(ScriptedTerminal(), "en"), (200, 60), None, id="idle_in_english_on_a_wall"),
        pytest.param(
            lambda: kiosk(ScriptedTerminal(state=replace(OFFLINE, backlog=2))),
            (80, 24),
            scanned("3 por enviar"),
            id="kept_here",
        ),
        pytest.param(lambda: kiosk(ScriptedTerminal(UNKNOWN)), (80, 24), scanned("No registrado"), id="unknown_badge"),
        pytest.param(lambda: kiosk(ScriptedTerminal()), (80, 24), touched, id="number_pad"),
        pytest.param(lambda: kiosk(ScriptedTerminal()), (80, 24), pin_begun, id="pin"),
        pytest.param(lambda: kiosk(ScriptedTerminal(state=NEW)), (80, 24), code_begun, id="not_enrolled"),
        pytest.param(lambda: kiosk(refused_one(), "en"), (120, 40), code_refused, id="pairing_code_refused_in_english"),
        pytest.param(lambda: kiosk(ScriptedTerminal(state=WAITING)), (80, 24), None, id="waits_to_be_confirmed"),
        pytest.param(
            lambda: kiosk(ScriptedTerminal(state=WAITING), "en"),
            (200, 60),
            None,
            id="waits_to_be_confirmed_in_english_on_a_wall",
        ),
    ],
)
def test_the_screen_looks_as_it_was_seen(
    snap_compare: Compare, app: Callable[[], App[None]], size: tuple[int, int], act: Act | None
) -> None:
    assert snap_compare(app(), terminal_size=size, run_before=act)


@pytest.mark.parametrize("theme", ["light", "contrast"])
def test_other_colours_look_as_they_were_seen(snap_compare: Compare, theme: str) -> None:
    app = kiosk(ScriptedTerminal(an_answer()))
    app.theme = theme
    assert snap_compare(app, terminal_size=(80, 24), run_before=scanned("Registrado"))
