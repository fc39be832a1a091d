"""The line at the bottom: keys that help, each also a place to touch."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from kiosk.widgets.line import Line
from kiosk.words import Words


class Hint(Line):
    @dataclass
    class Touched(Message):
        key: str

    def __init__(self, key: str) -> None:
        super().__init__(id=f"hint-{key}")
        self._key = key

    def show(self, word: str) -> None:
        self.put(f"{self._key.upper()} {word}")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Touched(self._key))


class HintBar(Horizontal):
    def compose(self) -> ComposeResult:
        yield Hint("f1")
        yield Line(id="remark")
        yield Hint("f4")

    def show(self, words: Words, remark: str) -> None:
        """`remark` is for a technician, or empty."""
        self.query_one("#hint-f1", Hint).show(words.help_key)
        self.query_one("#hint-f4", Hint).show(words.contrast_key)
        self.query_one("#remark", Line).put(remark)
