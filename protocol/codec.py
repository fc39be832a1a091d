"""Text to messages and back, one typed decoder a direction.

msgspec alone accepts duplicate keys, NUL, 40-digit integers and lone surrogates, about which JSON readers
disagree; `loads` refuses them. What both sides sign must mean one thing only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, NoReturn, TypeVar, get_args

import msgspec

from protocol.base import Command, Message
from protocol.commands import AnyCommand, Punch, PunchRecord
from protocol.errors import Invalid, Malformed, UnknownCommand
from protocol.events import AnyMessage
from protocol.values import MAX_DEPTH, MAX_INTEGER

_ENCODER: Final = msgspec.json.Encoder()
_PLAIN_DECODER: Final = msgspec.json.Decoder()
_MAX_MAGNITUDE: Final = MAX_INTEGER + 1
_DIGITS: Final = len(str(_MAX_MAGNITUDE)) + 1
# The closing quote is optional so that a search never starts again within a string that doesn't end: that would
# take quadratic time.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_AT_PATH: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`\Z")
_S = TypeVar("_S", bound=msgspec.Struct)

COMMANDS: Final[dict[str, type[Command]]] = {
    str(struct.__struct_config__.tag): struct for struct in get_args(AnyCommand)
}
"""Every command by its `type`."""
MESSAGES: Final[dict[str, type[Message]]] = {
    str(struct.__struct_config__.tag): struct for struct in get_args(AnyMessage)
}
"""Everything a hub sends by its `type`."""


class Envelope(NamedTuple):
    """A well-formed client message before anyone asked whether its fields are right."""

    id: int
    type: str
    fields: dict[str, Any]
    command: Command | None = None
    """Where it was read along with the envelope."""


def build_decoders(*kinds: object) -> None:
    """Have msgspec learn now, on the importing thread, what it would learn at the first conversion into each kind.

    msgspec 0.22 keeps that on the class without a lock: two threads that convert first at the same time crash the
    process (segmentation fault). Whoever converts into types of its own on threads calls this at import.
    """
    for kind in kinds:
        msgspec.json.Decoder(kind)


build_decoders(AnyCommand, AnyMessage, Punch)
_RECORD_BEGINS: Final = '{"type":"punch.record",'
_RECORD_DECODER: Final = msgspec.json.Decoder(PunchRecord)
_PUNCH_DECODER: Final = msgspec.json.Decoder(Punch)


def read_envelope(text: str) -> Envelope:
    """Read a client's frame as far as `type` and `id`; raises Malformed."""
    if text.startswith(_RECORD_BEGINS) and (record := _as_we_write_it(text, _RECORD_DECODER)) is not None:
        return Envelope(record.id, "punch.record", {}, record)
    fields = loads(text)
    if not isinstance(fields, dict):
        raise Malformed("not an object")
    id_, type_ = fields.get("id"), fields.get("type")
    if not isinstance(type_, str):
        raise Malformed("`type` is missing or not text")
    if not isinstance(id_, int) or isinstance(id_, bool):
        raise Malformed("`id` is missing or not an integer")
    return Envelope(id_, type_, fields)


class _Head(msgspec.Struct):
    """Of a frame what says whether it may pass at all."""

    id: int
    type: str


_HEAD_DECODER: Final = msgspec.json.Decoder(_Head)


def glance(text: str) -> tuple[int, str] | None:
    """`id` and `type` at a tenth of `read_envelope`'s price, for what will be refused whatever else it says.

    None where it isn't certain that there are both. Not all that this reads is well-formed.
    """
    try:
        head = _HEAD_DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return head.id, head.type


def decode_command(envelope: Envelope) -> Command:
    """Make the command of an envelope; raises UnknownCommand and Invalid."""
    if envelope.command is not None:
        return envelope.command
    struct = COMMANDS.get(envelope.type)
    if struct is None:
        raise UnknownCommand(envelope.type[:64])
    return _convert(envelope.fields, struct, "")


def decode_punch(text: str) -> Punch:
    """Read the signed text inside `punch.record`; raises Invalid, whatever is wrong with it."""
    if (punch := _as_we_write_it(text, _PUNCH_DECODER)) is not None:
        return punch
    try:
        fields = loads(text)
    except Malformed as fault:
        raise Invalid("punch", str(fault)) from None
    if not isinstance(fields, dict):
        raise Invalid("punch", "not an object")
    return _convert(fields, Punch, "punch")


