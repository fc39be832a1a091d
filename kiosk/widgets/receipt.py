"""What became of a punch, large."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from kiosk.notices import Notice
from kiosk.widgets.lettering import Lettering
from kiosk.widgets.line import Line
from kiosk.widgets.tones import set_tone


class Receipt(Vertical):
    @dataclass
    class Touched(Message):
        """The person has seen it."""

    def compose(self) -> ComposeResult:
        yield Line(id="receipt-name")
        yield Lettering(id="receipt-letters")
        yield Lettering(id="receipt-time")
        yield Line(id="receipt-title")
        yield Line(id="receipt-detail")
        yield Line(id="receipt-badge")
        yield Line(id="receipt-ask")

    def show(self, notice: Notice) -> None:
        set_tone(self, notice.tone)
        self._put("name", notice.name)
        self._put("title", f"{notice.sign} {notice.title}")
        self._put("detail", notice.detail)
        self._put("badge", notice.badge)
        self._put("ask", notice.ask)
        self.query_one("#receipt-letters", Lettering).text = notice.letters or notice.sign
        time = self.query_one("#receipt-time", Lettering)
        time.text = notice.time
        time.display = bool(notice.time)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Touched())

    def _put(self, place: str, text: str) -> None:
        line = self.query_one(f"#receipt-{place}", Line)
        line.put(text)
        line.display = bool(text)
