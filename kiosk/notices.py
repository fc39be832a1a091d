"""What the screen says about a punch: from what happened to words, a shape and a tone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final, assert_never

from kiosk.harmless import harmless
from kiosk.terminal import Answer, Kind, Outcome, Reason
from kiosk.words import Why, Words

MAX_NAME_CHARACTERS: Final = 60
_TONES: Final = {Kind.AUTO: "accent", Kind.IN: "in", Kind.BREAK_END: "in", Kind.BREAK_START: "break", Kind.OUT: "out"}
SHAPES: Final = {Kind.AUTO: "▸", Kind.IN: "●", Kind.BREAK_END: "●", Kind.BREAK_START: "◐", Kind.OUT: "○"}


@dataclass(frozen=True)
class Waiting:
    """The punch is on its way to the disk and the hub."""


@dataclass(frozen=True)
class Kept:
    """The punch is on this disk and the hub has not answered."""

    made_at: datetime
    kind: Kind


@dataclass(frozen=True)
class Answered:
    answer: Answer
    badge: str | None
    """As scanned; shown only where nobody knows it."""


@dataclass(frozen=True)
class NotKept:
    """Nothing was recorded; `code` is an OutboxFault's."""

    code: str


@dataclass(frozen=True)
class SetAside:
    """The hub would not take the punch."""


@dataclass(frozen=True)
class Unread:
    """The input can be no badge and no number."""


Happening = Waiting | Kept | Answered | NotKept | SetAside | Unread


@dataclass(frozen=True)
class Notice:
    tone: str
    """A colour token: it only repeats what `sign` and the words say."""
    sign: str
    """✓ recorded, … waiting or kept, ? held for a person, ✕ refused."""
    title: str
    letters: str = ""
    """The largest thing on the screen; empty: the sign is."""
    time: str = ""
    name: str = ""
    detail: str = ""
    ask: str = ""
    badge: str = ""
    to_be_read: bool = False
    """Sentences take longer to read than a receipt."""


def notice(happening: Happening, words: Words, zone: tzinfo | None, backlog: int, closed: Why | None = None) -> Notice:
    """`zone` None is the device's own; `backlog` is the number of punches that wait here.

    `closed` is why nobody can clock here: what is kept all the same will be refused, and is shown so.
    """
    match happening:
        case Waiting():
            return Notice(tone="accent", sign="…", title=words.wait)
        case Kept() if closed is not None:
            return _refusal(closed, words)
        case Kept(made_at=made_at, kind=kind):
            return Notice(
                tone="late",
                sign="…",
                title=words.kept,
                letters=words.kept_lettering,
                time=clock_time(made_at, zone),
                detail=words.waiting(max(backlog, 1))
                if kind is Kind.AUTO
                else f"{words.kinds[kind]} · {words.waiting(max(backlog, 1))}",
            )
        case Answered(answer=answer, badge=badge):
            return _answered(answer, badge, words, zone)
        case NotKept(code=code):
            return _refusal(words.not_kept.get(code, words.not_kept_otherwise), words)
        case SetAside():
            return _refusal(words.set_aside, words)
        case Unread():
            return _refusal(words.unreadable, words)
        case _:
            assert_never(happening)


def clock_time(moment: datetime, zone: tzinfo | None) -> str:
    return f"{moment.astimezone(zone):%H:%M}"


def _answered(answer: Answer, badge: str | None, words: Words, zone: tzinfo | None) -> Notice:
    name = harmless(answer.employee_name or "", MAX_NAME_CHARACTERS)
    match answer.outcome:
        case Outcome.RECORDED:
            return _receipt(answer, name, words, zone)
        case Outcome.HELD:
            why = words.reasons_held.get(answer.reason or Reason.SEAL_BROKEN, words.held_otherwise)
            told = Notice(tone="late", sign="?", title=words.held, detail=why.why, ask=why.ask, to_be_read=True)
        case Outcome.REFUSED:
            told = _refusal(
                words.reasons_refused.get(answer.reason or Reason.SEAL_BROKEN, words.refused_otherwise), words
            )
        case _:
            assert_never(answer.outcome)
    unknown = harmless(badge) if badge and answer.reason is Reason.BADGE_UNKNOWN else ""
    return replace(told, name=name, badge=words.badge_number.format(badge=unknown) if unknown else "")


def _receipt(answer: Answer, name: str, words: Words, zone: tzinfo | None) -> Notice:
    kind, at = answer.kind, answer.occurred_at or answer.recorded_at
    time = clock_time(at, zone)
    title, detail = words.recorded, ""
    if answer.reason is Reason.DEBOUNCED:
        title = words.already.format(time=time)
    elif answer.reason is Reason.UNEXPECTED_KIND:
        detail = words.unexpected
    if answer.worked_today_minutes is not None:
        today = words.today.format(duration=words.duration(answer.worked_today_minutes))
        detail = f"{today} · {detail}" if detail else today
    return Notice(
        tone="in" if kind is None else _TONES[kind],
        sign="✓",
        title=title,
        letters="" if kind is None else words.kinds[kind],
        time=time,
        name=name,
        detail=detail,
    )


def _refusal(why: Why, words: Words) -> Notice:
    return Notice(tone="danger", sign="✕", title=words.refused, detail=why.why, ask=why.ask, to_be_read=True)
