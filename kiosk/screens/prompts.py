"""What the prompt asks for, by what was typed and chosen so far. Pure."""

from __future__ import annotations

from kiosk.badge_input import BadgeInput, Stage
from kiosk.harmless import harmless
from kiosk.standing import closed_because, standing
from kiosk.terminal import Kind, TerminalState
from kiosk.widgets.prompt_card import Prompt
from kiosk.words import Words

_DOT = "•"


def prompt(state: TerminalState, typed: BadgeInput, kind: Kind, words: Words, *, typing_seen: bool) -> Prompt:
    """A PIN is dots. What is typed shows only once it is clear that fingers type it."""
    if (why := closed_because(state, words)) is not None:
        now = standing(state, words)
        return Prompt(title=f"{now.shape} {why.why}", detail=why.ask, closed=True, tone=now.tone)
    if typed.stage is Stage.PIN:
        return Prompt(title=words.pin, letters=_DOT * len(typed.typed) or "_", detail=words.enter_finishes)
    if typing_seen and typed.typed.isdigit():
        return Prompt(title=words.number, letters=typed.typed, detail=words.enter_continues)
    if typing_seen and typed.typed:
        return Prompt(title=f"{words.badge} {harmless(typed.typed)}", detail=words.enter_finishes)
    if kind is not Kind.AUTO:
        return Prompt(title=words.scan_for.format(kind=words.kinds[kind]), detail=words.or_number)
    return Prompt(title=words.scan, detail=words.or_number)
