"""What keys mean while a terminal asks for its pairing code. No clock and no screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.pairing import CODE_CHARACTERS, bare_code

MAX_CHARACTERS: Final = 100
GROUP: Final = 4
EMPTY: Final = "_"


@dataclass
class CodeInput:
    """Collects what is typed, pasted or scanned, as it is."""

    typed: str = ""

    def press(self, key: str, character: str | None) -> bool:
        """Take one key; whether it was Enter, behind something."""
        if key in {"enter", "ctrl+j", "ctrl+m", "return"}:
            return bool(self.typed.strip())
        if key in {"backspace", "delete"}:
            self.typed = self.typed[:-1]
        elif key == "escape":
            self.typed = ""
        elif character is not None and len(character) == 1 and character.isprintable():
            self.add(character)
        return False

    def add(self, text: str) -> None:
        """A pasted text, of which no more is kept than a code can need."""
        self.typed = (self.typed + text)[:MAX_CHARACTERS]

    def rows(self) -> tuple[str, str]:
        """The code so far in two rows of two groups, with a dash for each place that is free."""
        letters = "" if _is_scheme(self.typed) else bare_code(self.typed)[:CODE_CHARACTERS]
        places = letters.ljust(CODE_CHARACTERS, EMPTY)
        groups = [places[at : at + GROUP] for at in range(0, CODE_CHARACTERS, GROUP)]
        return " ".join(groups[:2]), " ".join(groups[2:])


def _is_scheme(typed: str) -> bool:
    """Whether this is what stands before the code in a QR code, or the beginning of it, which is nothing to show."""
    start = typed.strip().lower()
    return len(start) > 2 and "attendance-pair:".startswith(start)
