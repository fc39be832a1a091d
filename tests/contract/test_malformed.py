"""Section 1: what is no message at all, on the wire and inside a punch string."""

import asyncio
import json

import pytest

from tests.contract.connection import Connection, an_error, connect
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message
from tests.contract.punching import recorded, turned_away
from tests.contract.tokens import assertion
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

UNDAMAGED = '{"type":"no.such","id":%d%s}'
"""A frame that is well-formed but for what is put in the place of `%s`."""


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


BROKEN_FIELDS = {
    "duplicate key": ',"a":1,"a":1',
    "duplicate key, escaped": ',"a":1,"\\u0061":1',
    "duplicate key, nested": ',"a":[{"b":{"c":1,"d":2,"c":1}}]',
    "duplicate id": ',"id":7',
    "duplicate type": ',"type":"no.such"',
    "NaN": ',"a":NaN',
    "Infinity": ',"a":[Infinity]',
    "-Infinity": ',"a":-Infinity',
    "overflowing number": ',"a":1e999',
    "overflowing negative number": ',"a":{"b":-1E400}',
    "high surrogate": ',"a":"\\ud800"',
    "low surrogate": ',"a":"x\\udfff"',
    "surrogates in the wrong order": ',"a":"\\udc00\\ud800"',
    "surrogate in a key": ',"\\ud800":1',
    "NUL": ',"a":"\\u0000"',
    "NUL in a key": ',"a\\u0000":1',
    "NUL, raw": ',"a":"\0"',
    "nesting 33": f',"a":{nested(32)}',
    "nesting 33, objects": ',"a":' + '{"a":' * 32 + "1" + "}" * 32,
    "nesting without end": f',"a":{"[" * 30_000}',
    "nesting 10000": f',"a":{nested(10_000)}',
    "integer 2^53+1": ',"a":9007199254740993',
    "integer -(2^53+1)": ',"a":[-9007199254740993]',
    "integer of 40 digits": ',"a":' + "1" * 40,
    "integer of 5000 digits": ',"a":' + "1" * 5000,
    "trailing comma": ',"a":1,',
    "single quotes": ",'a':1",
    "leading zero": ',"a":01',
    "control character in a string": ',"a":"\n"',
    "comment": "/**/",
}

NOT_A_MESSAGE = {
    "empty": "",
    "spaces": "   ",
    "no JSON": "hello",
    "array": '[{"type":"no.such","id":%d}]',
    "string": '"no.such"',
    "number": "1",
    "null": "null",
    "true": "true",
    "cut short": '{"type":"no.such","id":%d',
    "two objects": '{"type":"no.such","id":%d}{"type":"no.such","id":9}',
    "no type": '{"id":%d}',
    "no id": '{"type":"no.such"}',
    "type null": '{"type":null,"id":%d}',
    "type a number": '{"type":1,"id":%d}',
    "type a list": '{"type":["no.such"],"id":%d}',
    "id null": '{"type":"no.such","id":null}',
    "id a string": '{"type":"no.such","id":"%d"}',
    "id a float": '{"type":"no.such","id":%d.5}',
    "id true": '{"type":"no.such","id":true}',
    "id a list": '{"type":"no.such","id":[%d]}',
    "id beyond 2^53": '{"type":"no.such","id":9007199254740993}',
    "lone surrogate as type": '{"type":"\\udead","id":%d}',
}

MALFORMED = NOT_A_MESSAGE | {name: UNDAMAGED.replace("%s", text) for name, text in BROKEN_FIELDS.items()}


def with_id(template: str, id_: int) -> str:
    return template.replace("%d", str(id_))


FINE_FIELDS = {
    "unknown fields": ',"a":{"b":[1,2.5,null,true,"x"]},"c":null',
    "nesting 32": f',"a":{nested(31)}',
    "brackets in a string": f',"a":"{"[" * 100}"',
    "integer 2^53": ',"a":[9007199254740992,-9007199254740992]',
    "surrogate pair": ',"a":"\\ud83d\\ude00"',
    "a backslash before u0000": ',"a":"\\\\u0000 \\\\ud800"',
    "white space": ' , "a" : 1\n\r\t ',
    "text beyond ASCII": ',"a":"Ñandú 👋 \u2028 \x7f"',
}


