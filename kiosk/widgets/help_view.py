"""How to clock, in five lines."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Grid, Vertical

from kiosk.widgets.line import Line
from kiosk.words import Words

_LINES = 5


class HelpView(Vertical):
    def compose(self) -> ComposeResult:
        yield Line(id="help-title")
        with Grid(id="help-lines"):
            for number in range(_LINES):
                yield Line(id=f"help-what-{number}", classes="help-what")
                yield Line(id=f"help-how-{number}", classes="help-how")
        yield Line(id="help-close")

    def show(self, words: Words) -> None:
        self.query_one("#help-title", Line).put(words.help_title)
        self.query_one("#help-close", Line).put(words.help_close)
        for number, (what, how) in enumerate(words.help_lines):
            self.query_one(f"#help-what-{number}", Line).put(what)
            self.query_one(f"#help-how-{number}", Line).put(how)
