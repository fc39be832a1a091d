"""Malformed frames on the real `/ws`: the close code that RFC 6455 section 7.4.1 and the contract name for each.

Said before `auth`, where a stranger can say it; the frame layer is the same one behind the welcome.
"""

import asyncio

import pytest

from tests.conformance.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closing, frame, upgraded
from tests.contract.connection import SUBPROTOCOL
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

PROTOCOL_ERROR, INVALID_TEXT, TOO_BIG, NORMAL = 1002, 1007, 1009, 1000
HALF_A_SIGN = "ñ".encode()[:1]

CASES = {
    "a reserved bit (RSV1)": (PROTOCOL_ERROR, [frame(TEXT, b"{}", reserved=4)]),
    "a reserved bit (RSV2)": (PROTOCOL_ERROR, [frame(TEXT, b"{}", reserved=2)]),
    "a reserved bit (RSV3)": (PROTOCOL_ERROR, [frame(PING, reserved=1)]),
    "a reserved opcode for data": (PROTOCOL_ERROR, [frame(0x3, b"{}")]),
    "a reserved opcode for control": (PROTOCOL_ERROR, [frame(0xB)]),
    "a ping of 126 bytes": (PROTOCOL_ERROR, [frame(PING, b"a" * 126)]),
    "a ping in fragments": (PROTOCOL_ERROR, [frame(PING, b"a", final=False)]),
    "a pong in fragments": (PROTOCOL_ERROR, [frame(PONG, b"a", final=False)]),
    "a continuation of nothing": (PROTOCOL_ERROR, [frame(CONTINUATION, b"{}")]),
    "a message amid another": (PROTOCOL_ERROR, [frame(TEXT, b"{", final=False), frame(TEXT, b"}")]),
    "a binary one amid a text": (PROTOCOL_ERROR, [frame(TEXT, b"{", final=False), frame(BINARY, b"}")]),
    "a close of one byte": (PROTOCOL_ERROR, [frame(CLOSE, b"\x03")]),
    "a close code below all": (PROTOCOL_ERROR, [closing(999)]),
    "a close code that is reserved": (PROTOCOL_ERROR, [closing(1005)]),
    "a close code of nobody's": (PROTOCOL_ERROR, [closing(2999)]),
    "a close of 126 bytes": (PROTOCOL_ERROR, [closing(1000, b"a" * 124)]),
    "a close whose reason is no UTF-8": (INVALID_TEXT, [closing(1000, b"\xff")]),
    "a text that is no UTF-8": (INVALID_TEXT, [frame(TEXT, b"\xff\xfe")]),
    "a text that ends amid a sign": (INVALID_TEXT, [frame(TEXT, b'{"a":"' + HALF_A_SIGN)]),
    "fragments that end amid a sign": (
        INVALID_TEXT,
        [frame(TEXT, b"{", final=False), frame(CONTINUATION, HALF_A_SIGN)],
    ),
    "a surrogate in UTF-8": (INVALID_TEXT, [frame(TEXT, b"\xed\xa0\x80")]),
    "an overlong form": (INVALID_TEXT, [frame(TEXT, b"\xc0\xaf")]),
    "65,536 bytes": (TOO_BIG, [frame(TEXT, b"a" * 65_536)]),
    "65,536 bytes in fragments": (
        TOO_BIG,
        [frame(TEXT, b"a" * 40_000, final=False), frame(CONTINUATION, b"a" * 25_536)],
    ),
    "a length of 2⁶³ − 1, announced": (TOO_BIG, [frame(TEXT, b"a" * 100, said_length=2**63 - 1)]),
    "a close in order": (NORMAL, [closing(1000, "adiós".encode())]),
}


@pytest.mark.parametrize(("code", "frames"), CASES.values(), ids=list(CASES))
async def test_a_malformed_frame_is_answered_with_its_close_code(
    demo: RunningDemo, code: int, frames: list[bytes]
) -> None:
    async with upgraded(demo.ws_url, SUBPROTOCOL) as bare:
        bare.writer.writelines(frames)
        assert await bare.close_code() == code


async def test_pings_are_answered_amid_fragments_and_whatever_is_malformed_ends_its_own_connection_alone(
    demo: RunningDemo,
) -> None:
    async with upgraded(demo.ws_url, SUBPROTOCOL) as good:
        good.writer.write(frame(TEXT, b"{", final=False))
        for _, frames in CASES.values():
            async with upgraded(demo.ws_url, SUBPROTOCOL) as bad:
                bad.writer.writelines(frames)
        good.writer.write(frame(PING, b"still here?") + frame(PONG, b"unasked"))
        assert await good.read() == (PONG, b"still here?")
        await asyncio.sleep(0)
