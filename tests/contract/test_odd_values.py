"""Values that fit their type and hardly anything else: no bug may answer, and the connection goes on."""

import json
import random

import pytest

from tests.contract.connection import Connection, connect, connect_device, connect_person
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge, clock_at
from tests.contract.primitives import Message, b64, now, uuid7, wire_time
from tests.contract.punching import record, recorded, verdict
from tests.contract.tokens import SignIns, assertion
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

ODD: list[object] = [
    None,
    True,
    0,
    -1,
    1,
    2**53,
    -(2**53),
    1.5,
    -0.0,
    1e300,
    "",
    " ",
    "x",
    "null",
    "%",
    "'; DROP TABLE punches; --",
    "\\",
    "\x01\x7f\u2028\u202e",
    "👋" * 50,
    "x" * 5_000,
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-02-30T00:00:00.000000Z",
    "2026-06-30T23:59:60.000000Z",
    "2026-11-24T24:00:00.000000Z",
    "２０26-11-24T00:00:00.000000Z",
    "AAAA",
    [],
    [None],
    ["x"],
    {},
    {"x": 1},
]

KIOSK_COMMANDS: dict[str, Message] = {
    "time.sync": {"t0": wire_time(now()), "boot_id": uuid7(), "monotonic_ms": 1},
    "device.report": {"outbox_depth": 0, "oldest_unsent_at": None, "version": "1"},
    "punch.record": {"punch": "{}", "signature": b64(bytes(64)), "sealed": b64(b"x"), "after_loss": False},
    "auth.refresh": {"token": "x"},
}
PERSON_COMMANDS: dict[str, Message] = {
    "presence.watch": {"site_ids": None, "after": None},
    "presence.unwatch": {},
    "rollcall.get": {"site_id": uuid7()},
    "employee.list": {
        "site_id": None,
        "department_id": None,
        "query": None,
        "active": None,
        "limit": 5,
        "cursor": None,
    },
    "employee.get": {"employee_id": uuid7()},
    "department.list": {"limit": 5, "cursor": None},
    "punch.list": {
        "site_id": None,
        "employee_id": None,
        "device_id": None,
        "from": None,
        "until": None,
        "outcome": None,
        "limit": 5,
        "cursor": None,
    },
    "hub.status": {},
    "auth.refresh": {"token": "x"},
}
BUGS = {"internal", "unavailable", "overloaded"}


def variations(fields: Message) -> list[Message]:
    return [fields | {name: value} for name in fields for value in ODD]


async def never_a_bug(connection: Connection, type_: str, fields: Message) -> None:
    """Sends a command; a limit on commands is waited for, an answer that names a bug fails."""
    answer = await connection.ask(type_, **fields)
    assert answer.get("code") not in BUGS, (type_, fields, answer)
    assert connection.close_code is None


@pytest.mark.parametrize("type_", KIOSK_COMMANDS)
async def test_odd_fields_of_a_kiosks_commands(demo: RunningDemo, spare: DeviceKey, type_: str) -> None:
    for fields in variations(KIOSK_COMMANDS[type_]):
        async with connect_device(demo.ws_url, spare) as connection:
            await never_a_bug(connection, type_, fields)


@pytest.mark.parametrize("type_", PERSON_COMMANDS)
async def test_odd_fields_of_a_persons_commands(demo: RunningDemo, sign_ins: SignIns, type_: str) -> None:
    token = await sign_ins.token(demo.file.account("admin"))
    for fields in variations(PERSON_COMMANDS[type_]):
        async with connect_person(demo.ws_url, token) as connection:
            await never_a_bug(connection, type_, fields)


async def test_odd_resumptions(demo: RunningDemo, sign_ins: SignIns, spare: DeviceKey) -> None:
    """`after` of any shape is refused as invalid, or answered with a full state."""
    token = await sign_ins.token(demo.file.account("admin"))
    for value in ODD:
        afters: list[Message] = [
            {spare.site_id: value},
            {spare.site_id: {"epoch": value, "offset": value}},
            {str(value): {}},
        ]
        for after in afters:
            async with connect_person(demo.ws_url, token) as connection:
                answer = await connection.ask("presence.watch", site_ids=[spare.site_id], after=after)
                assert answer.get("code", "invalid") == "invalid", (after, answer)
                assert answer["type"] == "error" or not answer["sites"][0]["resumed"]


