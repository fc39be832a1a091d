"""What is said about a punch: a word and a shape for each outcome, and never more than is true."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from kiosk.notices import Answered, Happening, Kept, Notice, NotKept, SetAside, Unread, Waiting, notice
from kiosk.terminal import Kind, Outcome, Reason
from kiosk.words import WORDS, Language
from tests.kiosk.fakes import NOW, an_answer

ES = WORDS[Language.ES]
MADRID = ZoneInfo("Europe/Madrid")


def told(happening: Happening, backlog: int = 0) -> Notice:
    return notice(happening, ES, MADRID, backlog)


def answered(
    outcome: Outcome = Outcome.RECORDED,
    reason: Reason | None = None,
    kind: Kind | None = Kind.IN,
    *,
    name: str | None = "Lucía Fernández Ortega",
    badge: str = "04A2B7C1",
) -> Notice:
    return told(Answered(an_answer(outcome, reason, kind, name=name), badge))


def test_a_receipt_has_name_kind_local_time_and_hours() -> None:
    shown = answered()
    assert (shown.sign, shown.tone, shown.letters, shown.time) == ("✓", "in", "Entrada", "07:58")
    assert (shown.name, shown.title, shown.detail) == ("Lucía Fernández Ortega", "Registrado", "Hoy 3 h 20")


@pytest.mark.parametrize(
    ("kind", "letters", "tone"),
    [
        (Kind.OUT, "Salida", "out"),
        (Kind.BREAK_START, "Pausa", "break"),
        (Kind.BREAK_END, "Vuelta", "in"),
    ],
)
def test_each_kind_has_its_word(kind: Kind, letters: str, tone: str) -> None:
    shown = answered(kind=kind)
    assert (shown.letters, shown.tone) == (letters, tone)


def test_a_second_scan_names_the_first_ones_time() -> None:
    assert answered(reason=Reason.DEBOUNCED).title == "Ya registrado a las 07:58"


def test_an_unexpected_kind_is_said_beside_the_hours() -> None:
    assert answered(reason=Reason.UNEXPECTED_KIND).detail == "Hoy 3 h 20 · No se esperaba: queda anotado tal cual"


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.HELD])
def test_only_an_unknown_badge_is_shown_and_in_full(outcome: Outcome) -> None:
    unknown = answered(outcome, Reason.BADGE_UNKNOWN, None, name=None, badge="04A2B7C19D5E80FF1234")
    assert unknown.badge == "Tarjeta 04A2B7C19D5E80FF1234"
    assert answered(outcome, Reason.DEVICE_REVOKED, None, name=None).badge == ""


@pytest.mark.parametrize("reason", [None, *Reason])
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("language", Language)
def test_every_answer_a_hub_might_give_is_told_by_its_own_shape(
    outcome: Outcome, reason: Reason | None, language: Language
) -> None:
    shown = notice(Answered(an_answer(outcome, reason, None), None), WORDS[language], None, 0)
    assert shown.sign == {Outcome.RECORDED: "✓", Outcome.HELD: "?", Outcome.REFUSED: "✕"}[outcome]
    assert outcome is Outcome.RECORDED or (shown.detail and shown.ask)


def test_only_a_recorded_punch_bears_a_tick() -> None:
    kept = told(Kept(NOW, Kind.AUTO), backlog=3)
    assert (kept.sign, kept.title, kept.detail) == ("…", "Guardado aquí · se enviará", "3 por enviar")
    assert told(Kept(NOW, Kind.OUT), backlog=1).detail == "Salida · 1 por enviar"
    others: list[Happening] = [Waiting(), NotKept("unwritable"), NotKept("anything"), SetAside(), Unread()]
    assert [told(other).sign for other in others] == ["…", "✕", "✕", "✕", "✕"]
    assert "✓" not in "".join(map(str, [kept, *map(told, others)]))


def test_a_hostile_name_is_harmless() -> None:
    shown = answered(name="Ana\x1b]52;c;cm0=\x07 [/bold]\u202e" + "x" * 500)
    assert shown.name.startswith("Ana [/bold]")
    assert len(shown.name) <= 60
    assert "\x1b" not in shown.name
