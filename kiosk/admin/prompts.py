"""What is asked of a person at a terminal, or read from standard input: secrets, and a yes."""

from __future__ import annotations

import getpass
import signal
import sys
from collections.abc import Callable
from typing import Final

from kiosk.admin.faults import AdminFault, UsageFault
from kiosk.admin.words import Words
from kiosk.plain_text import plain

_LONGEST_LINE: Final = 4_096
"""Characters of a line of standard input; no secret is that long."""


class Prompts:
    """Every prompt goes to the terminal or to standard error, never to standard output."""

    def __init__(self, say: Words) -> None:
        self.say = say

    @property
    def is_terminal(self) -> bool:
        """Whether someone can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def secret(self, prompt: str, *, from_stdin: bool, option: str) -> str:
        """One line of standard input, or asked for on the terminal without showing it. Raises UsageFault."""
        if from_stdin:
            secret = _line()
        elif self.is_terminal:
            secret = _attended(lambda: getpass.getpass(f"{prompt}: ", stream=sys.stderr))
        else:
            raise UsageFault("standard input is no terminal: use {option}", option=option)
        if not secret:
            raise UsageFault("nothing was entered")
        return secret

    def new_secret(self, prompt: str, *, from_stdin: bool, option: str) -> str:
        """As `secret`; on a terminal it is asked for twice."""
        secret = self.secret(prompt, from_stdin=from_stdin, option=option)
        if not from_stdin and secret != self.secret(self.say("once more"), from_stdin=False, option=option):
            raise UsageFault("the two entries differ")
        return secret

    def answer(self, question: str) -> str:
        """A line that may be seen. Raises UsageFault where nobody can be asked."""
        if not self.is_terminal:
            raise UsageFault("standard input is no terminal")
        return _attended(lambda: _seen(question))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only with a yes. Raises AdminFault where it was no, UsageFault where nobody can be asked."""
        if yes:
            return
        self.check_someone_is_there()
        said = self.answer(f"{plain(question)} [{self.say('y/N')}] ").strip().casefold()
        if said not in {self.say("y"), self.say("yes")}:
            raise AdminFault("nothing was done")

    def remark(self, text: str) -> None:
        """What one should know before it goes on."""
        sys.stderr.write(f"{plain(text)}\n")

    def check_someone_is_there(self) -> None:
        """Raises UsageFault where a question can't be asked."""
        if not self.is_terminal:
            raise UsageFault("this can't be undone: say --yes where no terminal can be asked")


def _line() -> str:
    line = sys.stdin.readline(_LONGEST_LINE)
    return line.rstrip("\r\n")


def _seen(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _attended(ask: Callable[[], str]) -> str:
    # The loop's own handler of Ctrl-C would wait for a loop that waits for this line.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return ask()
    except EOFError:
        sys.stderr.write("\n")
        return ""
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise
    finally:
        signal.signal(signal.SIGINT, handler)
