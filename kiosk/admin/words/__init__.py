"""What the command line says, in the reader's language. The English sentence is the key of its translation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from kiosk.admin.words.spanish_answers import ANSWERS
from kiosk.admin.words.spanish_help import HELP
from kiosk.admin.words.spanish_recognised import RECOGNISED
from protocol.values import Language

SPANISH: Final[Mapping[str, str]] = {**HELP, **ANSWERS}
_GAP: Final = re.compile(r"\\{(\w+)\\}")
_RECOGNISED: Final = [
    (re.compile(_GAP.sub(r"(?P<\1>.*)", re.escape(english)), re.DOTALL), spanish)
    for english, spanish in RECOGNISED.items()
]


class Words:
    """`say("no site is called {name}", name=name)`; a test reads every such call and wants it translated."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, sentence: str, **gaps: object) -> str:
        told = SPANISH.get(sentence, sentence) if self.language is Language.ES else sentence
        return told.format(**gaps) if gaps else told

    def recognised(self, text: str) -> str:
        """A finished sentence of the link's or of argparse, translated where it is a known one."""
        if self.language is Language.ES:
            for pattern, spanish in _RECOGNISED:
                if found := pattern.fullmatch(text):
                    return spanish.format(**found.groupdict())
        return text


ENGLISH: Final = Words(Language.EN)
