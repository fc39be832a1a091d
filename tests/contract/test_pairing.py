"""Sections 6 and 7: how a terminal comes in, by a code, a key and a fingerprint that somebody compares."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.pairing import (
    a_pending_device,
    brought,
    confirm,
    enrol,
    fingerprint,
    invite,
    listed,
    new_key,
    retire,
)
from tests.contract.primitives import b64, moment, now, unb64, uuid7
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

ATTEMPTS_OF_ADDRESS = 60
NOT_GOOD = (422, "invalid", "pairing_code")


@pytest.fixture
def site_id(demo: RunningDemo) -> str:
    return demo.file.sites[0].site_id


async def test_a_terminal_waits_for_its_fingerprint_to_be_confirmed_and_then_works_at_every_hub(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, site_id: str
) -> None:
    asked_at = now()
    invited = await admin.result("device.invite", request_key=uuid7(), site_id=site_id, name="Puerta sur")
    life = moment(invited["expires_at"]) - asked_at
    assert timedelta(minutes=9, seconds=55) < life < timedelta(minutes=10, seconds=5)
    key = new_key()
    said = await enrol(demo.url, brought(invited["pairing_code"].lower().replace("-", " "), key, name="pi-4711"))
    assert said.status == 200
    assert said.headers["Cache-Control"] == "no-store"
    assert set(said.body) == {"device_id", "fingerprint", "status", "sealing_keys"}
    assert (said.body["fingerprint"], said.body["status"]) == (fingerprint(key), "pending")
    device = DeviceKey(said.body["device_id"], site_id, key, spare=False)
    item = await listed(admin, device)
    assert (item["name"], item["status"], item["fingerprint"]) == ("Puerta sur", "pending", fingerprint(key))
    assert item["confirmed_at"] is None
    assert not item["silent"]

    employee = demo.take_employee(site_id)
    async with connect_device(demo.ws_url, device) as here, connect_device(second_hub.ws_url, device) as there:
        for kiosk in (here, there):
            state = kiosk.welcome["device"]
            assert (state["status"], state["site_id"], state["last_seq"]) == ("pending", site_id, 0)
            assert state["sealing_keys"] == said.body["sealing_keys"]
            punch = Journal.of(device, state).punch(badge(employee))
            assert (await kiosk.refusal("punch.record", **punch.fields()))["code"] == "forbidden"

        wrong = await admin.refusal(
            "device.confirm", request_key=uuid7(), device_id=device.device_id, fingerprint=fingerprint(new_key())
        )
        assert (wrong["code"], wrong["details"]) == ("conflict", {"field": "fingerprint"})
        assert (await listed(admin, device))["status"] == "pending"

        await confirm(admin, device)
        for kiosk in (here, there):
            await kiosk.wait_for(partial(kiosk.of_type, "device.state"), seconds=10)
            assert [state["status"] for state in kiosk.of_type("device.state")] == ["active"]
        journal = Journal.of(device, there.welcome["device"])
        outcome = await there.ask("punch.record", **journal.punch(badge(employee)).fields())
        assert (outcome["type"], outcome["outcome"]) == ("punch.outcome", "recorded")
    item = await listed(admin, device)
    await retire(admin, device)
    assert item["status"] == "active"
    assert moment(item["welcomed_at"]) >= moment(item["confirmed_at"]) >= asked_at


async def test_the_same_enrolment_again_gets_the_same_terminal_at_any_hub(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, site_id: str
) -> None:
    """Its first answer may be lost, and the kiosk tries again, wherever it comes to."""
    code, key = await invite(admin, site_id), new_key()
    first, *others = await asyncio.gather(
        *(enrol(url, brought(code, key)) for url in (demo.url, second_hub.url) for _ in range(3))
    )
    assert first.status == 200
    assert all((other.status, other.body) == (200, first.body) for other in others)


async def test_a_code_serves_once(demo: RunningDemo, second_hub: ServingHub, admin: Connection, site_id: str) -> None:
    code = await invite(admin, site_id)
    answers = await asyncio.gather(
        *(enrol(url, brought(code, new_key())) for url in (demo.url, second_hub.url) for _ in range(4))
    )
    assert sorted(answer.status for answer in answers) == [200] + [422] * 7


async def test_every_code_that_isn_t_good_gets_the_same_answer(
    demo: RunningDemo, admin: Connection, site_id: str
) -> None:
    used = await invite(admin, site_id)
    assert (await enrol(demo.url, brought(used, new_key()))).status == 200
    bodies = []
    for code in (
        used,
        "7K3M-Q0ZD-4VXR-9H2T",
        "",
        "hello",
        "7K3M-Q0ZD-4VXR",
        "ñ" * 16,
        "0" * 16,
        "\N{NULL}".strip("\0"),
    ):
        said = await enrol(demo.url, brought(code, new_key()))
        assert (said.status, said.body["code"], said.body["field"]) == NOT_GOOD, code
        bodies.append(said.body)
    assert all(body == bodies[0] for body in bodies)


async def test_a_known_key_is_told_to_whoever_has_a_good_code_alone(
    demo: RunningDemo, admin: Connection, site_id: str
) -> None:
    device = await a_pending_device(admin, demo.url, site_id)
    guessed = await enrol(demo.url, brought("7K3M-Q0ZD-4VXR-9H2T", device.private_key))
    assert (guessed.status, guessed.body["code"], guessed.body["field"]) == NOT_GOOD
    code = await invite(admin, site_id)
    taken = await enrol(demo.url, brought(code, device.private_key))
    assert (taken.status, taken.body["code"], taken.body["field"]) == (409, "conflict", "public_key")
    assert (await enrol(demo.url, brought(code, new_key()))).status == 200, "the code wasn't used up"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b64(bytes(31)), id="31 bytes"),
        pytest.param(b64(bytes(33)), id="33 bytes"),
        pytest.param("not base64url!", id="no base64url"),
        pytest.param(b64(bytes(32)), id="order 4"),
        pytest.param(b64(b"\x01" + bytes(31)), id="the neutral point"),
        pytest.param(b64(b"\xec" + b"\xff" * 30 + b"\x7f"), id="order 2"),
        pytest.param(b64(unb64("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5Ksg3o")), id="order 8"),
        pytest.param(b64(b"\xee" + b"\xff" * 30 + b"\x7f"), id="a second spelling of the neutral point"),
        pytest.param(b64(b"\x02" + bytes(31)), id="no point"),
        pytest.param(7, id="a number"),
    ],
)
async def test_a_key_that_says_nothing_about_who_signs_is_refused(demo: RunningDemo, key: object) -> None:
    said = await enrol(demo.url, {"pairing_code": "7K3M-Q0ZD-4VXR-9H2T", "public_key": key})
    assert (said.status, said.body["code"], said.body["field"]) == (422, "invalid", "public_key")


async def test_guesses_are_counted_before_they_are_judged_over_all_hubs_and_leave_others_alone(
    demo: RunningDemo, second_hub: ServingHub, admin: Connection, site_id: str
) -> None:
    code = await invite(admin, site_id)
    guesses = [brought("7K3M-Q0ZD-4VXR-9H2T", new_key()) for _ in range(ATTEMPTS_OF_ADDRESS + 20)]
    answers = await asyncio.gather(
        *(
            enrol((demo.url, second_hub.url)[place % 2], guess, address="127.0.0.77")
            for place, guess in enumerate(guesses)
        )
    )
    statuses = [answer.status for answer in answers]
    assert (statuses.count(422), statuses.count(429)) == (ATTEMPTS_OF_ADDRESS, 20)
    limited = next(answer for answer in answers if answer.status == 429)
    assert limited.body["code"] == "rate_limited"
    assert 1 <= int(limited.headers["Retry-After"]) <= 600
    good = await enrol(demo.url, brought(code, new_key()), address="127.0.0.77")
    assert good.status == 429, "a good code isn't judged either"
    assert (await enrol(second_hub.url, brought(code, new_key()))).status == 200


async def test_a_page_of_another_origin_enrols_nothing(demo: RunningDemo) -> None:
    body = brought("7K3M-Q0ZD-4VXR-9H2T", new_key())
    assert (await enrol(demo.url, body, Origin="https://evil.example")).status == 403


async def test_a_code_is_shown_once(demo: RunningDemo, admin: Connection, site_id: str) -> None:
    asked = {"request_key": uuid7(), "site_id": site_id, "name": "Puerta"}
    first, again = await admin.result("device.invite", **asked), await admin.result("device.invite", **asked)
    assert first["pairing_code"] is not None
    assert again["pairing_code"] is None
    assert again["expires_at"] == first["expires_at"]
    assert (await enrol(demo.url, brought(first["pairing_code"], new_key()))).status == 200


async def test_nobody_is_invited_to_a_site_that_isn_t_there(admin: Connection) -> None:
    refused = await admin.refusal("device.invite", request_key=uuid7(), site_id=uuid7(), name="Puerta")
    assert (refused["code"], refused["details"]) == ("not_found", None)
