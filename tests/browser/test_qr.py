"""The page's QR codes, module for module, beside a second encoder's."""

import random

import pytest
import segno
from playwright.async_api import Browser
from segno import encoder

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# What each version of level M holds in bytes (ISO/IEC 18004, table 7): at its rim a code has no padding at all.
RIMS = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412)
DRAW = """async (texts) => {
  const { qrModules } = await import("/static/office/qr.js");
  return texts.map((text) => qrModules(text).map((row) => row.map(Number)));
}"""
TOO_LONG = """async () => {
  const { qrModules } = await import("/static/office/qr.js");
  qrModules("x".repeat(2331));
  try { qrModules("x".repeat(2332)); } catch (problem) { return problem.name; }
}"""
FORMAT_MASK = 0x5412


def mask_of(modules: list[list[int]]) -> int:
    """The mask that a code says it has: the three lowest data bits of its format, in row 8 from the left."""
    bits = 0
    for column in (0, 1, 2, 3, 4, 5, 7, 8):
        bits = bits << 1 | modules[8][column]
    return (bits ^ FORMAT_MASK >> 7) >> 3 & 0b111


def texts() -> list[str]:
    chance = random.Random(18004)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    uris = [
        f"otpauth://totp/Asistencia:{chance.choice('añö€')}{number}?secret={''.join(chance.choices(letters, k=32))}"
        for number in range(8)
    ]
    lengths = sorted({1, 2, *RIMS, *(rim + 1 for rim in RIMS), *chance.sample(range(420, 2331), 4), 2331})
    return [*uris, "attendance-pair:7K3MQ0ZD4VXR9H2T", *("".join(chance.choices(letters, k=size)) for size in lengths)]


async def test_a_code_is_the_one_that_another_encoder_draws(
    browser: Browser, modules_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # segno pads a stream that ends on a byte with a whole byte of zeros; the standard (7.4.10) with nothing.
    monkeypatch.setattr(encoder, "write_padding_bits", lambda buff, _, length: buff.extend([0] * (-length % 8)))
    page = await browser.new_page()
    await page.goto(modules_url)
    drawn = await page.evaluate(DRAW, texts())
    assert await page.evaluate(TOO_LONG) == "RangeError"
    await page.close()
    for text, modules in zip(texts(), drawn, strict=True):
        # Which mask reads best is a matter of taste: that each says its own and bears it is not.
        other = segno.make(text.encode(), mode="byte", error="m", boost_error=False, micro=False, mask=mask_of(modules))
        assert modules == [list(row) for row in other.matrix], text
