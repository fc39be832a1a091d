"""The keys' own place goes away under two hubs at work, for longer than keys may be kept, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from server.secrets.local import open_key_file
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from storage.models import Employee
from storage.repositories.enrolment import set_pins
from tests.builders import badge_of
from tests.contract.connection import Connection, an_error, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.primitives import Message
from tests.contract.punching import record, verdict
from tests.faults import own_place
from tests.faults.fading_hub import SIGN
from tests.faults.own_place import OwnPlace, figures
from tests.running_hub import ServingHub

pytestmark = [pytest.mark.e2e]

PIN = "271828"
SECONDS = 30


class FadingHub(ServingHub):
    program = "tests.faults.fading_hub"


@asynccontextmanager
async def a_place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OwnPlace]:
    monkeypatch.setattr(own_place, "ServingHub", FadingHub)
    place = await OwnPlace.open(people=4, devices=2, sites=1)
    try:
        hashes = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=8)
        kept = PinHashes(open_key_file(place.folder / "keys.json"), hashes)
        people = [one.employee_id for one in place.company.employees]
        owner = await asyncpg.connect(place.dsns.migrator)
        await set_pins(owner, [(employee_id, await kept.keep(employee_id, PIN)) for employee_id in people])
        await owner.close()
        hashes.close()
        yield place
    finally:
        await place.close()


async def says_of_keys(hub: ServingHub, state: str) -> tuple[int, str]:
    """`/ready`, once it has looked again."""
    async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{hub.url}/ready") as answer:
                report = await answer.json()
                if report["secrets"] == state:
                    return answer.status, report["status"]
            await asyncio.sleep(0.05)


async def line_in(admin: Connection, place: OwnPlace, employee: Employee) -> Message:
    """A person's line on the board, once they are in."""

    def line() -> Message:
        found: Message = admin.board.sites[place.devices[0].site_id].people[str(employee.employee_id)]
        return found

    await admin.wait_for(lambda: line()["status"] == "in", SECONDS)
    return line()


async def add_a_site(admin: Connection) -> Message:
    return await admin.ask("site.create", request_key=str(uuid4()), name=uuid4().hex, time_zone="Europe/Madrid")


def by_number(employee: Employee) -> Message:
    return {"employee_number": employee.employee_number, "pin": PIN}


async def test_keys_that_go_are_waited_for_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_place(monkeypatch) as place:
        hubs = [await place.start_hub(second_look_seconds=0.2) for _ in range(2)]
        ana, bea, carla, _ = place.company.employees
        async with (
            connect_person(hubs[0].ws_url, await place.token(hubs[0])) as admin,
            connect_device(hubs[0].ws_url, place.devices[0]) as here,
            connect_device(hubs[1].ws_url, place.devices[1]) as there,
        ):
            await admin.watch(None)
            site = admin.board.sites[place.devices[0].site_id]
            journals = [
                Journal.of(device, line.welcome["device"])
                for device, line in zip(place.devices, (here, there), strict=True)
            ]
            punches = [journals[0].punch({"badge": badge_of(ana)}), journals[1].punch(by_number(bea))]

            says(place.folder, "away")
            assert verdict(await record(here, punches[0])) == ("recorded", None)
            held = await record(there, punches[1])
            assert verdict(held) == ("held", "pin_unchecked")
            refusal = an_error(await add_a_site(admin))
            assert (refusal["code"], refusal["retry"]) == ("unavailable", True)
            assert refusal["retry_after_ms"] > 0
            for hub in hubs:
                assert await says_of_keys(hub, "unavailable") == (200, "ready")
                assert (await figures(hub))["hub_secrets_reachable"] == 0
            assert (await admin.result("hub.status"))["secrets"] == "unavailable"

            says(place.folder, "forgotten")
            sealed = await record(here, journals[0].punch({"badge": badge_of(carla)}))
            assert verdict(sealed) == ("held", "seal_unavailable")
            await until_waiting(hubs, 2)
            assert len((await admin.result("punch.list", **EVERYTHING, outcome="held"))["items"]) == 2
            assert site.people[str(carla.employee_id)]["status"] == "out"

            says(place.folder, None)
            for employee, answer in ((bea, held), (carla, sealed)):
                line = await line_in(admin, place, employee)
                assert line["since"] == answer["occurred_at"]
            await until_waiting(hubs, 0)
            items = (await admin.result("punch.list", **EVERYTHING, outcome=None))["items"]
            assert [(item["outcome"], item["kind"]) for item in items] == [("recorded", "in")] * 3
            again = await record(there, punches[1])
            assert {**again, "re": 0} == {**held, "re": 0, "duplicate": True}
            assert (await add_a_site(admin))["type"] == "site.create.result"
        for hub in hubs:
            assert "internal" not in hub.log.read_text()


EVERYTHING = {
    "site_id": None, "employee_id": None, "device_id": None, "from": None, "until": None, "limit": 100, "cursor": None
}  # fmt: skip


def says(folder: Path, what: str | None) -> None:
    sign, draft = folder / SIGN, folder / f"{SIGN}.draft"
    if what is None:
        sign.unlink()
        return
    draft.write_text(what)
    draft.replace(sign)


async def until_waiting(hubs: list[ServingHub], count: int) -> None:
    """All hubs say that so many punches wait."""
    async with asyncio.timeout(SECONDS):
        while any([(await figures(hub))["hub_punches_waiting_for_keys"] != count for hub in hubs]):
            await asyncio.sleep(0.05)
