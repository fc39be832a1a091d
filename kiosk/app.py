"""The kiosk's app: one screen, its colours, and no way out unless it was started with one."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType

from kiosk.screens.clocking import ClockingScreen
from kiosk.settings import Settings
from kiosk.terminal import Terminal
from kiosk.themes import THEMES, TOKENS
from kiosk.words import Language

_ORDER: Final = tuple(TOKENS)
_log: Final = logging.getLogger(__name__)


class KioskApp(App[None], inherit_bindings=False):
    """Shows `terminal`, which the caller starts and stops.

    `theme` is one of `kiosk.themes.TOKENS`. With `allow_quit` Ctrl-C and Ctrl-Q end the app; else no key does.
    """

    TITLE = "Attendance"
    CSS_PATH = "kiosk.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        # Taken before any widget sees them, so that no key of the framework's own stands behind.
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        terminal: Terminal,
        lang: str = "es",
        *,
        theme: str = "dark",
        allow_quit: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self._clocking = ClockingScreen(terminal, Language(lang), settings or Settings())
        self._allow_quit = allow_quit
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme

    def get_default_screen(self) -> ClockingScreen:
        return self._clocking

    def action_leave(self) -> None:
        if self._allow_quit:
            self.exit()

    def _fatal_error(self) -> None:
        """Log the failure and end with return code 1.

        The framework's own way prints every frame's variables to the screen, a typed PIN among them.
        """
        _log.critical("the app failed", exc_info=self._exception)
        self._close_messages_no_wait()

    @on(ClockingScreen.ContrastWanted)
    def _next_theme(self) -> None:
        self.theme = _ORDER[(_ORDER.index(self.theme) + 1) % len(_ORDER)]
