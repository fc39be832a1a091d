"""The line at the top: where this terminal stands, how it is connected, and the language."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from kiosk.standing import place, standing
from kiosk.terminal import TerminalState
from kiosk.widgets.line import Line
from kiosk.widgets.tones import set_tone
from kiosk.words import Language, Words


class LanguageSwitch(Line):
    """`▸ES  EN`: the language in use bears the mark; a touch changes it."""

    @dataclass
    class Touched(Message):
        """Someone asked for the other language."""

    def show(self, language: Language) -> None:
        marks = (f"▸{code.upper()}" if code is language else f" {code.upper()}" for code in Language)
        self.put(f"F3{''.join(f' {mark}' for mark in marks)}")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Touched())


class TopBar(Horizontal):
    def compose(self) -> ComposeResult:
        yield Line(id="place")
        yield Line(id="standing")
        yield LanguageSwitch(id="language")

    def show(self, state: TerminalState, words: Words, language: Language) -> None:
        self.query_one("#place", Line).put(place(state))
        now = standing(state, words)
        line = self.query_one("#standing", Line)
        line.put(f"{now.shape} {now.word}")
        set_tone(line, now.tone)
        self.query_one(LanguageSwitch).show(language)
