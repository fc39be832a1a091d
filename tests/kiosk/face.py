"""What a person sees of the running app: the cells as they are drawn, and the texts of the large letters."""

from __future__ import annotations

from textual.pilot import Pilot

from kiosk.app import KioskApp
from kiosk.settings import Settings
from kiosk.terminal import Terminal
from kiosk.widgets.lettering import Lettering

BADGE = "04A2B7C19D5E80"
BRIEF = Settings(receipt_seconds=0.6, reading_seconds=1.2, kept_after_seconds=0.3, entry_seconds=1.0)
"""Times short enough for a test and long enough for a busy machine to look in between."""
LASTING = Settings(receipt_seconds=60, reading_seconds=60, kept_after_seconds=60, entry_seconds=60)
"""Nothing goes by itself."""


def kiosk(terminal: Terminal, lang: str = "es", *, settings: Settings = LASTING, allow_quit: bool = False) -> KioskApp:
    return KioskApp(terminal, lang, settings=settings, allow_quit=allow_quit)


def cells(pilot: Pilot[None]) -> str:
    """The screen's lines of text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def letters(pilot: Pilot[None]) -> list[str]:
    """The texts that are drawn large now, from the top."""
    return [large.text for large in pilot.app.screen.query(Lettering) if large.text and _visible(large)]


def _visible(widget: Lettering) -> bool:
    return (
        all(node.display for node in (widget, *widget.ancestors) if hasattr(node, "display")) and widget.size.area > 0
    )


async def scan(pilot: Pilot[None], badge: str = BADGE) -> None:
    """As a badge reader does: characters, then Enter."""
    await pilot.press(*badge, "enter")
    await pilot.pause()


async def until(pilot: Pilot[None], text: str, seconds: float = 5.0) -> str:
    """Wait until `text` is on the screen; the screen then."""
    for _ in range(int(seconds / 0.05)):
        if text in cells(pilot) or text in letters(pilot):
            return cells(pilot)
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} is not on the screen:\n{cells(pilot)}")
