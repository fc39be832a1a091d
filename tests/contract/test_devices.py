"""Section 6: terminals are listed, moved, sent away; they change their keys; and a copy of one doesn't stay unseen."""

import asyncio
from collections.abc import AsyncIterator
from copy import copy

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.pairing import (
    a_pending_device,
    an_active_device,
    confirm,
    fingerprint,
    listed,
    new_key,
    public_key,
    retire,
    with_key,
)
from tests.contract.primitives import Message, ago, b64, moment, now, uuid7, wire_time
from tests.contract.test_lists import all_items
from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

HEARD_SECONDS = 10.0
"""A hub looks for news of its terminals every two seconds; the machine may be busy."""


@pytest.fixture
def site_id(demo: RunningDemo) -> str:
    return demo.file.sites[0].site_id


@pytest.fixture
def other_site_id(demo: RunningDemo) -> str:
    return demo.file.sites[1].site_id


@pytest.fixture
async def device(demo: RunningDemo, admin: Connection, site_id: str) -> AsyncIterator[DeviceKey]:
    async with an_active_device(admin, demo.url, site_id, f"Puerta {uuid7()[-6:]}") as made:
        yield made


def proof(device: DeviceKey, key: bytes, *, signer: bytes | None = None) -> str:
    text = f"attendance.v1|key|{device.device_id}|{b64(public_key(key))}"
    return b64(Ed25519PrivateKey.from_private_bytes(signer or key).sign(text.encode()))


def rotation(device: DeviceKey, key: bytes, **fields: object) -> Message:
    return {"request_key": uuid7(), "public_key": b64(public_key(key)), "proof": proof(device, key), **fields}


async def heard(kiosk: Connection, **fields: object) -> None:
    """Until a `device.state` with these fields came."""

    def has_come() -> bool:
        return any(fields.items() <= state.items() for state in kiosk.of_type("device.state"))

    await kiosk.wait_for(has_come, seconds=HEARD_SECONDS)


async def boards_are_complete(admin: Connection, expected: dict[str, bool]) -> None:
    """Until each site's board says how far it is complete, or that it doesn't know, as expected."""
    async with asyncio.timeout(HEARD_SECONDS):
        while True:
            boards = {site_id: await admin.result("rollcall.get", site_id=site_id) for site_id in expected}
            if {site_id: board["complete_to"] is not None for site_id, board in boards.items()} == expected:
                return
            await asyncio.sleep(0.2)


async def test_terminals_are_listed_by_name_in_pages_and_found_by_words(
    demo: RunningDemo, admin: Connection, site_id: str
) -> None:
    word = uuid7()[-8:]
    async with (
        an_active_device(admin, demo.url, site_id, f"Entrada {word} Ñandú"),
        an_active_device(admin, demo.url, site_id, f"Almacén {word}"),
    ):
        items = await all_items(admin, "device.list", 2)
        names = [item["name"] for item in items]
        assert names == sorted(names, key=lambda name: name.casefold().replace("ñ", "n").replace("é", "e"))
        assert {device.device_id for device in demo.file.devices} <= {item["device_id"] for item in items}
        found = await all_items(admin, "device.list", 1, query=f"{word} nandu")
        assert [item["name"] for item in found] == [f"Entrada {word} Ñandú"]
        assert len(await all_items(admin, "device.list", 1, query=word, site_id=site_id, status="active")) == 2
        assert not await all_items(admin, "device.list", 1, query=word, status="pending")
    refused = await admin.refusal("device.list", site_id=uuid7())
    assert (refused["code"], refused["details"]) == ("not_found", None)


async def test_a_terminal_says_how_it_is_and_the_list_shows_it(
    demo: RunningDemo, admin: Connection, device: DeviceKey
) -> None:
    async with connect_device(demo.ws_url, device) as kiosk:
        sync = {"boot_id": uuid7(), "monotonic_ms": 5}
        await kiosk.result("time.sync", t0=wire_time(ago(minutes=3)), **sync)
        await kiosk.result("device.report", outbox_depth=7, oldest_unsent_at=wire_time(ago(minutes=2)), version="9.9")
        item = await listed(admin, device)
        assert (item["outbox_depth"], item["version"], item["silent"]) == (7, "9.9", False)
        assert item["complete_to"] == item["oldest_unsent_at"]
        assert -182_000 < item["clock_offset_ms"] < -179_000
        await kiosk.result("time.sync", t0=12_345, **sync)
        assert (await listed(admin, device))["clock_offset_ms"] == item["clock_offset_ms"], "a number is no wall clock"


