"""The kiosk's app: one screen at a time, its colours, and no way out unless it was started with one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType

from kiosk.screens.clocking import ClockingScreen
from kiosk.screens.pairing import PairingScreen
from kiosk.settings import Settings
from kiosk.terminal import Enrolment, Terminal, TerminalState
from kiosk.themes import THEMES, TOKENS
from kiosk.words import Language

_ORDER: Final = tuple(TOKENS)
_log: Final = logging.getLogger(__name__)


def _is_new(state: TerminalState) -> bool:
    """Whether a terminal isn't enrolled, or waits with a fingerprint that somebody is to compare."""
    return state.enrolment is Enrolment.NONE or (state.enrolment is Enrolment.PENDING and state.fingerprint is not None)


class KioskApp(App[None], inherit_bindings=False):
    """Shows `terminal`, which the caller starts and stops: how it is paired until it works, then where people clock.

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
        self._terminal = terminal
        self._settings = settings or Settings()
        self._clocking = ClockingScreen(terminal, Language(lang), self._settings)
        self._unsubscribe: Callable[[], None] | None = None
        self._allow_quit = allow_quit
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme

    def get_default_screen(self) -> ClockingScreen:
        return self._clocking

    def on_mount(self) -> None:
        self._unsubscribe = self._terminal.subscribe(self._state_changed)
        self._follow()

    def on_unmount(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _state_changed(self, _state: TerminalState) -> None:
        self.call_later(self._follow)

    def _follow(self) -> None:
        """A terminal that isn't enrolled, or waits for its confirmation, shows what there is to do about it."""
        if self.screen is self._clocking and _is_new(self._terminal.state):
            self.push_screen(PairingScreen(self._terminal, self._clocking.language, self._settings))

    @on(PairingScreen.Done)
    def _paired(self) -> None:
        if isinstance(self.screen, PairingScreen):
            self._clocking.speak(self.screen.language)
            self.pop_screen()

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
    @on(PairingScreen.ContrastWanted)
    def _next_theme(self) -> None:
        self.theme = _ORDER[(_ORDER.index(self.theme) + 1) % len(_ORDER)]
