"""Section 3: ids, answers, codes, limits on commands."""

import asyncio
import json

import pytest

from tests.contract.connection import Connection, connect_device
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import boot_milliseconds
from tests.contract.primitives import Message, moment, now, uuid7, wire_time
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e


def sync_fields() -> Message:
    return {"t0": wire_time(now()), "boot_id": uuid7(), "monotonic_ms": boot_milliseconds()}


async def send(connection: Connection, id_: int, type_: str = "no.such", **fields: object) -> Message:
    """Sends with an id of the test's choosing; the next frame that answers it."""
    seen = len(connection.received)
    await connection.send_text(json.dumps({"type": type_, "id": id_, **fields}))
    await connection.wait_for(lambda: any(m.get("re", 0) == id_ for m in connection.received[seen:]))
    return next(m for m in connection.received[seen:] if m.get("re", 0) == id_)


async def test_ids_rise_strictly(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect_device(demo.ws_url, spare) as connection:
        assert (await send(connection, 10))["code"] == "unknown_command"
        for used in (10, 9, 1):
            assert (await send(connection, used))["code"] == "id_reused", used
        assert (await send(connection, 11))["code"] == "unknown_command", "a lower id doesn't lower the bar"
        assert (await send(connection, 2**53 - 1))["code"] == "unknown_command"
        connection.violations.clear()  # the client counts two answers to one id as a fault; here they are wanted


@pytest.mark.parametrize("id_", [0, -1, 2**53, -(2**53)])
async def test_ids_have_a_range(kiosk: Connection, id_: int) -> None:
    assert (await send(kiosk, id_))["code"] == "id_reused"
    assert (await kiosk.ask("no.such"))["code"] == "unknown_command"


async def test_an_error_consumes_its_id(kiosk: Connection) -> None:
    id_ = kiosk.last_id + 1
    assert (await send(kiosk, id_, "time.sync"))["code"] == "invalid"
    assert (await send(kiosk, id_, "time.sync", **sync_fields()))["code"] == "id_reused"
    kiosk.violations.clear()


async def test_invalid_names_the_field(kiosk: Connection) -> None:
    error = await kiosk.refusal("device.report", outbox_depth="many", oldest_unsent_at=None, version="1")
    assert error["code"] == "invalid"
    assert "outbox_depth" in json.dumps(error["details"])


@pytest.mark.parametrize("type_", ["", "no.such", "punch", "auth.", "PUNCH.RECORD", "x" * 500, "punch.record.result"])
async def test_an_unknown_type_is_an_unknown_command(kiosk: Connection, type_: str) -> None:
    assert (await kiosk.refusal(type_))["code"] == "unknown_command"


async def test_time_sync_measures(kiosk: Connection) -> None:
    fields, sent = sync_fields(), now()
    answer = await kiosk.result("time.sync", **fields)
    assert answer["t0"] == fields["t0"]
    t1, t2 = moment(answer["t1"]), moment(answer["t2"])
    assert sent <= t1 <= t2 <= now()


@pytest.mark.parametrize(
    "changes",
    [{"t0": None}, {"t0": "now"}, {"t0": "2026-11-24T07:00:00Z"}, {"boot_id": 1}, {"monotonic_ms": -1}],
)
async def test_time_sync_refuses_other_forms(kiosk: Connection, changes: Message) -> None:
    assert (await kiosk.refusal("time.sync", **sync_fields() | changes))["code"] == "invalid"


async def test_commands_are_bounded_and_say_when_to_try_again(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect_device(demo.ws_url, spare) as connection:
        answers = [await connection.start("time.sync", **sync_fields()) for _ in range(60)]
        replies = await asyncio.wait_for(asyncio.gather(*answers), 20)
        refused = [reply for reply in replies if reply["type"] == "error"]
        assert 20 <= len(replies) - len(refused) <= 50
        assert {error["code"] for error in refused} == {"rate_limited"}
        assert all(error["retry"] and error["retry_after_ms"] > 0 for error in refused)
        await asyncio.sleep(1.5)
        await connection.result("time.sync", **sync_fields())
