"""A fingerprint as two people compare it: short groups, far apart, in the screen's own letters.

Capitals and small letters differ in it, which large letters of half blocks couldn't show.
"""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical

from kiosk.widgets.line import Line
from protocol.pairing import in_groups

_GROUPS_IN_ROW: Final = 4
_ROWS: Final = 3


class FingerprintCard(Vertical):
    def compose(self) -> ComposeResult:
        for row in range(_ROWS):
            yield Line(id=f"fingerprint-{row}", classes="fingerprint")

    def show(self, fingerprint: str) -> None:
        """43 characters of base64url, in three rows of four groups."""
        groups = [" ".join(group) for group in in_groups(fingerprint).split()]
        for row in range(_ROWS):
            of_row = groups[row * _GROUPS_IN_ROW : (row + 1) * _GROUPS_IN_ROW]
            self.query_one(f"#fingerprint-{row}", Line).put("     ".join(of_row))
