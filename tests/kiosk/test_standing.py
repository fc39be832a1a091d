"""What is said about the terminal: one shape and word, the worst first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.standing import closed_because, comfort, place, standing, technical
from kiosk.terminal import Enrolment, Fault, Link, TerminalState
from kiosk.words import WORDS, Language
from tests.kiosk.fakes import OFFLINE, ONLINE

ES = WORDS[Language.ES]


@pytest.mark.parametrize(
    ("state", "shape", "word"),
    [
        (ONLINE, "●", "en línea"),
        (replace(ONLINE, backlog=1), "●", "en línea"),
        (replace(ONLINE, link=Link.CONNECTING), "…", "conectando"),
        (OFFLINE, "○", "sin conexión"),
        (replace(OFFLINE, backlog=1), "○", "sin conexión · 1 por enviar"),
        (replace(OFFLINE, backlog=3), "○", "sin conexión · 3 por enviar"),
        (replace(ONLINE, syncing=True, backlog=12), "…", "enviando 12"),
        (replace(ONLINE, fault=Fault.OUTBOX_UNWRITABLE), "▲", "avería"),
        (replace(OFFLINE, fault=Fault.HUB_REFUSES), "▲", "avería"),
        (replace(ONLINE, fault=Fault.OUTBOX_DAMAGED), "●", "en línea"),
        (replace(OFFLINE, enrolment=Enrolment.NONE), "✕", "sin dar de alta"),
        (replace(ONLINE, enrolment=Enrolment.PENDING), "?", "por confirmar"),
        (replace(ONLINE, enrolment=Enrolment.REVOKED, backlog=4), "✕", "retirado"),
    ],
)
def test_the_one_thing_that_matters(state: TerminalState, shape: str, word: str) -> None:
    now = standing(state, ES)
    assert (now.shape, now.word) == (shape, word)


def test_it_says_why_nobody_can_clock_here() -> None:
    closed = [
        closed_because(state, ES)
        for state in (
            replace(ONLINE, enrolment=Enrolment.NONE),
            replace(ONLINE, enrolment=Enrolment.PENDING),
            replace(ONLINE, enrolment=Enrolment.REVOKED),
            replace(ONLINE, fault=Fault.OUTBOX_UNWRITABLE),
        )
    ]
    assert closed == [ES.blocked_not_enrolled, ES.blocked_pending, ES.blocked_revoked, ES.blocked_disk]


@pytest.mark.parametrize("fault", [None, *set(Fault) - {Fault.OUTBOX_UNWRITABLE}])
@pytest.mark.parametrize("link", Link)
def test_any_other_trouble_leaves_the_terminal_open(link: Link, fault: Fault | None) -> None:
    state = replace(ONLINE, link=link, fault=fault)
    assert closed_because(state, ES) is None
    assert bool(comfort(state, ES)) == (fault is not None or link is Link.OFFLINE)


def test_the_place_is_harmless() -> None:
    assert place(ONLINE) == "Planta Norte · Terminal 2"
    assert place(replace(ONLINE, site_name=None, terminal_name="\x1b]0;x\x07T\u202e1")) == "T 1"


def test_a_technician_reads_the_detail_only_while_something_is_wrong() -> None:
    assert technical(OFFLINE) == "connection refused"
    assert technical(replace(ONLINE, detail="connected")) == ""
