"""Text from outside made harmless for a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# C0, DEL and C1 (they steer terminals: OSC 52 writes the clipboard); marks, embeddings, overrides and isolates of the
# bidirectional algorithm, which make text read as another; line and paragraph separators; BOM; tag characters.
_STEERING: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)


def plain(text: str) -> str:
    """One line without control, C1, bidi, surrogate or unassigned characters; runs of blanks become one space."""
    kept = _STEERING.sub(" ", text)
    kept = "".join(sign for sign in kept if unicodedata.category(sign) not in {"Cc", "Cs", "Cn", "Co"})
    return " ".join(kept.split())
