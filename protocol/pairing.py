"""The pairing code: 80 bits that a person reads aloud or types, and that a scanner types from a QR code.

Sixteen characters of Crockford's base32 (no I, L, O, U), shown in four groups: `7K3M-Q0ZD-4VXR-9H2T`. When it is typed,
case, separators and the letters that look like digits make no difference.
"""

from __future__ import annotations

import re
from typing import Final

CODE_BYTES: Final = 10
CODE_CHARACTERS: Final = 16
SCHEME: Final = "attendance-pair:"
"""What stands before the code in a QR code, so that a scanner's text tells what it is."""
_GROUP: Final = 4
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES: Final = str.maketrans("ILO", "110")
# A scanner that types for another keyboard layout turns `-` and `:` into other characters, but no letter.
_SCHEME_AS_TYPED: Final = re.compile(r"\s*attendance.pair.", re.IGNORECASE)


class NotAPairingCode(ValueError):
    """What was typed can be no pairing code; the message says why, without repeating it."""


def spell_code(data: bytes) -> str:
    """The code of `CODE_BYTES` random bytes, in groups."""
    if len(data) != CODE_BYTES:
        raise ValueError(f"not {CODE_BYTES} bytes")
    number = int.from_bytes(data, "big")
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_CHARACTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, CODE_CHARACTERS, _GROUP))


def bare_code(typed: str) -> str:
    """What was typed as it is compared: without scheme, separators, and whatever stands in no code."""
    letters = (character for character in _without_scheme(typed) if character.isascii() and character.isalnum())
    return "".join(letters).upper().translate(_LOOK_ALIKES)


def read_code(typed: str) -> str:
    """The sixteen characters of a code however it was typed, pasted or scanned. Raises NotAPairingCode."""
    letters = bare_code(typed)
    foreign = any(character.isalnum() and not character.isascii() for character in _without_scheme(typed))
    if foreign or not set(letters) <= set(_ALPHABET):
        raise NotAPairingCode("some of its characters stand in no pairing code")
    if len(letters) != CODE_CHARACTERS:
        raise NotAPairingCode(f"a pairing code has {CODE_CHARACTERS} letters and digits, not {len(letters)}")
    return letters


def _without_scheme(typed: str) -> str:
    scheme = _SCHEME_AS_TYPED.match(typed)
    return typed if scheme is None else typed[scheme.end() :]


def qr_text(code: str) -> str:
    """What the QR code of a pairing code holds: letters that no keyboard layout changes, behind the scheme."""
    return SCHEME + read_code(code)


def in_groups(fingerprint: str) -> str:
    """A fingerprint as people compare it: in groups of four."""
    return " ".join(fingerprint[at : at + _GROUP] for at in range(0, len(fingerprint), _GROUP))
