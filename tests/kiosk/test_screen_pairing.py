"""A new terminal's screen: a code is typed, pasted or scanned; a fingerprint is compared; then people can clock."""

from __future__ import annotations

from textual.events import Paste

from kiosk.terminal import Enrolment, Link, PairingFailed, PairingTrouble
from kiosk.words import WORDS, Language
from protocol.pairing import in_groups
from tests.kiosk.face import BRIEF, cells, kiosk, letters, until
from tests.kiosk.fakes import FINGERPRINT, NEW, ONLINE, WAITING, ScriptedTerminal

CODE = "7K3M-Q0ZD-4VXR-9H2T"
SMALLEST = (80, 24)


def a_new_one(*pairing: PairingFailed | None) -> ScriptedTerminal:
    terminal = ScriptedTerminal(state=NEW)
    terminal.pairing = list(pairing)
    return terminal


def spread(fingerprint: str) -> list[str]:
    """The groups as they stand on the screen."""
    return [" ".join(group) for group in in_groups(fingerprint).split()]


async def test_the_code_shows_as_it_is_typed_and_what_follows_is_the_fingerprint() -> None:
    terminal = a_new_one()
    async with kiosk(terminal).run_test(size=SMALLEST) as pilot:
        await until(pilot, "Este terminal no está dado de alta.")
        assert letters(pilot) == ["____ ____", "____ ____"]
        await pilot.press(*"7k3m-qoz")
        assert letters(pilot) == ["7K3M Q0Z_", "____ ____"]
        await pilot.press("backspace", *"Zd 4vxr9h2t", "enter")
        await until(pilot, "En espera de que un administrador lo confirme")
        assert terminal.typed_codes == ["7k3m-qoZd 4vxr9h2t"]
        shown = cells(pilot)
        assert all(group in shown for group in spread(FINGERPRINT))


async def test_a_scanned_qr_code_and_a_pasted_code_are_taken() -> None:
    terminal = a_new_one(PairingFailed(PairingTrouble.CODE_REFUSED, "no"))
    async with kiosk(terminal).run_test(size=SMALLEST) as pilot:
        await until(pilot, "Este terminal no está dado de alta.")
        await pilot.press(*"attendance-pair:")
        assert letters(pilot) == ["____ ____", "____ ____"], "what stands before the code is none of it"
        await pilot.press(*"7K3MQ0ZD4VXR9H2T", "enter")
        await until(pilot, "✕ El servidor no acepta este código.")
        pilot.app.screen.post_message(Paste(f" {CODE}\n"))
        await until(pilot, "4VXR 9H2T")
        assert "no acepta" not in cells(pilot), "the old fault goes with the next code"
        await pilot.press("enter")
        await until(pilot, "En espera de que un administrador lo confirme")
    assert terminal.typed_codes == ["attendance-pair:7K3MQ0ZD4VXR9H2T", CODE]


async def test_each_trouble_is_told_with_what_to_do_and_the_code_can_be_given_again() -> None:
    words = WORDS[Language.EN]
    terminal = a_new_one(
        *(PairingFailed(trouble, f"plain [bold]{trouble}\x1b]52;c;AAAA\x07") for trouble in PairingTrouble)
    )
    async with kiosk(terminal, "en").run_test(size=SMALLEST) as pilot:
        await until(pilot, "This terminal is not enrolled.")
        for trouble in PairingTrouble:
            pilot.app.screen.post_message(Paste(CODE))
            await until(pilot, "4VXR 9H2T")
            await pilot.press("enter")
            told = words.pair_troubles.get(trouble, words.pair_trouble_otherwise)
            shown = await until(pilot, f"✕ {told.why}")
            assert told.ask in shown
            assert f"plain [bold]{trouble}" in shown
            assert "\x1b" not in shown
            assert letters(pilot) == ["____ ____", "____ ____"]
        pilot.app.screen.post_message(Paste(CODE))
        await until(pilot, "4VXR 9H2T")
        await pilot.press("enter")
        await until(pilot, "Waiting for an administrator")


async def test_enter_alone_and_keys_while_it_waits_send_nothing() -> None:
    terminal = a_new_one()
    async with kiosk(terminal).run_test(size=SMALLEST) as pilot:
        await pilot.press("enter", "space", "enter", "escape")
        await pilot.press(*CODE, "enter")
        await until(pilot, "En espera de que un administrador lo confirme")
        await pilot.press(*"04A2B7C19D5E80", "enter")
        assert terminal.typed_codes == [CODE]
        assert not terminal.punches


async def test_once_it_is_confirmed_it_says_where_it_stands_and_people_can_clock() -> None:
    terminal = ScriptedTerminal(state=WAITING)
    async with kiosk(terminal, settings=BRIEF).run_test(size=SMALLEST) as pilot:
        await until(pilot, "Debe ver esta misma huella:")
        terminal.become(link=Link.OFFLINE)
        await until(pilot, "○ Sin conexión: se vuelve a intentar")
        terminal.become(link=Link.ONLINE)
        await pilot.press("f3")
        await until(pilot, "They must see this same fingerprint:")
        terminal.become(enrolment=Enrolment.ACTIVE, site_name="Planta [red]Norte", time_zone="Europe/Madrid")
        await until(pilot, "This terminal works now")
        assert "Planta [red]Norte" in cells(pilot)
        await until(pilot, "Scan your badge")
        await until(pilot, "07:58")
        await pilot.press(*"04A2B7C19D5E80", "enter")
        await until(pilot, "One moment")
        assert len(terminal.punches) == 1


async def test_a_terminal_that_turns_out_to_wait_shows_its_fingerprint() -> None:
    terminal = ScriptedTerminal(state=ONLINE)
    async with kiosk(terminal).run_test(size=SMALLEST) as pilot:
        await until(pilot, "Pase su tarjeta")
        terminal.become(enrolment=Enrolment.PENDING, fingerprint=FINGERPRINT)
        await until(pilot, "Debe ver esta misma huella:")


async def test_a_terminal_that_is_sent_away_while_it_waits_says_so() -> None:
    terminal = ScriptedTerminal(state=WAITING)
    async with kiosk(terminal).run_test(size=SMALLEST) as pilot:
        await until(pilot, "Debe ver esta misma huella:")
        terminal.become(enrolment=Enrolment.REVOKED)
        await until(pilot, "Este terminal está retirado.")
