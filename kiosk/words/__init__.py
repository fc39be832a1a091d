"""Every word that the kiosk shows, in one typed catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.words.catalogue import Why, Words
from kiosk.words.english import ENGLISH
from kiosk.words.spanish import SPANISH
from protocol.values import Language

__all__ = ["WORDS", "Language", "Why", "Words"]

WORDS: Final[Mapping[Language, Words]] = {Language.ES: SPANISH, Language.EN: ENGLISH}