async def answer_to(connection: Connection, text: str, id_: int) -> Message:
    answer = connection.expect(id_)
    await connection.send_text(text)
    return await asyncio.wait_for(answer, 10)


async def orphan_after(connection: Connection, text: str) -> Message:
    """The error with `re: null` that `text` must bring."""
    before = len(connection.orphans())
    await connection.send_text(text)
    await connection.wait_for(lambda: len(connection.orphans()) > before)
    return an_error(connection.orphans()[-1])


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_leaves_the_id_and_the_connection(kiosk: Connection, name: str) -> None:
    id_ = kiosk.next_id()
    error = await orphan_after(kiosk, with_id(MALFORMED[name], id_))
    assert error["code"] == "malformed"
    assert not error["retry"]
    answer = await answer_to(kiosk, with_id(UNDAMAGED, id_).replace("%s", ""), id_)
    assert answer["code"] == "unknown_command", "the id is still free"


@pytest.mark.parametrize("name", FINE_FIELDS)
async def test_well_formed_is_not_malformed(kiosk: Connection, name: str) -> None:
    id_ = kiosk.next_id()
    answer = await answer_to(kiosk, with_id(UNDAMAGED, id_).replace("%s", FINE_FIELDS[name]), id_)
    assert answer["code"] == "unknown_command"
    assert not kiosk.orphans()


async def test_the_fifth_malformed_frame_ends_the_connection(kiosk: Connection, admin: Connection) -> None:
    for connection in (kiosk, admin):
        for turn in range(4):
            await orphan_after(connection, "{")
            assert (await connection.ask("no.such"))["code"] == "unknown_command", turn
        await connection.send_text("[]")
        assert await connection.closed() == 3501


async def test_faults_of_content_are_not_counted(kiosk: Connection) -> None:
    for _ in range(8):
        assert (await kiosk.refusal("no.such"))["code"] == "unknown_command"
        assert (await kiosk.refusal("punch.record"))["code"] == "invalid"
    assert kiosk.close_code is None


@pytest.mark.parametrize(
    ("text", "re"),
    [
        ('{"type":"time.sync","id":1,"t0":"2026-01-01T00:00:00.000000Z"}', 1),
        ('{"type":"no.such","id":5}', 5),
        ("{", None),
        ('{"type":"auth"}', None),
        ('{"type":"auth","id":1}', 1),
        ('{"type":"auth","id":1,"token":7}', 1),
        ('{"type":"auth","id":1,"token":"x"}', 1),
    ],
)
async def test_before_welcome_every_fault_is_the_end(demo: RunningDemo, text: str, re: int | None) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.send_text(text)
        assert await connection.closed() == 3500
        (error,) = connection.of_type("error")
        assert error["re"] == re
        # The page names `unauthenticated` for what had an id; what had none may as well be called what it is.
        assert error["code"] in ({"unauthenticated"} if re else {"unauthenticated", "malformed"})


PUNCH_FAULTS = {
    name: text
    for name, text in BROKEN_FIELDS.items()
    if name not in {"duplicate id", "duplicate type", "nesting without end", "nesting 10000", "NUL, raw"}
}


@pytest.mark.parametrize("name", PUNCH_FAULTS)
async def test_a_punch_string_has_the_same_grammar(
    kiosk: Connection, journal: Journal, bystander: Employee, name: str
) -> None:
    """A fault in it is `invalid`, however often: it isn't counted and leaves the journal as it was."""
    whole = journal.punch(badge(bystander), append=False)
    sealed = journal.sealing_key.seal(b"x", b"x")
    text = whole.text[:-1] + PUNCH_FAULTS[name] + "}"
    for _ in range(6):
        error = await turned_away(kiosk, journal.signed(text, sealed))
        assert error["code"] == "invalid"
    assert (await kiosk.ask("no.such"))["code"] == "unknown_command"
    assert not kiosk.orphans()


