"""Section 4: who it was, online and offline, known and unknown, and how often one may guess."""

import json
import random
import statistics
import time

import pytest

from tests.contract.connection import Connection
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal, badge, number_and_pin, sealed_info
from tests.contract.primitives import Message, b64
from tests.contract.punching import record, recorded, turned_away, verdict
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

ATTEMPTS = 5
SEALED_SIZE_BYTES = 128
UNKNOWN_BADGE = "ZZZZ9999ZZZZ"


def wrong_pin(employee: Employee) -> Message:
    pin = "000000" if employee.pin != "000000" else "111111"
    return number_and_pin(employee) | {"pin": pin}


def unknown_number(demo: RunningDemo) -> str:
    known = {employee.employee_number for employee in demo.file.employees}
    length = len(min(known))
    while (number := str(random.randrange(10 ** (length - 1), 10**length))) in known:
        pass
    return number


def as_plaintext(text: str) -> bytes:
    return text.encode().ljust(SEALED_SIZE_BYTES)


@pytest.mark.parametrize(
    ("captured", "expected"), [("online", ("refused", "badge_unknown")), ("offline", ("held", "badge_unknown"))]
)
@pytest.mark.parametrize("text", [UNKNOWN_BADGE, "abc", "", "A" * 21, "ABCD-1234", " ABCD12345", "ÑÑÑÑÑÑÑÑ"])
async def test_an_unknown_badge(
    kiosk: Connection, journal: Journal, text: str, captured: str, expected: tuple[str, str]
) -> None:
    outcome = await record(kiosk, journal.punch({"badge": text}, captured=captured))
    assert verdict(outcome) == expected
    assert outcome["employee"] is None


async def test_a_badge_is_compared_exactly(kiosk: Connection, journal: Journal, employee: Employee) -> None:
    for text in (f"{employee.badge} ", f" {employee.badge}", employee.badge[:-1], employee.badge + "0"):
        assert verdict(await record(kiosk, journal.punch({"badge": text}))) == ("refused", "badge_unknown")
    if employee.badge.lower() != employee.badge:
        lower = journal.punch({"badge": employee.badge.lower()})
        assert verdict(await record(kiosk, lower)) == ("refused", "badge_unknown")


async def test_a_wrong_pin_and_an_unknown_number_look_alike(
    demo: RunningDemo, kiosk: Connection, journal: Journal
) -> None:
    """The same answer and about the same time: who measures must not learn which numbers exist."""
    seconds: dict[str, list[float]] = {"wrong": [], "unknown": []}
    for _ in range(ATTEMPTS):
        employee = demo.take_employee()
        stranger = {"employee_number": unknown_number(demo), "pin": employee.pin}
        answers = []
        for name, credential in (("wrong", wrong_pin(employee)), ("unknown", stranger)):
            punch = journal.punch(credential)
            begun = time.perf_counter()
            answers.append(await record(kiosk, punch))
            seconds[name].append(time.perf_counter() - begun)
            assert verdict(answers[-1]) == ("refused", "not_recognised")
            assert answers[-1]["employee"] is None
        assert {key: type(value) for key, value in answers[0].items()} == {
            key: type(value) for key, value in answers[1].items()
        }
    wrong, unknown = (statistics.median(seconds[name]) for name in ("wrong", "unknown"))
    print(f"median answer to a wrong PIN {wrong * 1000:.1f} ms, to an unknown number {unknown * 1000:.1f} ms")
    assert 0.4 < wrong / unknown < 2.5


@pytest.mark.parametrize("number", ["", "12a", "-1", "1" * 40, " 1"])
async def test_a_number_off_its_grammar_is_not_recognised(kiosk: Connection, journal: Journal, number: str) -> None:
    online = await record(kiosk, journal.punch({"employee_number": number, "pin": "123456"}))
    assert verdict(online) == ("refused", "not_recognised")


