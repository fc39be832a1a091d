"""The contract as bytes: each message as it must stand on the wire, in both directions.

A file that changes is a contract that changes: clients in the field read these bytes.
"""

from pathlib import Path
from typing import Final

import pytest

from protocol import codec, signing
from protocol.base import Command, Message
from tests.protocol import samples

GOLDEN: Final = Path(__file__).parent / "golden"


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def test_every_type_has_a_sample_and_every_file_a_type() -> None:
    said = {name.partition("~")[0] for name in samples.COMMANDS}
    heard = {name.partition("~")[0] for name in samples.MESSAGES}
    assert said == set(codec.COMMANDS)
    assert heard == set(codec.MESSAGES)
    files = {path.name.removesuffix(".json") for path in GOLDEN.iterdir()}
    assert files == {"punch", *samples.COMMANDS, *samples.MESSAGES}


@pytest.mark.parametrize(("name", "command"), samples.COMMANDS.items())
def test_a_command_is_its_file(name: str, command: Command) -> None:
    assert codec.encode(command) == golden(name)
    assert codec.decode_command(codec.read_envelope(golden(name).decode())) == command


@pytest.mark.parametrize(("name", "message"), samples.MESSAGES.items())
def test_a_hub_frame_is_its_file(name: str, message: Message) -> None:
    assert codec.join_frame([codec.encode(message)]) == golden(name)
    assert codec.decode_hub_frame(golden(name).decode()) == [message]


def test_a_punch_is_its_file() -> None:
    assert signing.punch_text(samples.A_PUNCH).encode() == golden("punch")
    assert codec.decode_punch(golden("punch").decode()) == samples.A_PUNCH


def test_messages_share_a_frame() -> None:
    messages = list(samples.MESSAGES.values())
    frame = codec.join_frame(map(codec.encode, messages))
    assert codec.decode_hub_frame(frame.decode()) == messages


def test_a_newer_hubs_messages_and_fields_are_passed_over() -> None:
    frame = '[{"type":"presence.forecast","site_id":1},{"type":"device.report.result","re":5,"thanks":true}]'
    assert codec.decode_hub_frame(frame) == [samples.MESSAGES["device.report.result"]]


def test_nullable_fields_may_be_absent_and_unknown_ones_are_ignored() -> None:
    envelope = codec.read_envelope('{"unheard_of":[{}],"id":6,"type":"presence.watch"}')
    assert codec.decode_command(envelope) == codec.COMMANDS["presence.watch"](id=6)
