"""What the screen says about the terminal itself: from its state to words, a shape and a tone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.harmless import harmless
from kiosk.terminal import Enrolment, Fault, Link, TerminalState
from kiosk.words import Why, Words

MAX_PLACE_CHARACTERS = 28


@dataclass(frozen=True)
class Standing:
    shape: str
    word: str
    tone: str


def standing(state: TerminalState, words: Words) -> Standing:
    """The one thing about the terminal that matters most now."""
    match state.enrolment:
        case Enrolment.NONE:
            return Standing("✕", words.not_enrolled, "danger")
        case Enrolment.PENDING:
            return Standing("?", words.pending, "late")
        case Enrolment.REVOKED:
            return Standing("✕", words.revoked, "danger")
        case Enrolment.ACTIVE:
            pass
    if state.fault in {Fault.OUTBOX_UNWRITABLE, Fault.HUB_REFUSES}:
        return Standing("▲", words.fault, "danger")
    match state.link:
        case Link.CONNECTING:
            return Standing("…", words.connecting, "accent")
        case Link.OFFLINE:
            waiting = f" · {words.waiting(state.backlog)}" if state.backlog else ""
            return Standing("○", f"{words.offline}{waiting}", "late")
        case Link.ONLINE:
            if state.syncing:
                return Standing("…", words.syncing.format(count=state.backlog), "accent")
            return Standing("●", words.online, "in")


def closed_because(state: TerminalState, words: Words) -> Why | None:
    """Why nobody can clock here now; None: they can."""
    match state.enrolment:
        case Enrolment.NONE:
            return words.blocked_not_enrolled
        case Enrolment.PENDING:
            return words.blocked_pending
        case Enrolment.REVOKED:
            return words.blocked_revoked
        case Enrolment.ACTIVE:
            return words.blocked_disk if state.fault is Fault.OUTBOX_UNWRITABLE else None


def comfort(state: TerminalState, words: Words) -> str:
    """One line under the prompt while something is unusual but people can clock."""
    if state.enrolment is not Enrolment.ACTIVE:
        return ""
    match state.fault:
        case Fault.OUTBOX_DAMAGED:
            return f"▲ {words.fault_damaged}"
        case Fault.PUNCH_SET_ASIDE:
            return f"▲ {words.fault_set_aside}"
        case Fault.HUB_REFUSES:
            return f"▲ {words.fault_hub_refuses}"
        case Fault.OUTBOX_UNWRITABLE:
            return ""
        case None:
            return words.offline_comfort if state.link is Link.OFFLINE else ""


def place(state: TerminalState) -> str:
    """`Planta Norte · Terminal 2`."""
    parts = (harmless(part or "", MAX_PLACE_CHARACTERS) for part in (state.site_name, state.terminal_name))
    return " · ".join(part for part in parts if part)


def technical(state: TerminalState) -> str:
    """The link's own plain English line, while something is wrong."""
    troubled = state.fault is not None or state.enrolment is not Enrolment.ACTIVE or state.link is Link.OFFLINE
    return harmless(state.detail) if troubled and state.detail else ""