async def test_a_wrong_pin_is_held_when_captured_offline(
    demo: RunningDemo, kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    held = await record(kiosk, journal.punch(wrong_pin(employee), captured="offline"))
    assert verdict(held) == ("held", "pin_wrong")
    stranger = {"employee_number": unknown_number(demo), "pin": "123456"}
    assert verdict(await record(kiosk, journal.punch(stranger, captured="offline"))) == ("held", "pin_wrong")


@pytest.mark.parametrize(
    ("captured", "expected"), [("online", ("refused", "not_recognised")), ("offline", ("held", "pin_wrong"))]
)
async def test_a_badge_with_a_wrong_pin(
    kiosk: Connection, journal: Journal, employee: Employee, captured: str, expected: tuple[str, str]
) -> None:
    credential = badge(employee) | {"pin": wrong_pin(employee)["pin"]}
    assert verdict(await record(kiosk, journal.punch(credential, captured=captured))) == expected


@pytest.mark.parametrize("known", [True, False])
async def test_the_sixth_attempt_is_throttled(
    demo: RunningDemo, kiosk: Connection, journal: Journal, employee: Employee, known: bool
) -> None:
    """Five wrong PINs are judged each; from then on even the right one isn't looked at. Numbers count as typed."""
    right = number_and_pin(employee) if known else {"employee_number": unknown_number(demo), "pin": "123456"}
    wrong = right | {"pin": wrong_pin(employee)["pin"]}
    for attempt in range(ATTEMPTS):
        outcome = await record(kiosk, journal.punch(wrong))
        assert verdict(outcome) == ("refused", "not_recognised"), attempt
    begun = time.perf_counter()
    assert verdict(await record(kiosk, journal.punch(right))) == ("refused", "pin_throttled")
    print(f"throttled in {(time.perf_counter() - begun) * 1000:.1f} ms")
    offline = await record(kiosk, journal.punch(right, captured="offline"))
    assert verdict(offline) == ("held", "pin_unchecked")
    if known:
        await recorded(kiosk, journal.punch(badge(employee)))


async def test_guesses_that_never_stand_in_the_record_are_counted(
    kiosk: Connection, journal: Journal, employee: Employee
) -> None:
    """A terminal in the wrong hands can sign one place in its journal as often as it likes: each text is a guess."""
    place: Message = {"seq": 1_000_000, "previous": b64(bytes(32))}
    for _ in range(ATTEMPTS):
        guess = journal.punch(wrong_pin(employee), append=False, **place)
        assert (await turned_away(kiosk, guess))["code"] == "out_of_order"
    # The right one among more guesses is not looked at, so it begins no new count.
    await turned_away(kiosk, journal.punch(number_and_pin(employee), append=False, **place))
    assert verdict(await record(kiosk, journal.punch(wrong_pin(employee)))) == ("refused", "pin_throttled")


async def test_a_badge_is_no_guess(kiosk: Connection, journal: Journal) -> None:
    """Badges aren't throttled: fifteen unknown ones, each answered as unknown."""
    for index in range(15):
        outcome = await record(kiosk, journal.punch({"badge": f"NOBODY{index:04}"}))
        assert verdict(outcome) == ("refused", "badge_unknown")


SEAL_FAULTS = {
    "no JSON": as_plaintext("badge"),
    "a list": as_plaintext('["badge"]'),
    "empty object": as_plaintext("{}"),
    "badge a number": as_plaintext('{"badge":12345678}'),
    "badge null": as_plaintext('{"badge":null}'),
    "PIN alone": as_plaintext('{"pin":"123456"}'),
    "number alone": as_plaintext('{"employee_number":"1001"}'),
    "PIN a number": as_plaintext('{"employee_number":"1001","pin":123456}'),
    "duplicate key": as_plaintext('{"badge":"ABCD1234","badge":"ABCD1235"}'),
    "invalid UTF-8": b'{"badge":"\xff"}'.ljust(SEALED_SIZE_BYTES),
    "spaces": b" " * SEALED_SIZE_BYTES,
    "nothing": b"",
}


@pytest.mark.parametrize("captured", ["online", "offline"])
@pytest.mark.parametrize("name", SEAL_FAULTS)
async def test_other_sealed_content_is_held(kiosk: Connection, journal: Journal, name: str, captured: str) -> None:
    punch = journal.punch(SEAL_FAULTS[name], captured=captured)
    assert verdict(await record(kiosk, punch)) == ("held", "seal_broken")


async def test_what_does_not_open_is_held(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    """Garbage, a seal made for another place in the journal, an unknown key: the journal goes on after each."""
    employee = demo.take_employee()
    plaintext = json.dumps(badge(employee)).encode().ljust(SEALED_SIZE_BYTES)
    key = journal.sealing_key
    elsewhere = key.seal(plaintext, sealed_info(spare.device_id, journal.log_id, 77))
    for sealed in (b"garbage", bytes(200), elsewhere):
        assert verdict(await record(kiosk, journal.punch(b"", sealed=sealed))) == ("held", "seal_broken")
    unknown = journal.punch(badge(employee), sealing_key_id="no-such-key")
    assert verdict(await record(kiosk, unknown)) == ("held", "seal_broken")
    await recorded(kiosk, journal.punch(badge(employee)))
