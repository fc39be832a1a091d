"""Text as it is: the one widget that shows words, with markup off, so that no name can bear any."""

from __future__ import annotations

from textual.widgets import Static


class Line(Static):
    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(text, id=id, classes=classes, markup=False)
        self._text = text

    @property
    def text(self) -> str:
        return self._text

    def put(self, text: str) -> None:
        """Nothing is laid out again where nothing changed."""
        if text != self._text:
            self._text = text
            self.update(text)
