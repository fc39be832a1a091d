"""Kiosks go on punching, and come in anew, while their hub is attacked from another address."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, Final

import aiohttp
import pytest

from server.settings import Settings
from tests.benchmarks.clients.attackers import UPGRADE, frame
from tests.benchmarks.processes import Child
from tests.builders import badge_of
from tests.contract.connection import connect, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.punching import record
from tests.faults.own_place import OwnPlace, figures, rose
from tests.running_hub import ONE_MACHINE, ServingHub

pytestmark = pytest.mark.e2e

AS_BY_DEFAULT: Final[dict[str, Any]] = {
    field.name: field.default for field in fields(Settings) if f"ATTENDANCE_{field.name.upper()}" in ONE_MACHINE
}
"""Limits by address and account, which crowds of tests have out of the way."""
HALF_OPEN: Final = 600
STRANGERS: Final = 100
"""Fewer than those, so that they are asked to make room for each other all the time."""
UNDER_WAY_SECONDS: Final = 60.0
ATTACKED_PUNCHES: Final = 25
ELSEWHERE: Final = "127.0.0.7"


@pytest.fixture(scope="module")
def hub(place: OwnPlace) -> Iterator[ServingHub]:
    limits = AS_BY_DEFAULT | {"unauthenticated_sockets_of_address": STRANGERS, "sockets_of_account": 3}
    with asyncio.Runner() as runner:
        made = runner.run(place.start_hub(**limits, http_header_seconds=1))
        yield made
        made.stop()


@asynccontextmanager
async def attackers(place: OwnPlace, hub: ServingHub) -> AsyncIterator[Child]:
    child = await Child.start(
        "attackers", "tests.benchmarks.clients.attackers", "127.0.0.1", str(hub.port), folder=place.folder
    )
    try:
        yield child
    finally:
        await child.stop()


async def honest_kiosks_go_on(place: OwnPlace, hub: ServingHub) -> None:
    """One that is there already punches, and so does another that comes in anew each time."""
    stays, comes = place.devices[:2]
    async with connect_device(hub.ws_url, stays) as kiosk:
        journal = Journal.of(stays, kiosk.welcome["device"])
        for number in range(ATTACKED_PUNCHES):
            punch = journal.punch({"badge": badge_of(place.person(stays.site_id))})
            assert (await record(kiosk, punch))["outcome"] == "recorded"
            if number % 5 == 0:
                async with connect_device(hub.ws_url, comes) as other:
                    again = Journal.of(comes, other.welcome["device"])
                    punch = again.punch({"badge": badge_of(place.person(comes.site_id))})
                    assert (await record(other, punch))["outcome"] == "recorded"


async def until(child: Child, attack: str, figure: str, least: int) -> None:
    async with asyncio.timeout(UNDER_WAY_SECONDS):
        while (await child.ask("figures"))[attack][figure] < least:
            await asyncio.sleep(0.05)


async def test_amid_half_open_handshakes(place: OwnPlace, hub: ServingHub) -> None:
    before = await figures(hub)
    async with attackers(place, hub) as child:
        await child.ask("half_open", address="127.0.0.2", count=HALF_OPEN)
        await until(child, "half_open", "greeted", STRANGERS * 2)
        await honest_kiosks_go_on(place, hub)
    after = await figures(hub)
    assert rose(before, after, "hub_sockets_turned_away_total{unauthenticated_of_address}") >= STRANGERS
    assert rose(before, after, "hub_sockets_turned_away_total{unauthenticated}") == 0


async def test_amid_requests_that_never_end(place: OwnPlace, hub: ServingHub) -> None:
    async with attackers(place, hub) as child:
        await child.ask("slow_headers", address="127.0.0.3", count=HALF_OPEN)
        await until(child, "slow_headers", "opened", HALF_OPEN)
        await honest_kiosks_go_on(place, hub)
        await until(child, "slow_headers", "opened", HALF_OPEN + 100)  # they were cut off, and came back


async def test_amid_a_flood_of_messages_on_one_socket(place: OwnPlace, hub: ServingHub) -> None:
    token = await place.token(hub)
    before = await figures(hub)
    async with attackers(place, hub) as child:
        await child.ask("flood", address="127.0.0.4", token=token, per_second=10_000)
        await until(child, "flood", "sent", 100)
        await honest_kiosks_go_on(place, hub)
        await until(child, "flood", "ended", 2)
    after = await figures(hub)
    assert rose(before, after, "hub_closes_total{3013}") >= 2
    assert rose(before, after, "hub_command_errors_total{internal}") == 0


async def test_a_flood_of_pings_is_ended_too(place: OwnPlace, hub: ServingHub) -> None:
    token = await place.token(hub)
    async with connect_person(hub.ws_url, token) as person:
        with contextlib.suppress(ConnectionError):
            for _ in range(1_500):
                await person.ws.ping()
        assert await person.closed() == 3013


async def test_a_flood_of_used_ids_and_of_refused_punches_is_ended(place: OwnPlace, hub: ServingHub) -> None:
    token = await place.token(hub)
    for message in ({"type": "hub.status", "id": 1}, {"type": "punch.record"}):
        async with connect_person(hub.ws_url, token) as person:
            with contextlib.suppress(ConnectionError):
                for number in range(1_500):
                    await person.ws.send_json({"id": number + 2, **message})
            assert await person.closed() == 3013
            person.violations.clear()  # one id was answered time and again


async def test_an_account_may_have_so_many_sockets(place: OwnPlace, hub: ServingHub) -> None:
    token = await place.token(hub)
    async with connect_person(hub.ws_url, token), connect_person(hub.ws_url, token) as second:
        async with connect_person(hub.ws_url, token), connect(hub.ws_url) as fourth:
            answer = await (await fourth.start("auth", token=token, lang="en"))
            assert (answer["type"], answer["code"], answer["retry"]) == ("error", "rate_limited", True)
            assert answer["retry_after_ms"] > 0
            assert await fourth.closed() == 3013
        assert (await second.ask("hub.status"))["type"] == "hub.status.result"
        async with connect_person(hub.ws_url, token):
            pass  # there is room again


async def upgrade(hub: ServingHub, address: str) -> tuple[int, asyncio.StreamWriter]:
    """The status of an upgrade that comes from an address, and what to close then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, local_addr=(address, 0))
    writer.write(UPGRADE)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    assert (b"Retry-After: " in head) == (status == 429)
    return status, writer


async def test_an_address_may_have_and_begin_so_many_sockets_and_health_is_not_starved(place: OwnPlace) -> None:
    hub = await place.start_hub(**AS_BY_DEFAULT | {"sockets_of_address": 1, "upgrades_per_minute": 2})
    lines = [await upgrade(hub, address) for address in ("127.0.0.2", "127.0.0.2", "127.0.0.3")]
    assert [status for status, _ in lines] == [101, 429, 101]
    assert (await figures(hub))["hub_sockets_turned_away_total{of_address}"] == 1
    connector = aiohttp.TCPConnector(local_addr=(ELSEWHERE, 0))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def status_of(path: str) -> int:
            async with session.get(f"{hub.url}{path}") as answer:
                return answer.status

        assert [await status_of("/ws") for _ in range(4)] == [400, 400, 429, 429]
        assert [await status_of(path) for path in ("/health", "/ready", "/")] == [200, 200, 200]
    assert (await figures(hub))["hub_requests_throttled_total{ws}"] == 2
    for _, writer in lines:
        writer.close()
    hub.kill()


def test_the_attackers_frames_are_what_they_say() -> None:
    assert frame({"a": 1}) == b"\x81\x88\0\0\0\0" + b'{"a": 1}'