async def test_a_moved_terminal_works_at_its_new_site_and_each_board_waits_for_its_own(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, device: DeviceKey, site_id: str, other_site_id: str
) -> None:
    employee = demo.take_employee(other_site_id)
    async with connect_device(second_hub.ws_url, device) as kiosk:
        await boards_are_complete(admin, {site_id: False, other_site_id: True})  # the new one hasn't reported yet
        await admin.result("device.move", request_key=uuid7(), device_id=device.device_id, site_id=other_site_id)
        await heard(kiosk, site_id=other_site_id, site_name=demo.file.site(other_site_id).name, status="active")
        await boards_are_complete(admin, {site_id: True, other_site_id: False})

        journal = Journal.of(device, kiosk.welcome["device"])
        outcome = await kiosk.ask("punch.record", **journal.punch(badge(employee)).fields())
        assert outcome["outcome"] == "recorded"
        (punch,) = (await admin.result("punch.list", device_id=device.device_id))["items"]
        assert punch["site_id"] == other_site_id
        await kiosk.result("device.report", outbox_depth=0, version="1")
        await boards_are_complete(admin, {site_id: True, other_site_id: True})
    for unknown in ({"device_id": uuid7(), "site_id": site_id}, {"device_id": device.device_id, "site_id": uuid7()}):
        refused = await admin.refusal("device.move", request_key=uuid7(), **unknown)
        assert (refused["code"], refused["details"]) == ("not_found", None)


async def test_a_revoked_terminal_is_closed_at_every_hub_and_what_it_signs_later_is_kept_as_refused(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, device: DeviceKey, site_id: str
) -> None:
    employee = demo.take_employee(site_id)
    async with connect_device(demo.ws_url, device) as here, connect_device(second_hub.ws_url, device) as there:
        journal = Journal.of(device, here.welcome["device"])
        before = journal.punch(badge(employee))
        await admin.result("device.revoke", request_key=uuid7(), device_id=device.device_id)
        codes = [await kiosk.closed(HEARD_SECONDS) for kiosk in (here, there)]
        assert codes == [3500, 3500]
        for kiosk in (here, there):
            assert [state["status"] for state in kiosk.of_type("device.state")] == ["revoked"]
    async with connect_device(second_hub.ws_url, device) as back:
        assert back.welcome["device"]["status"] == "revoked"
        held = await back.ask("punch.record", **before.fields())
        later = await back.ask("punch.record", **journal.punch(badge(employee)).fields())
        assert [(said["outcome"], said["reason"]) for said in (held, later)] == [
            ("held", "device_revoked"),
            ("refused", "device_revoked"),
        ]
    item = await listed(admin, device)
    assert (item["status"], item["retired"]) == ("revoked", False)
    again = await admin.refusal(
        "device.confirm",
        request_key=uuid7(),
        device_id=device.device_id,
        fingerprint=fingerprint(device.private_key),
    )
    assert (again["code"], again["details"]) == ("conflict", {"field": "status"})


async def test_a_retired_terminal_counts_as_revoked_from_when_it_was_lost(
    *, demo: RunningDemo, admin: Connection, device: DeviceKey, site_id: str
) -> None:
    first, second = demo.take_employee(site_id), demo.take_employee(site_id)
    future = await admin.refusal(
        "device.retire",
        request_key=uuid7(),
        device_id=device.device_id,
        lost_at=wire_time(ago(hours=-1)),
    )
    assert (future["code"], future["details"]) == ("invalid", {"field": "lost_at"})
    lost_at = ago(hours=1)
    await retire(admin, device, lost_at=wire_time(lost_at))
    async with connect_device(demo.ws_url, device) as kiosk:
        journal = Journal.of(device, kiosk.welcome["device"])
        held = await kiosk.ask("punch.record", **journal.punch(badge(first), at=ago(hours=2)).fields())
        refused = await kiosk.ask("punch.record", **journal.punch(badge(second), at=ago(minutes=30)).fields())
        assert [said["outcome"] for said in (held, refused)] == ["held", "refused"]
    await retire(admin, device)
    item = await listed(admin, device)
    assert (item["status"], item["retired"], moment(item["revoked_at"])) == ("revoked", True, lost_at)


async def test_a_terminal_changes_its_key_and_what_it_had_signed_is_still_taken(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, device: DeviceKey, site_id: str
) -> None:
    people = [demo.take_employee(site_id) for _ in range(4)]
    key = new_key()
    renewed = with_key(device, key)
    async with connect_device(demo.ws_url, device) as kiosk, connect_device(second_hub.ws_url, device) as elsewhere:
        journal = Journal.of(device, kiosk.welcome["device"])
        old = [journal.punch(badge(employee)) for employee in people[:2]]
        answer = await kiosk.result("device.rotate_key", **rotation(device, key))
        assert answer["fingerprint"] == fingerprint(key)
        assert (await kiosk.ask("punch.record", **old[0].fields()))["outcome"] == "recorded"
        assert await elsewhere.closed(HEARD_SECONDS) == 3010, "let it show that it has the new key"
    async with connect_device(second_hub.ws_url, renewed) as kiosk:
        again = await kiosk.result("device.rotate_key", **rotation(renewed, key))
        assert again["fingerprint"] == fingerprint(key), "a lost answer is given again"
        assert (await kiosk.ask("punch.record", **old[1].fields()))["outcome"] == "recorded"
        journal.private_key = key
        for employee in people[2:]:
            outcome = await kiosk.ask("punch.record", **journal.punch(badge(employee)).fields())
            assert outcome["outcome"] == "recorded"
        journal.private_key = new_key()
        stranger = journal.punch(badge(people[0]), append=False)
        assert (await kiosk.refusal("punch.record", **stranger.fields()))["details"]["field"] == "signature"
    with pytest.raises(AssertionError, match="unauthenticated"):
        async with connect_device(demo.ws_url, device):
            pass
    assert (await listed(admin, device))["fingerprint"] == fingerprint(key)


