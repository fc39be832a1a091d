"""A QR code in a terminal holds what it should, dark on light, and fits the screen."""

from __future__ import annotations

import re

import pytest
import segno
from rich.cells import cell_len

from kiosk.admin.qr_code import drawn
from protocol.pairing import qr_text

PAIRING = qr_text("7K3M-Q0ZD-4VXR-9H2T")
FACTOR = (
    "otpauth://totp/Attendance:maria.fernandez?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Attendance"
    "&algorithm=SHA1&digits=6&period=30"
)


@pytest.mark.parametrize("text", [PAIRING, FACTOR])
def test_the_drawing_is_the_code_module_by_module_with_a_light_border(text: str) -> None:
    lines = drawn(text)
    assert {re.sub(r"[ ▀▄█]+", "·", line) for line in lines} == {"\x1b[38;5;16;48;5;231m·\x1b[0m"}
    rows: list[list[int]] = []
    for line in lines:
        cells = re.sub(r"\x1b\[[0-9;]*m", "", line)
        rows += [[int(cell in "▀█") for cell in cells], [int(cell in "▄█") for cell in cells]]
    code = [list(row) for row in segno.make_qr(text, error="l").matrix]
    size = len(code)
    inside = [row[2 : 2 + size] for row in rows[2 : 2 + size]]
    assert inside == code
    assert sum(map(sum, rows)) == sum(map(sum, code)), "nothing dark outside"
    assert len(rows[0]) == size + 4


def test_it_fits_the_smallest_terminal_with_the_prompt_under_it() -> None:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in drawn(FACTOR)]
    assert len(lines) < 24
    assert max(map(cell_len, lines)) <= 80
