"""Section 6: badges are given, lost, passed on and end by themselves; PINs are set and reset. Judged as of a punch."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal
from tests.contract.pairing import an_active_device
from tests.contract.primitives import Message, ago, now, uuid7, wire_time
from tests.contract.punching import record, verdict
from tests.contract.roll import Place, a_badge, a_number, a_place, give_badge, hire, refusal
from tests.contract.staff import write
from tests.contract.test_lists import all_items
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True


@pytest.fixture
async def place(admin: Connection) -> Place:
    return await a_place(admin)


@pytest.fixture
async def terminal(demo: RunningDemo, admin: Connection, place: Place) -> AsyncIterator[DeviceKey]:
    async with an_active_device(admin, demo.url, place.site_id, "Puerta") as device:
        yield device


@pytest.fixture
async def kiosk(demo: RunningDemo, terminal: DeviceKey) -> AsyncIterator[Connection]:
    async with connect_device(demo.ws_url, terminal) as connection:
        yield connection


@pytest.fixture
def journal(terminal: DeviceKey, kiosk: Connection) -> Journal:
    return Journal.of(terminal, kiosk.welcome["device"])


async def whose(admin: Connection, punch_id: str, place: Place) -> str | None:
    """Whose punch it was, by the record."""
    items = await all_items(admin, "punch.list", 100, site_id=place.site_id)
    holder: str | None = next(item["employee_id"] for item in items if item["punch_id"] == punch_id)
    return holder


async def badges_of(admin: Connection, employee_id: str) -> list[Message]:
    return await all_items(admin, "badge.list", 1, employee_id=employee_id)


async def test_the_badge_that_nobody_knew_is_shown_and_given(
    admin: Connection, kiosk: Connection, journal: Journal, terminal: DeviceKey, place: Place
) -> None:
    asked = {"device_id": terminal.device_id}
    nothing = await admin.result("badge.last_unknown", **asked)
    assert (nothing["badge"], nothing["punch_id"], nothing["seen_at"]) == (None, None, None)
    earlier, badge = a_badge(), a_badge()
    assert verdict(await record(kiosk, journal.punch({"badge": earlier}))) == ("refused", "badge_unknown")
    punch = journal.punch({"badge": badge})
    assert verdict(await record(kiosk, punch)) == ("refused", "badge_unknown")
    assert verdict(await record(kiosk, journal.punch({"badge": "not a badge\x1b[2J"}))) == ("refused", "badge_unknown")
    seen = await admin.result("badge.last_unknown", **asked)
    assert (seen["badge"], seen["punch_id"]) == (badge, punch.punch_id)
    await give_badge(admin, await hire(admin, place), badge)
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("recorded", None)
    looks = (await admin.result("audit.list", action="badge.last_unknown"))["items"]
    assert [look["after"]["punch_id"] for look in looks if look["subject"] == terminal.device_id] == [
        punch.punch_id,
        None,
    ]
    assert badge not in str(looks)
    unknown = await admin.refusal("badge.last_unknown", device_id=uuid7())
    assert (unknown["code"], unknown["details"]) == ("not_found", None)


async def test_anothers_badge_passes_on_only_when_meant_and_each_punch_is_whose_it_was_then(
    admin: Connection, kiosk: Connection, journal: Journal, place: Place
) -> None:
    first, second = await hire(admin, place), await hire(admin, place)
    badge, badge_id = await give_badge(admin, first)
    before = now()
    await asyncio.sleep(0.2)
    given = {"employee_id": second, "badge": badge}
    assert await refusal(admin, "badge.assign", **given) == ("conflict", {"field": "badge", "employee_id": first})
    await give_badge(admin, second, badge, reassign=True)
    (ended,) = await badges_of(admin, first)
    assert (ended["badge_id"], ended["revoked_reason"]) == (badge_id, "reassigned")
    late = journal.punch({"badge": badge}, at=before, captured="offline")
    present = journal.punch({"badge": badge})
    for punch, holder in ((late, first), (present, second)):
        assert verdict(await record(kiosk, punch)) == ("recorded", None)
        assert await whose(admin, punch.punch_id, place) == holder


async def test_a_lost_badge_is_nobodys_until_it_is_given_back(
    admin: Connection, kiosk: Connection, journal: Journal, place: Place
) -> None:
    employee_id = await hire(admin, place)
    badge, badge_id = await give_badge(admin, employee_id)
    await write(admin, "badge.revoke", badge_id=badge_id, reason="lost")
    await write(admin, "badge.revoke", badge_id=badge_id, reason="returned")
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("refused", "badge_revoked")
    assert (await admin.result("employee.get", employee_id=employee_id))["badges"] == 0
    _, again_id = await give_badge(admin, employee_id, badge)
    assert again_id != badge_id
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("recorded", None)
    items = await badges_of(admin, employee_id)
    assert [(item["badge_id"], item["revoked_reason"]) for item in items] == [(again_id, None), (badge_id, "lost")]
    assert await refusal(admin, "badge.revoke", badge_id=uuid7()) == ("not_found", None)


async def test_a_temporary_badge_ends_by_itself_and_is_free_then(
    admin: Connection, kiosk: Connection, journal: Journal, place: Place
) -> None:
    visitor, other = await hire(admin, place), await hire(admin, place)
    badge, badge_id = await give_badge(admin, visitor, valid_until=wire_time(now() + timedelta(seconds=60)))
    _, same_id = await give_badge(admin, visitor, badge, valid_until=wire_time(now() + timedelta(seconds=2.5)))
    assert same_id == badge_id, "the same badge for another while is no other badge"
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("recorded", None)
    assert (await admin.result("employee.get", employee_id=visitor))["badges"] == 1
    async with asyncio.timeout(20):
        while (await admin.result("employee.get", employee_id=visitor))["badges"]:
            await asyncio.sleep(0.2)
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("refused", "badge_revoked")
    await give_badge(admin, other, badge)
    assert verdict(await record(kiosk, journal.punch({"badge": badge}))) == ("recorded", None)
    (ended,) = await badges_of(admin, visitor)
    assert ended["revoked_at"] == ended["valid_until"]
    assert ended["revoked_reason"] is None


async def test_a_badge_off_the_grammar_or_over_already_is_refused_by_its_field(admin: Connection, place: Place) -> None:
    employee_id = await hire(admin, place)
    for fields, field in (
        ({"badge": "short"}, "badge"),
        ({"badge": "=HYPERLINK(1)"}, "badge"),
        ({"badge": f"{a_badge()}\n"}, "badge"),
        ({"badge": a_badge(), "valid_until": wire_time(ago(seconds=1))}, "valid_until"),
    ):
        code, details = await refusal(admin, "badge.assign", employee_id=employee_id, **fields)
        assert (code, details and details["field"]) == ("invalid", field)
    assert not await badges_of(admin, employee_id)


async def test_a_pin_is_told_once_and_guesses_count_anew_with_another(
    admin: Connection, kiosk: Connection, journal: Journal, place: Place
) -> None:
    number = a_number()
    employee_id = await hire(admin, place, employee_number=number)

    async def punched(pin: str) -> tuple[str, str | None]:
        return verdict(await record(kiosk, journal.punch({"employee_number": number, "pin": pin})))

    key = uuid7()
    made = await admin.result("pin.set", request_key=key, employee_id=employee_id)
    assert (await admin.result("pin.set", request_key=key, employee_id=employee_id))["pin"] is None
    assert len(made["pin"]) == 6
    assert (await punched(made["pin"]))[0] == "recorded"
    wrong = "000000" if made["pin"] != "000000" else "000001"
    for _ in range(5):
        assert await punched(wrong) == ("refused", "not_recognised")
    assert await punched(made["pin"]) == ("refused", "pin_throttled")
    told = await write(admin, "pin.set", employee_id=employee_id, pin="271828")
    assert told["pin"] is None
    assert (await punched("271828"))[0] == "recorded"
    await write(admin, "pin.reset", employee_id=employee_id)
    assert await punched("271828") == ("refused", "not_recognised")