def decode_hub_frame(text: str) -> list[Message]:
    """Read a hub's frame, leaving out messages of a type that only a newer hub knows.

    Raises Malformed and Invalid.
    """
    items = loads(text)
    if not isinstance(items, list) or not items:
        raise Malformed("not an array of messages")
    messages = []
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            raise Malformed("not an object with a `type`")
        if (struct := MESSAGES.get(item["type"])) is not None:
            messages.append(_convert(item, struct, item["type"]))
    return messages


def encode(message: msgspec.Struct) -> bytes:
    """One message as compact JSON: a whole frame of a client, or a part for `join_frame`."""
    return _ENCODER.encode(message)


def join_frame(messages: Iterable[bytes]) -> bytes:
    """Several encoded hub messages as one hub frame."""
    return b"[" + b",".join(messages) + b"]"


def loads(text: str) -> object:
    """Parse JSON strictly; raises Malformed for what protocol.md section 1 names.

    Compact text, which is what machines send, is proven by its round trip: text that encodes to itself
    has no duplicate key, no NaN and no number that a reader could take for another.
    """
    brackets = text.count("{") + text.count("[")
    if brackets <= MAX_DEPTH and "\\u" not in text:
        try:
            value: object = _PLAIN_DECODER.decode(text)
            if _ENCODER.encode(value) == text.encode() and _keeps_integers(value):
                return value
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass  # the slow path names the fault
    if brackets > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise Malformed(f"nested deeper than {MAX_DEPTH}")
    try:
        value = _STRICT.decode(text)
    except Malformed:
        raise
    except json.JSONDecodeError as fault:
        raise Malformed(f"not JSON: {fault.msg} at character {fault.pos}") from None
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    _check_text(value)
    return value


def _as_we_write_it(text: str, decoder: msgspec.json.Decoder[_S]) -> _S | None:
    """What a punch's text says, without the detour by `loads` and a dictionary; None where that has to be taken.

    Text that its own struct encodes to holds the struct's fields and nothing else, each once and in its one spelling.
    """
    if "\\u" in text:
        return None
    try:
        found = decoder.decode(text)
        return found if _ENCODER.encode(found) == text.encode() else None
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _keeps_integers(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_keeps_integers, value.values()))
    if isinstance(value, list):
        return all(map(_keeps_integers, value))
    return not isinstance(value, int) or -_MAX_MAGNITUDE <= value <= _MAX_MAGNITUDE


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("duplicate key")
    return fields


def _integer(digits: str) -> int:
    # The length is looked at first: converting thousands of digits takes quadratic time.
    if len(digits) > _DIGITS or not -_MAX_MAGNITUDE <= (number := int(digits)) <= _MAX_MAGNITUDE:
        raise Malformed("integer beyond ±2^53")
    return number


def _number(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Malformed("number overflows")
    return number


def _constant(word: str) -> NoReturn:
    raise Malformed(f"{word} is not JSON")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _check_text(value: object) -> None:
    # Depth is bounded by MAX_DEPTH before this runs.
    match value:
        case str():
            if "\0" in value:
                raise Malformed("NUL in text")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Malformed("lone surrogate in text") from None
        case dict():
            for key, member in value.items():
                _check_text(key)
                _check_text(member)
        case list():
            for member in value:
                _check_text(member)
        case _:
            pass  # numbers, true, false and null hold no text


def _convert(fields: dict[str, Any], struct: type[_S], prefix: str) -> _S:
    try:
        return msgspec.convert(fields, struct)
    except msgspec.ValidationError as fault:
        problem = str(fault)
        path = inner = ""
        if (found := _AT_PATH.search(problem)) is not None:
            path, problem = found["path"], problem[: found.start()]
        if isinstance(fault.__cause__, Invalid):  # what a struct's own look at its fields found
            inner, problem = fault.__cause__.field, fault.__cause__.problem
        elif (missing := re.search(r"required field `(\w+)`", problem)) is not None:
            inner = missing[1]
        raise Invalid(".".join(part for part in (prefix, path, inner) if part) or "message", problem) from None
