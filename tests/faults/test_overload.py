"""More than a hub can take at once, from kiosks and towards boards: told, bounded, and no harm to others."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest

from kiosk.identity import Identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import BadgeCredential, Kind, Link, Outcome
from protocol.values import to_binary
from tests.builders import badge_of
from tests.contract.connection import connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.punching import an_outcome, record
from tests.faults.backlog_run import backlog_beside_live
from tests.faults.own_place import OwnPlace, figures, rose
from tests.faults.processes import descendants, frozen
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

QUEUE: Final = 16
RETRY_MS: Final = 700
FULL_SECONDS: Final = 2.2
SLOW_SECONDS: Final = 1.5
SMALL_BUFFER_BYTES: Final = 4_096
BACKLOG: Final = 10_000
HUB_GROWTH_BYTES: Final = 40e6
KIOSK_BYTES: Final = 80e6
LIVE_MS: Final = 1_000.0


@asynccontextmanager
async def database_silent(place: OwnPlace) -> AsyncIterator[None]:
    """Nothing is committed meanwhile, and nothing fails yet."""
    assert place.postgres.pid is not None
    with frozen([place.postgres.pid, *descendants(place.postgres.pid)]):
        yield


async def test_a_full_queue_says_when_to_come_back_and_a_kiosk_does(place: OwnPlace, tmp_path: Path) -> None:
    """What is beyond the bound is told `overloaded`; the kiosk's link waits as long as it was told, and loses none."""
    hub = await place.start_hub(ingest_queue_max=QUEUE, overloaded_retry_ms=RETRY_MS)
    busy, patient = place.devices[0], place.devices[1]
    identity = Identity.of(patient.device_id, to_binary(patient.private_key))
    kiosk = LinkedTerminal(
        hub_url=hub.url, folder=tmp_path / "kiosk", identity=identity, settings=Settings(), lang="en"
    )
    await kiosk.start()
    try:
        async with asyncio.timeout(20):
            while not (kiosk.state.link is Link.ONLINE and kiosk.state.clock_known):
                await asyncio.sleep(0.02)
        async with connect_device(hub.ws_url, busy) as connection:
            journal = Journal.of(busy, connection.welcome["device"])
            people = [badge_of(place.person(busy.site_id)) for _ in range(QUEUE + 4)]
            punches = [journal.punch({"badge": badge}) for badge in people]
            before = await figures(hub)
            async with database_silent(place):
                answers = [await connection.start("punch.record", **punch.fields()) for punch in punches]
                refusals = [await asyncio.wait_for(answer, 20) for answer in answers[QUEUE:]]
                for refusal in refusals:
                    assert (refusal["code"], refusal["retry"]) == ("overloaded", True)
                    assert RETRY_MS <= refusal["retry_after_ms"] <= 2 * RETRY_MS
                ticket = await kiosk.punch(BadgeCredential(badge=badge_of(place.person(patient.site_id))), Kind.IN)
                await asyncio.sleep(FULL_SECONDS)
            for punch, answer in zip(punches, answers[:QUEUE], strict=False):
                assert an_outcome(await asyncio.wait_for(answer, 30), punch)["outcome"] == "recorded"
            assert (await asyncio.wait_for(ticket.answer(), 30)).outcome is Outcome.RECORDED
            for punch in punches[QUEUE:]:
                assert (await record(connection, punch))["outcome"] == "recorded"
            told = rose(before, await figures(hub), "hub_command_errors_total{overloaded}") - len(refusals)
            print(f"the kiosk was told `overloaded` {told:.0f} times in {FULL_SECONDS} s")
            assert 2 <= told <= FULL_SECONDS * 1_000 / RETRY_MS + 2
            assert (await figures(hub))["hub_ingest_depth"] == 0
    finally:
        await kiosk.stop()
    hub.stop()


class NarrowBoard:
    """A board whose socket holds little, and that reads only when it is told to."""

    def __init__(self, session: aiohttp.ClientSession, socket_: "aiohttp.ClientWebSocketResponse[Any]") -> None:
        self._session = session
        self.socket = socket_
        self.last_id = 1

    @classmethod
    async def begin(cls, hub: ServingHub, token: str) -> "NarrowBoard":
        def narrow(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's own kind of address
            made = socket.socket(address[0], socket.SOCK_STREAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
            return made

        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=narrow))
        board = cls(session, await session.ws_connect(hub.ws_url, protocols=("attendance.v1",), max_msg_size=0))
        await board.socket.receive()
        await board.socket.send_json({"type": "auth", "id": 1, "token": token})
        await board.socket.receive()
        await board.watch()
        while not (await board.next())[-1]["last"]:
            pass
        return board

    async def watch(self) -> None:
        self.last_id += 1
        await self.socket.send_json({"type": "presence.watch", "id": self.last_id})

    async def next(self) -> list[dict[str, Any]]:
        message = await self.socket.receive(20)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(message.type, self.socket.close_code)
        messages: list[dict[str, Any]] = json.loads(message.data)
        return messages

    def deaf(self) -> None:
        self._transport.pause_reading()

    def hearing(self) -> None:
        self._transport.resume_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        connection = self.socket._conn
        assert connection is not None
        assert isinstance(connection.transport, asyncio.Transport)
        return connection.transport

    async def fill_socket(self) -> None:
        """Ask for whole boards without reading them, until the hub keeps what it has to say."""
        for _ in range(36):
            await self.watch()
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        await self._session.close()


