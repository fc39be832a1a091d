"""Digits to touch. It comes on a touch of the prompt, never by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.message import Message

from kiosk.widgets.line import Line
from kiosk.words import Words

_KEYS: Final = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "backspace", "0", "enter")


class PadKey(Line):
    def __init__(self, key: str) -> None:
        super().__init__(key if key.isdigit() else "", id=f"pad-{key}")
        self._key = key

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(NumberPad.Touched(self._key))


class NumberPad(Vertical):
    @dataclass
    class Touched(Message):
        """`key` is a digit, `backspace` or `enter`."""

        key: str

    @dataclass
    class Closed(Message):
        """Someone has no more use for the pad."""

    class CloseKey(Line):
        def on_click(self, event: events.Click) -> None:
            event.stop()
            self.post_message(NumberPad.Closed())

    def compose(self) -> ComposeResult:
        with Grid():
            for key in _KEYS:
                yield PadKey(key)
        yield self.CloseKey(id="pad-close")

    def show(self, words: Words) -> None:
        self.query_one("#pad-backspace", PadKey).put(words.pad_erase)
        self.query_one("#pad-enter", PadKey).put(words.pad_enter)
        self.query_one("#pad-close", Line).put(f"✕ {words.pad_close}")
