"""Ten thousand guesses at one person's PIN, over number, badges, terminals and hubs, with Redis killed on the way."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import AsyncExitStack
from typing import Final

import asyncpg
import pytest

from server.secrets.local import open_key_file
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from storage.models import Employee
from storage.repositories import enrolment
from tests.builders import badge_of
from tests.contract.connection import Connection, connect_device
from tests.contract.journal import Journal
from tests.contract.primitives import Message
from tests.contract.punching import record, recorded, verdict
from tests.faults.own_place import OwnPlace, redis_is
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

GUESSES: Final = 10_000
KIOSKS: Final = 6
EVALUATED: Final = 5
STRIKE_AT_TURN: Final = 3
SECOND_BADGE: Final = "VICTIMS0SECOND0BADGE"
PIN: Final = "246810"


async def give_pins(place: OwnPlace, people: list[Employee]) -> None:
    """One PIN for each, and a second badge for the first."""
    secrets = open_key_file(place.folder / "keys.json")
    hashes = SlowHashes(iterations=1, memory_kib=64, lanes=1, threads=1, queue_max=8)
    pins = [(one.employee_id, await PinHashes(secrets, hashes).keep(one.employee_id, PIN)) for one in people]
    hashes.close()
    connection = await asyncpg.connect(place.dsns.migrator)
    try:
        await enrolment.set_pins(connection, pins)
        second = (secrets.badge_hash(SECOND_BADGE), people[0].employee_id)
        now = await connection.fetchval("SELECT now()")
        await enrolment.assign_badges(connection, [second], now)
    finally:
        await connection.close()


def guess(victim: Employee, number: int) -> Message:
    """The guess of this number; the right PIN is none of them."""
    pin = f"{number:06}"
    match number % 3:
        case 0:
            return {"employee_number": victim.employee_number, "pin": pin}
        case 1:
            return {"badge": badge_of(victim), "pin": pin}
        case _:
            return {"badge": SECOND_BADGE, "pin": pin}


async def guess_all(kiosk: Connection, journal: Journal, victim: Employee, numbers: range) -> Counter[str]:
    """As fast as the hub answers; what was said of each guess."""
    said: Counter[str] = Counter()

    async def one(answer: "asyncio.Future[Message]") -> None:
        outcome = await answer
        said[f"{outcome.get('outcome', outcome['type'])} {outcome.get('reason', outcome.get('code'))}"] += 1

    waiting: list[asyncio.Task[None]] = []
    for number in numbers:
        punch = journal.punch(guess(victim, number))
        waiting.append(asyncio.create_task(one(await kiosk.start("punch.record", **punch.fields()))))
        if len(waiting) >= 48:
            await waiting.pop(0)
    await asyncio.gather(*waiting)
    return said


async def test_of_ten_thousand_guesses_five_are_judged(place: OwnPlace, near: ServingHub, far: ServingHub) -> None:
    site_id = place.devices[0].site_id
    *guessers, beside = [device for device in place.devices if device.site_id == site_id][: KIOSKS + 1]
    victim, colleague = [one for one in place.company.employees if str(one.site_id) == site_id][-2:]
    await give_pins(place, [victim, colleague])
    share = GUESSES // KIOSKS
    async with AsyncExitStack() as stack:
        guessing = []
        for index, device in enumerate(guessers):
            hub = (near, far)[index % 2]
            kiosk = await stack.enter_async_context(connect_device(hub.ws_url, device))
            journal = Journal.of(device, kiosk.welcome["device"])
            numbers = range(index * share, (index + 1) * share)
            guessing.append(asyncio.create_task(guess_all(kiosk, journal, victim, numbers)))
        kiosk = await stack.enter_async_context(connect_device(far.ws_url, beside))
        journal = Journal.of(beside, kiosk.welcome["device"])
        turns = 0
        while not all(one.done() for one in guessing):
            # Meanwhile a colleague comes and goes by PIN at the next terminal, and the victim by badge.
            kind = ("in", "out")[turns % 2]
            by_pin = {"employee_number": colleague.employee_number, "pin": PIN}
            await recorded(kiosk, journal.punch(by_pin, kind=kind))
            await recorded(kiosk, journal.punch({"badge": badge_of(victim)}, kind=kind))
            turns += 1
            if turns == STRIKE_AT_TURN:
                assert place.valkey.pid is not None
                os.kill(place.valkey.pid, signal.SIGKILL)
            await asyncio.sleep(0.5)
        assert turns > STRIKE_AT_TURN, "all guesses were answered before Redis was struck"
        said = sum([await one for one in guessing], Counter())
        await place.valkey.stop()
        right = await record(kiosk, journal.punch({"employee_number": victim.employee_number, "pin": PIN}))
        await place.valkey.start()
        await asyncio.gather(*(redis_is(hub, "ok") for hub in (near, far)))
    print(f"guesses by their answer: {dict(said)}")
    assert said == {"refused not_recognised": EVALUATED, "refused pin_throttled": share * KIOSKS - EVALUATED}
    assert verdict(right) == ("refused", "pin_throttled"), "the right one is no longer looked at"
