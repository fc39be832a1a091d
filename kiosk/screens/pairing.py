"""What a terminal shows until it works: asking for its pairing code, then its fingerprint, then that it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Center, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from kiosk.code_input import CodeInput
from kiosk.harmless import harmless
from kiosk.settings import Settings
from kiosk.standing import technical
from kiosk.terminal import Enrolment, Link, PairingFailed, Terminal, TerminalState
from kiosk.widgets.fingerprint import FingerprintCard
from kiosk.widgets.hint_bar import Hint, HintBar
from kiosk.widgets.lettering import Lettering
from kiosk.widgets.line import Line
from kiosk.widgets.top_bar import LanguageSwitch, TopBar
from kiosk.words import WORDS, Language


class PairingScreen(Screen[None]):
    @dataclass
    class ContrastWanted(Message):
        """Someone asked for the next set of colours."""

    @dataclass
    class Done(Message):
        """The terminal works, and who stood before it has seen so."""

    def __init__(self, terminal: Terminal, language: Language, settings: Settings) -> None:
        super().__init__()
        self._terminal = terminal
        self._settings = settings
        self.language = language
        self._input = CodeInput()
        self._sending = False
        self._failed: PairingFailed | None = None
        self._leaving = False
        self._unsubscribe: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        yield TopBar()
        with ContentSwitcher(initial="pair-code", id="stage"):
            with Vertical(id="pair-code", classes="pair"):
                yield Line(id="pair-title")
                yield Line(id="pair-how")
                yield Lettering(id="pair-first", classes="pair-letters")
                yield Lettering(id="pair-second", classes="pair-letters")
                yield Line(id="pair-why")
                yield Line(id="pair-ask")
            with Vertical(id="pair-wait", classes="pair"):
                yield Line(id="wait-title")
                yield Line(id="wait-how")
                with Center():
                    yield FingerprintCard()
                yield Line(id="wait-link")
            with Vertical(id="pair-ready", classes="pair"):
                yield Lettering(id="ready-sign")
                yield Line(id="ready-site")
                yield Line(id="ready-word")
        yield HintBar()

    def on_mount(self) -> None:
        self._unsubscribe = self._terminal.subscribe(self._state_changed)
        self._paint()

    def on_unmount(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _state_changed(self, _state: TerminalState) -> None:
        # In this screen's own turn: the change comes in the link's, perhaps while the screen is closing.
        self.call_later(self._paint)

    def on_resize(self, event: events.Resize) -> None:
        size = max(1, min(event.size.width // 50, event.size.height // 14))
        self.set_class(size >= 2, "-roomy")
        for lettering in self.query(Lettering):
            lettering.size_wanted = size
        self._paint()

    # What is shown

    def _paint(self) -> None:
        state, words = self._terminal.state, WORDS[self.language]
        self.query_one(TopBar).show(state, words, self.language)
        self.query_one(HintBar).show(words, self._remark(state))
        match state.enrolment:
            case Enrolment.NONE:
                self._turn_to("pair-code")
                self._paint_code()
            case Enrolment.PENDING:
                self._turn_to("pair-wait")
                self._put("wait-title", f"? {words.pair_waiting}")
                self._put("wait-how", words.pair_compare)
                self.query_one(FingerprintCard).show(state.fingerprint or "")
                self._put("wait-link", f"○ {words.pair_no_hub}" if state.link is Link.OFFLINE else "")
            case Enrolment.ACTIVE | Enrolment.REVOKED:
                self._turn_to("pair-ready")
                self.query_one("#ready-sign", Lettering).text = "✓"
                self._put("ready-site", harmless(state.site_name or ""))
                self._put("ready-word", words.pair_ready)
                self._leave_soon(revoked=state.enrolment is Enrolment.REVOKED)

    def _paint_code(self) -> None:
        words = WORDS[self.language]
        self._put("pair-title", words.blocked_not_enrolled.why)
        self._put("pair-how", words.pair_how)
        first, second = self._input.rows()
        self.query_one("#pair-first", Lettering).text = first
        self.query_one("#pair-second", Lettering).text = second
        why, ask = "", words.pair_enter
        if self._sending:
            why, ask = f"… {words.wait}", ""
        elif self._failed is not None:
            trouble = words.pair_troubles.get(self._failed.trouble, words.pair_trouble_otherwise)
            why, ask = f"✕ {trouble.why}", trouble.ask
        self._put("pair-why", why)
        self._put("pair-ask", ask)
        self.set_class(self._failed is not None and not self._sending, "-failed")

    def _remark(self, state: TerminalState) -> str:
        if state.enrolment is Enrolment.NONE:
            return harmless(self._failed.detail) if self._failed is not None else ""
        return technical(state)

    def _put(self, place: str, text: str) -> None:
        self.query_one(f"#{place}", Line).put(text)

    def _turn_to(self, view: str) -> None:
        self.query_one("#stage", ContentSwitcher).current = view

    def _leave_soon(self, *, revoked: bool) -> None:
        if not self._leaving:
            self._leaving = True
            self.set_timer(0.01 if revoked else self._settings.receipt_seconds, lambda: self.post_message(self.Done()))

    # What people do

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        match event.key:
            case "f3":
                self.switch_language()
            case "f4":
                self.post_message(self.ContrastWanted())
            case _ if not self._takes_code:
                pass
            case key:
                self._failed = None
                if self._input.press(key, event.character):
                    self._send()
                self._paint()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self._takes_code:
            self._failed = None
            self._input.add(event.text.strip())
            self._paint()

    @property
    def _takes_code(self) -> bool:
        return self._terminal.state.enrolment is Enrolment.NONE and not self._sending

    def _send(self) -> None:
        self._sending = True
        self.run_worker(self._pair(self._input.typed))

    async def _pair(self, typed: str) -> None:
        try:
            await self._terminal.pair(typed)
        except PairingFailed as failed:
            self._failed = failed
        finally:
            self._input = CodeInput()
            self._sending = False
        self._paint()

    def switch_language(self) -> None:
        self.language = Language.EN if self.language is Language.ES else Language.ES
        self._paint()

    @on(LanguageSwitch.Touched)
    def _language_touched(self) -> None:
        self.switch_language()

    @on(Hint.Touched)
    def _hint_touched(self, message: Hint.Touched) -> None:
        if message.key == "f4":
            self.post_message(self.ContrastWanted())
