"""The one thing to do: scan, or type a number and its PIN; or why this terminal takes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from kiosk.widgets.lettering import Lettering
from kiosk.widgets.line import Line
from kiosk.widgets.tones import set_tone


@dataclass(frozen=True)
class Prompt:
    title: str
    detail: str
    letters: str = ""
    """Shown large between the two: the number, or the PIN's dots."""
    closed: bool = False
    """This terminal takes no punch now; `tone` repeats how bad that is."""
    tone: str = "accent"


class PromptCard(Vertical):
    @dataclass
    class Touched(Message):
        """Someone wants to type on the screen."""

    def compose(self) -> ComposeResult:
        yield Line(id="prompt-title")
        yield Lettering(least=2, id="prompt-large", classes="-small")
        yield Lettering(id="prompt-letters", classes="-small")
        yield Line(id="prompt-detail")

    def show(self, prompt: Prompt) -> None:
        self.query_one("#prompt-title", Line).put(prompt.title)
        self.query_one("#prompt-detail", Line).put(prompt.detail)
        self.query_one("#prompt-large", Lettering).text = prompt.title
        self.query_one("#prompt-letters", Lettering).text = prompt.letters
        self.set_class(bool(prompt.letters), "-typing")
        self.set_class(prompt.closed, "-closed")
        set_tone(self, prompt.tone)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Touched())