async def test_odd_members_of_a_punch(kiosk: Connection, journal: Journal, bystander: Employee) -> None:
    """Each member of a rightly signed punch replaced by each odd value."""
    sealed = journal.sealing_key.seal(b"x", b"x")
    whole = journal.punch(badge(bystander), append=False, sealed=sealed).members
    for name in whole:
        for value in ODD:
            if name == "log_id" and isinstance(value, str) and value.strip("{}").count("-") == 4:
                continue  # that could well be a journal
            text = json.dumps({**whole, "seq": 2, "previous": b64(bytes(32)), name: value}, ensure_ascii=False)
            await never_a_bug(kiosk, "punch.record", journal.signed(text, sealed).fields())


CLOCKS = [
    ("0001-01-01T00:00:00.000000Z", 10, 0),
    ("0001-01-01T00:00:00.000000Z", 0, 10),
    ("9999-12-31T23:59:59.999999Z", 10, 0),
    ("9999-12-31T23:59:59.999999Z", 0, 10),
    ("2026-11-24T00:00:00.000000Z", 2**53 - 1, 0),
    ("2026-11-24T00:00:00.000000Z", 0, 2**53 - 1),
    ("9999-12-31T23:59:59.999999Z", 2**53 - 1, 2**53 - 1),
    ("1970-01-01T00:00:00.000000Z", 5, 5),
]


@pytest.mark.parametrize(("hub_time", "monotonic_ms", "clock_monotonic_ms"), CLOCKS)
async def test_a_clock_out_of_this_world(
    demo: RunningDemo,
    kiosk: Connection,
    journal: Journal,
    *,
    hub_time: str,
    monotonic_ms: int,
    clock_monotonic_ms: int,
) -> None:
    """It gets an outcome of its own and the journal goes on: nothing that a kiosk signed is thrown away."""
    clock = {"hub_time": hub_time, "monotonic_ms": clock_monotonic_ms, "uncertainty_ms": 0}
    someone = demo.file.employees[-2]
    punch = journal.punch(badge(someone), monotonic_ms=monotonic_ms, clock=clock)
    outcome = await record(kiosk, punch)
    assert outcome["outcome"] in {"held", "recorded", "refused"}
    assert (await record(kiosk, punch))["duplicate"]
    await recorded(kiosk, journal.punch(badge(demo.take_employee())))


async def test_a_large_seal_and_a_large_punch(kiosk: Connection, journal: Journal, demo: RunningDemo) -> None:
    """As large as a frame lets them be: judged like any other."""
    large = journal.punch(b"", sealed=random.Random(1).randbytes(40_000))
    assert verdict(await record(kiosk, large)) == ("held", "seal_broken")
    padded = journal.punch(badge(demo.take_employee()), filling="x" * 50_000)
    await recorded(kiosk, padded)


async def test_the_last_place_of_a_journal(kiosk: Connection, journal: Journal, demo: RunningDemo) -> None:
    """seq may rise to 2^53-1 and no further; repeated it answers the same."""
    journal.seq = 2**53 - 2
    journal.previous = b64(bytes(32))
    last = journal.punch(badge(demo.take_employee()))
    outcome = await record(kiosk, last, after_loss=True)
    assert verdict(outcome) == ("held", "device_forked")
    assert (await record(kiosk, last))["duplicate"]


async def test_a_clock_may_be_old(kiosk: Connection, journal: Journal, demo: RunningDemo) -> None:
    """Kept for three weeks on a kiosk's disk, synchronised days before."""
    clock = clock_at(now(), 40 * 86_400_000, age_ms=9 * 86_400_000)
    punch = journal.punch(badge(demo.take_employee()), clock=clock, monotonic_ms=40 * 86_400_000, captured="offline")
    await recorded(kiosk, punch)


async def test_after_auth_ids_go_on_from_its_own(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        connection.last_id = 99
        await connection.authenticate(assertion(spare, connection.hello))
        connection.last_id = 49
        assert (await connection.refusal("no.such"))["code"] == "id_reused"
        connection.last_id = 100
        assert (await connection.refusal("no.such"))["code"] == "unknown_command"


async def test_two_auths_at_once(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        token = assertion(spare, connection.hello)
        first = await connection.start("auth", token=token, lang="en")
        second = await connection.start("auth", token=token, lang="en")
        assert (await first)["type"] == "welcome"
        assert (await second)["code"] == "invalid"