async def test_a_new_key_is_proved_and_nobody_else_s(
    demo: RunningDemo, admin: Connection, device: DeviceKey, site_id: str
) -> None:
    key, other = new_key(), new_key()
    async with connect_device(demo.ws_url, device) as kiosk:
        for fields, code, field in [
            ({"proof": proof(device, key, signer=other)}, "invalid", "proof"),
            ({"proof": proof(device, key, signer=device.private_key)}, "invalid", "proof"),
            ({"proof": "AAAA"}, "invalid", "proof"),
            ({"public_key": b64(bytes(32))}, "invalid", "public_key"),
            (rotation(device, demo.file.spares[0].private_key), "conflict", "public_key"),
        ]:
            refused = await kiosk.refusal("device.rotate_key", **rotation(device, key) | fields)
            assert (refused["code"], refused["details"]["field"]) == (code, field)
        await kiosk.result("device.rotate_key", **rotation(device, key))
        back = await kiosk.refusal("device.rotate_key", **rotation(device, device.private_key))
        assert (back["code"], back["details"]) == ("conflict", {"field": "public_key"}), "a former key never returns"
    pending = await a_pending_device(admin, demo.url, site_id)
    async with connect_device(demo.ws_url, pending) as kiosk:
        refused = await kiosk.refusal("device.rotate_key", **rotation(pending, new_key()))
        assert (refused["code"], refused["details"]) == ("conflict", {"field": "status"})
    assert (await admin.refusal("device.rotate_key", **rotation(device, new_key())))["code"] == "forbidden"


async def test_two_kiosks_with_one_key_on_two_hubs_are_seen(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, device: DeviceKey, site_id: str
) -> None:
    people = [demo.take_employee(site_id) for _ in range(4)]
    async with connect_device(demo.ws_url, device) as kiosk, connect_device(second_hub.ws_url, device) as copied:
        journal = Journal.of(device, kiosk.welcome["device"])
        await kiosk.ask("punch.record", **journal.punch(badge(people[0])).fields())
        clone = copy(journal)
        assert (await listed(admin, device))["forked_at"] is None
        seen_at = now()
        await kiosk.ask("punch.record", **journal.punch(badge(people[1])).fields())
        assert (await copied.refusal("punch.record", **clone.punch(badge(people[2])).fields()))["code"] == "conflict"
        after_loss = clone.punch(badge(people[3])).fields() | {"after_loss": True}
        outcome = await copied.ask("punch.record", **after_loss)
        assert (outcome["outcome"], outcome["reason"]) == ("held", "device_forked")
        forked_at = (await listed(admin, device))["forked_at"]
        assert forked_at is not None
        assert abs((moment(forked_at) - seen_at).total_seconds()) < HEARD_SECONDS
    entries = (await admin.result("audit.list", limit=200))["items"]
    assert [
        (entry["actor"], entry["after"])
        for entry in entries
        if (entry["action"], entry["subject"]) == ("device.forked", device.device_id)
    ] == [("hub", {"sign": "conflict"})]


async def test_what_is_done_to_a_terminal_stands_in_the_audit(
    demo: RunningDemo, sign_ins: SignIns, admin: Connection, site_id: str
) -> None:
    device = await a_pending_device(admin, demo.url, site_id)
    await confirm(admin, device)
    await confirm(admin, device)
    await admin.result("device.move", request_key=uuid7(), device_id=device.device_id, site_id=site_id)
    await admin.result("device.revoke", request_key=uuid7(), device_id=device.device_id)
    await retire(admin, device)
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.account("inspector"))) as inspector:
        entries = (await inspector.result("audit.list", limit=200))["items"]
    about = [entry for entry in reversed(entries) if entry["subject"] == device.device_id]
    # What changed nothing (the second confirmation, the move to where it stands) is no act.
    assert [entry["action"] for entry in about] == ["device.enrol", "device.confirm", "device.revoke", "device.retire"]
    assert about[0]["actor"] == f"device:{device.device_id}"
    assert len({entry["actor"] for entry in about[1:]}) == 1
    assert all(entry["address"] == "127.0.0.1" for entry in about)
    assert (about[1]["before"], about[1]["after"]["status"]) == ({"status": "pending"}, "active")
