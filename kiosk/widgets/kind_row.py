"""The row of kinds: what the next punch will say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from kiosk.notices import SHAPES
from kiosk.terminal import Kind
from kiosk.widgets.line import Line
from kiosk.words import Words

KEYS: Final = {"f5": Kind.AUTO, "f6": Kind.IN, "f7": Kind.BREAK_START, "f8": Kind.BREAK_END, "f9": Kind.OUT}
ORDER: Final = tuple(KEYS.values())


def beside(kind: Kind, step: int) -> Kind:
    """The kind `step` places to the right, round the end."""
    return ORDER[(ORDER.index(kind) + step) % len(ORDER)]


class KindChip(Line):
    @dataclass
    class Touched(Message):
        kind: Kind

    def __init__(self, key: str, kind: Kind) -> None:
        super().__init__(id=f"kind-{kind.value.replace('_', '-')}")
        self._key = key.upper()
        self._kind = kind

    def show(self, words: Words, chosen: Kind) -> None:
        self.set_class(self._kind is chosen, "-chosen")
        shape = SHAPES[self._kind] if self._kind is not Kind.AUTO else "◆"
        marked = f"▸ {words.kinds[self._kind]}" if self._kind is chosen else f"{shape} {words.kinds[self._kind]}"
        self.put(f"{marked}\n{self._key}")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Touched(self._kind))


class KindRow(Horizontal):
    """Falls back to `Kind.AUTO` after each punch: the screen says when."""

    def compose(self) -> ComposeResult:
        for key, kind in KEYS.items():
            yield KindChip(key, kind)

    def show(self, words: Words, chosen: Kind) -> None:
        for chip in self.query(KindChip):
            chip.show(words, chosen)
