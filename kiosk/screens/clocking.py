"""The one screen that people use: clock, prompt, receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Center, Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from kiosk.badge_input import BadgeInput, Pace, Unreadable
from kiosk.notices import Happening, Notice, Unread, Waiting, notice
from kiosk.screens.counter import Counter
from kiosk.screens.prompts import prompt
from kiosk.settings import Settings
from kiosk.standing import closed_because, comfort, technical
from kiosk.terminal import Credential, Kind, Link, Terminal, TerminalState
from kiosk.widgets.clock_face import ClockFace
from kiosk.widgets.help_view import HelpView
from kiosk.widgets.hint_bar import Hint, HintBar
from kiosk.widgets.kind_row import KEYS, KindChip, KindRow, beside
from kiosk.widgets.lettering import Lettering
from kiosk.widgets.line import Line
from kiosk.widgets.number_pad import NumberPad
from kiosk.widgets.prompt_card import PromptCard
from kiosk.widgets.receipt import Receipt
from kiosk.widgets.top_bar import LanguageSwitch, TopBar
from kiosk.words import WORDS, Language

MIN_COLUMNS: Final = 80
MIN_LINES: Final = 24
_TICK_SECONDS: Final = 1.0
_SETTLE_SECONDS: Final = 0.15
"""Scans and quick answers are over before this, so what comes in between never flashes on the screen."""


class ClockingScreen(Screen[None]):
    @dataclass
    class ContrastWanted(Message):
        """Someone asked for the next set of colours."""

    def __init__(self, terminal: Terminal, language: Language, settings: Settings) -> None:
        super().__init__()
        self._terminal = terminal
        self._settings = settings
        self.language = language
        self._kind = Kind.AUTO
        self._input = BadgeInput(Pace(settings.reader_gap_ms, settings.reader_pause_ms))
        self._typing_seen = False
        self._happening: Happening | None = None
        self._counter = Counter(terminal, settings.kept_after_seconds, self._tell)
        self._pending: dict[str, Timer] = {}
        self._unsubscribe: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        yield TopBar()
        with ContentSwitcher(initial="idle", id="stage"):
            with Horizontal(id="idle"):
                with Vertical(id="idle-column"):
                    yield ClockFace()
                    with Center(id="card-place"):
                        yield PromptCard()
                    yield Line(id="comfort")
                yield NumberPad()
            yield Receipt(id="receipt")
            yield HelpView(id="help")
        yield KindRow()
        yield HintBar()

    def on_mount(self) -> None:
        self._unsubscribe = self._terminal.subscribe(self._state_changed)
        self.set_interval(_TICK_SECONDS, self._paint_time)
        self._paint()

    def _state_changed(self, _state: TerminalState) -> None:
        # In this screen's own turn: the change comes in the link's, perhaps while the screen is closing.
        self.call_later(self._paint_state)

    def on_unmount(self) -> None:
        self._counter.dismiss()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def on_resize(self, event: events.Resize) -> None:
        size = max(1, min(event.size.width // 40, event.size.height // 12))
        self.set_class(size >= 3, "-roomy")
        self.set_class(size >= 4, "-vast")
        self.set_class(event.size.width < MIN_COLUMNS or event.size.height < MIN_LINES, "-cramped")
        for lettering in self.query(Lettering):
            lettering.size_wanted = max(1, size - 1) if lettering.has_class("-small") else size
        self._paint()

    # What is shown

    def _paint(self) -> None:
        words = WORDS[self.language]
        self._paint_state()
        self._paint_time()
        self._paint_happening()
        self.query_one(KindRow).show(words, self._kind)
        self.query_one(NumberPad).show(words)
        self.query_one(HelpView).show(words)

    def _paint_state(self) -> None:
        state, words = self._terminal.state, WORDS[self.language]
        self.query_one(TopBar).show(state, words, self.language)
        self.query_one("#comfort", Line).put(comfort(state, words))
        cramped = self.has_class("-cramped")
        self.query_one(HintBar).show(words, words.too_small if cramped else technical(state))
        self._paint_prompt()
        self._paint_happening()

    def _paint_prompt(self) -> None:
        state, words = self._terminal.state, WORDS[self.language]
        self.query_one(PromptCard).show(prompt(state, self._input, self._kind, words, typing_seen=self._typing_seen))

    def _paint_time(self) -> None:
        state = self._terminal.state
        local = self._terminal.now().astimezone(self._zone())
        certain = state.clock_known or state.link is Link.CONNECTING
        self.query_one(ClockFace).show(local, WORDS[self.language], certain=certain)

    def _paint_happening(self) -> Notice | None:
        if self._happening is None:
            return None
        state, words = self._terminal.state, WORDS[self.language]
        told = notice(self._happening, words, self._zone(), state.backlog, closed_because(state, words))
        self.query_one(Receipt).show(told)
        return told

    def _zone(self) -> tzinfo | None:
        name = self._terminal.state.time_zone
        try:
            return ZoneInfo(name) if name else None
        except (ZoneInfoNotFoundError, ValueError):
            return None

    def _turn_to(self, view: str) -> None:
        self.query_one("#stage", ContentSwitcher).current = view

    @property
    def _view(self) -> str | None:
        return self.query_one("#stage", ContentSwitcher).current

    def _after(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Do it once, `seconds` from now, unless `name` is set or stopped before."""
        self._stop(name)
        self._pending[name] = self.set_timer(seconds, act)

    def _stop(self, name: str) -> None:
        if (timer := self._pending.pop(name, None)) is not None:
            timer.stop()

    # What people do

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if not self._serve_key(event.key):
            self._press(event.key, event.character, event.time)

    def _serve_key(self, key: str) -> bool:
        """Do what a function key says; whether it was one."""
        match key:
            case "f1":
                helped = self._view == "help"
                self._leave()
                self._turn_to("idle" if helped else "help")
            case "f3":
                self.switch_language()
            case "f4":
                self.post_message(self.ContrastWanted())
            case "left" | "right" if self._input.empty:
                self._choose(beside(self._kind, 1 if key == "right" else -1))
            case _ if key in KEYS:
                self._choose(KEYS[key])
            case _:
                return False
        return True

    def _press(self, key: str, character: str | None, at: float | None) -> None:
        """A key or a touch (`at` None) on its way to a number, a PIN or a badge."""
        entered = self._input.press(key, character, at)
        if self._view == "help":
            self._turn_to("idle")
        if isinstance(entered, Unreadable):
            self._forget()
            self._counter.dismiss()
            self._tell(Unread())
        elif entered is not None:
            self._punch(entered)
        elif self._input.typed and not self._input.number and not self._typing_seen:
            self._after("typing", _SETTLE_SECONDS, self._see_typing)
        elif self._typing_seen or not self._input.empty or key == "escape":
            self._see_typing()
        self._expect_more()

    def _see_typing(self) -> None:
        """Someone types rather than scans: whatever was shown makes room."""
        self._typing_seen = not self._input.empty
        self._leave()
        self._paint_prompt()

    def _expect_more(self) -> None:
        """Half an entry, or a kind chosen and not used, is no trap for the next person."""
        self._stop("forget")
        if not self._input.empty or self._kind is not Kind.AUTO or self.has_class("-pad"):
            self._after("forget", self._settings.entry_seconds, self._forget)

    def _forget(self) -> None:
        self._stop("typing")
        self._input.clear()
        self._typing_seen = False
        self.remove_class("-pad")
        self._choose(Kind.AUTO)

    def _choose(self, kind: Kind) -> None:
        self._kind = kind
        self.query_one(KindRow).show(WORDS[self.language], kind)
        self._paint_prompt()
        self._expect_more()

    def _punch(self, credential: Credential) -> None:
        kind = self._kind
        self._forget()
        self.run_worker(self._counter.serve(credential, kind))

    def _tell(self, happening: Happening) -> None:
        """Show a step of the last punch: a wait only once it lasts, all else at once and for a while."""
        self._happening = happening
        self._stop("wait")
        self._stop("leave")
        if isinstance(happening, Waiting):
            self._after("wait", _SETTLE_SECONDS, self._show_happening)
        else:
            self._show_happening()

    def _show_happening(self) -> None:
        told = self._paint_happening()
        self._turn_to("receipt")
        if told is not None and not isinstance(self._happening, Waiting):
            seconds = self._settings.reading_seconds if told.to_be_read else self._settings.receipt_seconds
            self._after("leave", seconds, self._leave)

    def _leave(self) -> None:
        """Back to the clock; what becomes of the last punch is told no more."""
        self._stop("wait")
        self._stop("leave")
        self._counter.dismiss()
        self._happening = None
        self._turn_to("idle")

    def switch_language(self) -> None:
        self.speak(Language.EN if self.language is Language.ES else Language.ES)

    def speak(self, language: Language) -> None:
        self.language = language
        self._paint()

    @on(LanguageSwitch.Touched)
    def _language_touched(self) -> None:
        self.switch_language()

    @on(KindChip.Touched)
    def _kind_touched(self, message: KindChip.Touched) -> None:
        self._choose(message.kind)

    @on(Hint.Touched)
    def _hint_touched(self, message: Hint.Touched) -> None:
        self._serve_key(message.key)

    @on(PromptCard.Touched)
    def _prompt_touched(self) -> None:
        if closed_because(self._terminal.state, WORDS[self.language]) is None:
            self.add_class("-pad")
            self._expect_more()

    @on(NumberPad.Touched)
    def _pad_touched(self, message: NumberPad.Touched) -> None:
        self._press(message.key, message.key if message.key.isdigit() else None, None)

    @on(NumberPad.Closed)
    def _pad_closed(self) -> None:
        self._forget()

    @on(Receipt.Touched)
    def _receipt_touched(self) -> None:
        if not isinstance(self._happening, Waiting):
            self._leave()
