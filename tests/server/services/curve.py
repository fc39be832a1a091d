"""Ed25519 (RFC 8032, section 5.1) by the book: slow, and able to make what no honest signer makes."""

import hashlib
from typing import Final

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, P) % P
_ROOT: Final = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
NEUTRAL: Final[Point] = (0, 1)


def point_at(y: int, sign: int = 0) -> Point | None:
    """The point of this `y`, where there is one."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P:
        return None
    return (P - x if x % 2 != sign else x), y


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = _D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + both, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - both, -1, P) % P,
    )


def times(factor: int, point: Point) -> Point:
    result = NEUTRAL
    while factor:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER


def scalar(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _base() -> Point:
    point = point_at(4 * pow(5, -1, P) % P)
    assert point is not None
    return point


def _eighth() -> Point:
    """A point of order 8: what is left of any point when its part of the large order is taken out."""
    for y in range(2, 100):
        point = point_at(y)
        if point is not None and times(4, small := times(ORDER, point)) != NEUTRAL:
            return small
    raise AssertionError("every third point has one")


BASE: Final = _base()
SMALL: Final = [times(turn, _eighth()) for turn in range(8)]
"""The eight points of small order; the first is the neutral one."""