async def test_a_nul_in_the_punch_string_is_one_in_the_frame(kiosk: Connection, journal: Journal) -> None:
    fields = journal.signed('{"a":"\0"}', b"x").fields()
    frame = json.dumps({"type": "punch.record", "id": kiosk.last_id + 1, **fields})
    assert (await orphan_after(kiosk, frame))["code"] == "malformed"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '"x"', "{}{}", nested(2_000)])
async def test_a_punch_string_is_an_object(kiosk: Connection, journal: Journal, text: str) -> None:
    for _ in range(6):
        assert (await turned_away(kiosk, journal.signed(text, b"x")))["code"] == "invalid"
    assert kiosk.close_code is None


MEMBER_FAULTS: dict[str, list[object]] = {
    "punch_id": ["x", None, 1, ""],
    "device_id": ["x", None, 1],
    "log_id": ["x", None, 7],
    "seq": [0, -1, 1.5, "1", None, True],
    "previous": [1, "x", "not base64url!!", ["a"]],
    "kind": ["lunch", None, 1, "AUTO", ""],
    "device_time": [
        "2026-11-24T07:00:00Z",
        "2026-11-24T07:00:00.000Z",
        "2026-11-24T07:00:00.000000+00:00",
        "2026-11-24T07:00:00.000000z",
        "2026-11-24 07:00:00.000000Z",
        "2026-13-24T07:00:00.000000Z",
        "2026-11-24T25:00:00.000000Z",
        "yesterday",
        None,
        1764000000,
    ],
    "boot_id": [None, 1],
    "monotonic_ms": [-1, 1.5, "1", None],
    "clock": [1, "x", [], {}, {"hub_time": "2026-11-24T07:00:00.000000Z"}],
    "captured": ["sometimes", None, True],
    "sealing_key_id": [None, 1],
    "sealed_sha256": [None, 1, "x"],
}


@pytest.mark.parametrize("member", MEMBER_FAULTS)
async def test_each_member_of_a_punch_has_its_form(
    kiosk: Connection, journal: Journal, bystander: Employee, member: str
) -> None:
    values = MEMBER_FAULTS[member]
    sealed = journal.sealing_key.seal(b"x", b"x")
    accepted = []
    for value in values:
        whole = journal.punch(badge(bystander), append=False, sealed=sealed)
        punch = journal.signed(json.dumps({**whole.members, member: value}), sealed)
        answer = await kiosk.ask("punch.record", **punch.fields())
        if answer["type"] != "error" or answer["code"] != "invalid":
            accepted.append((value, answer))
    assert not accepted
    without = dict(journal.punch(badge(bystander), append=False, sealed=sealed).members)
    del without[member]
    if member not in {"previous", "clock"}:
        error = await turned_away(kiosk, journal.signed(json.dumps(without), sealed))
        assert error["code"] == "invalid", "a member that may not be absent"


async def test_nullable_members_may_be_absent_and_unknown_ones_are_ignored(
    kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    sealed = journal.punch(badge(employee), append=False)
    members = {**sealed.members, "colour": "blue"}
    assert members.pop("previous") is None
    punch = journal.signed(json.dumps(members), b"")
    punch = type(punch)(punch.text, punch.signature, sealed.sealed, members)
    await recorded(kiosk, punch)


@pytest.mark.parametrize("field", ["punch", "signature", "sealed"])
@pytest.mark.parametrize("value", [None, 1, ["x"], "AA==", "a+b/", "!"])
async def test_the_fields_beside_the_punch_have_their_form(
    kiosk: Connection, journal: Journal, bystander: Employee, field: str, value: object
) -> None:
    fields = journal.punch(badge(bystander), append=False).fields() | {field: value}
    assert (await kiosk.refusal("punch.record", **fields))["code"] == "invalid"
    del fields[field]
    assert (await kiosk.refusal("punch.record", **fields))["code"] == "invalid"
    padded = journal.punch(badge(bystander), append=False).fields()
    if field != "punch":
        padded[field] += "=="
        assert (await kiosk.refusal("punch.record", **padded))["code"] == "invalid"


async def test_a_good_token_is_welcome_after_all(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.authenticate(assertion(spare, connection.hello))
        assert not connection.of_type("error")
