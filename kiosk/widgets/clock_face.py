"""The time, large, and the date under it."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical

from kiosk.widgets.lettering import Lettering
from kiosk.widgets.line import Line
from kiosk.words import Words


class ClockFace(Vertical):
    def compose(self) -> ComposeResult:
        yield Lettering(id="time")
        yield Line(id="date")

    def show(self, local: datetime, words: Words, *, certain: bool) -> None:
        """`local` is the site's time; where the hub hasn't confirmed it, the date says so."""
        self.query_one("#time", Lettering).text = f"{local:%H:%M}"
        date = words.long_date(local.date())
        self.query_one("#date", Line).put(date if certain else f"{date} · {words.clock_unknown}")