@asynccontextmanager
async def narrow_boards(hub: ServingHub, token: str, count: int) -> AsyncIterator[list[NarrowBoard]]:
    async with AsyncExitStack() as stack:
        boards = []
        for _ in range(count):
            boards.append(await NarrowBoard.begin(hub, token))
            stack.push_async_callback(boards[-1].end)
        yield boards


async def test_a_slow_board_gets_what_it_missed_in_one(place: OwnPlace) -> None:
    """While it takes nothing its pushes collapse by person; then it shows what is true."""
    hub = await place.start_hub(slow_client_seconds=60)
    device = place.devices[0]
    changes = 0
    async with (
        narrow_boards(hub, await place.token(hub), 1) as (board,),
        connect_device(hub.ws_url, device) as kiosk,
    ):
        journal = Journal.of(device, kiosk.welcome["device"])
        board.deaf()
        await board.fill_socket()
        before = await figures(hub)
        people = [place.person(device.site_id) for _ in range(5)]
        for number in range(40):
            kind = ("in", "out", "break_start", "break_end")[number // 5 % 4]
            punch = journal.punch({"badge": badge_of(people[number % 5])}, kind=kind)
            changes += (await record(kiosk, punch))["reason"] != "debounced"
        board.hearing()
        mine: dict[str, Any] = {}
        pushes = offset = 0
        async with connect_person(hub.ws_url, await place.token(hub)) as other:
            fresh = (await other.watch()).sites[device.site_id]
        async with asyncio.timeout(30):
            while offset < fresh.offset:
                for message in await board.next():
                    match message["type"]:
                        case "presence.state":
                            for site in message["sites"]:
                                if site["site_id"] == device.site_id:
                                    offset = site["offset"]
                                    mine |= {person["employee_id"]: person for person in site["people"]}
                        case "presence.changed" if message["site_id"] == device.site_id:
                            assert message["from"] <= offset
                            offset = message["offset"]
                            mine |= {person["employee_id"]: person for person in message["people"]}
                            pushes += 1
    assert changes >= 30
    assert pushes <= 3, "what changed meanwhile came at once"
    assert mine == fresh.people
    assert rose(before, await figures(hub), "hub_pushes_collapsed_total") >= changes - 5 - 5
    hub.stop()


async def test_who_reads_nothing_is_cut_off_and_holds_up_nobody(place: OwnPlace) -> None:
    """3008, its socket aborted, its memory given back; boards beside it are in time, and so are kiosks."""
    hub = await place.start_hub(slow_client_seconds=SLOW_SECONDS)
    token = await place.token(hub)
    device = place.devices[0]
    before = await figures(hub)
    async with (
        narrow_boards(hub, token, 8) as deaf,
        connect_device(hub.ws_url, device) as kiosk,
        connect_person(hub.ws_url, token) as quick,
    ):
        await quick.watch()
        journal = Journal.of(device, kiosk.welcome["device"])
        for board in deaf:
            board.deaf()
        await asyncio.gather(*(board.fill_socket() for board in deaf))
        async with asyncio.timeout(30):
            while rose(before, await figures(hub), "hub_closes_total{3008}") < len(deaf):
                person = place.person(device.site_id)
                await record(kiosk, journal.punch({"badge": badge_of(person)}))
                shown = quick.board.sites[device.site_id].people
                await quick.wait_for(lambda p=person, s=shown: s[str(p.employee_id)]["since"] is not None, 3)  # type: ignore[misc]  # mypy can't infer the default
        async with asyncio.timeout(10):
            while sockets_of(hub) > 2:
                await asyncio.sleep(0.05)
    after = await figures(hub)
    grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
    print(f"{len(deaf)} boards that read nothing: the hub holds {grown / 1e6:.1f} MB more after them")
    assert grown < HUB_GROWTH_BYTES
    hub.stop()


def sockets_of(hub: ServingHub) -> int:
    """Established connections of a hub's port, as the kernel has them."""
    port = f":{urlsplit(hub.url).port:04X}"
    lines = Path(f"/proc/{hub.process.pid}/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1].endswith(port) and fields[3] == "01" for fields in map(str.split, lines))


async def test_a_backlog_beside_live_punches(place: OwnPlace, near: ServingHub, tmp_path: Path) -> None:
    """Whoever was cut off for days fills no queue: others go on beside it, and memory stays what it was."""
    found = await backlog_beside_live(place, near, tmp_path / "kiosk", punches=BACKLOG, live_kiosks=3)
    print(found)
    assert sorted(found.live_ms)[len(found.live_ms) // 2] < LIVE_MS
    assert found.hub_peak_bytes - found.hub_before_bytes < HUB_GROWTH_BYTES
    assert found.kiosk_peak_bytes < KIOSK_BYTES
