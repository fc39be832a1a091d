"""A hub that is told to stop while a thousand boards watch and kiosks send; who was on it returns elsewhere."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Final

import aiohttp
import asyncpg
import pytest

from tests.builders import badge_of
from tests.contract.connection import Connection, connect, connect_device, connect_person
from tests.contract.journal import Journal
from tests.contract.primitives import ago
from tests.faults.crowd import Crowd, digest_of
from tests.faults.own_place import OwnPlace
from tests.faults.sending_kiosk import SendingKiosk
from tests.running_hub import ServingHub

pytestmark = pytest.mark.e2e

BOARDS: Final = 1_000
KIOSKS: Final = 8
PUNCHES: Final = 120
DEAF: Final = 3
ENDED_SECONDS: Final = 30.0
BACK_SECONDS: Final = 60.0


async def sending_kiosks(place: OwnPlace, hub: ServingHub) -> list[SendingKiosk]:
    """Each with what it has on its disk: people who came and went, minutes apart."""
    people = [one for one in place.company.employees if str(one.site_id) == place.devices[0].site_id]
    turn = count()
    kiosks = []
    for device in place.devices[:KIOSKS]:
        async with connect_device(hub.ws_url, device) as connection:
            journal = Journal.of(device, connection.welcome["device"])
        punches = []
        for _ in range(PUNCHES):
            number = next(turn)
            at = ago(hours=9) + timedelta(minutes=2 * (number // len(people)), milliseconds=number)
            punches.append(journal.punch({"badge": badge_of(people[number % len(people)])}, at=at))
        kiosks.append(SendingKiosk(device, punches, in_flight=16, pause_seconds=0.02))
    return kiosks


async def not_ready_at(hub: ServingHub) -> float | None:
    """When `/ready` first was 503; None if it never was before nobody answered."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        while True:
            try:
                async with session.get(f"{hub.url}/ready") as answer:
                    if answer.status == 503:
                        return time.monotonic()
            except aiohttp.ClientError:
                return None
            await asyncio.sleep(0.005)


@asynccontextmanager
async def deaf_boards(hub: ServingHub, token: str) -> AsyncIterator[None]:
    """Boards that read nothing any more, not even that the hub says goodbye."""
    async with AsyncExitStack() as stack:
        for _ in range(DEAF):
            board = await stack.enter_async_context(connect_person(hub.ws_url, token))
            await board.watch()
            connection = board.ws._conn
            assert connection is not None
            assert isinstance(connection.transport, asyncio.Transport)
            connection.transport.pause_reading()
        yield


async def closed_at(connection: Connection) -> float:
    assert await connection.closed(ENDED_SECONDS) == 3001
    return time.monotonic()


async def all_recorded(place: OwnPlace, kiosks: list[SendingKiosk]) -> None:
    """Each punch once, in order, and as each of its answers said."""
    reader = await asyncpg.connect(place.dsns.reader)
    try:
        for kiosk in kiosks:
            rows = await reader.fetch(
                "SELECT seq, punch_id::text, outcome, reason, kind FROM punches WHERE device_id = $1 AND log_id = $2"
                " ORDER BY recorded_at, seq",
                kiosk.device.device_id,
                kiosk.punches[0].members["log_id"],
            )
            assert [row["seq"] for row in rows] == list(range(1, PUNCHES + 1))
            for row, punch, answers in zip(rows, kiosk.punches, kiosk.answers, strict=True):
                assert row["punch_id"] == punch.punch_id
                for answer in answers:
                    assert (answer["outcome"], answer["reason"], answer["kind"]) == tuple(row)[2:]
    finally:
        await reader.close()


async def test_a_hub_that_is_told_to_stop(place: OwnPlace, near: ServingHub) -> None:
    """Readiness first, answers next, 3001 for all; nothing is lost, and all are back where they were."""
    hub = await place.start_hub()
    token = await place.token(near)
    token_file = place.folder / "token"
    token_file.write_text(token)
    kiosks = await sending_kiosks(place, hub)
    crowd = await Crowd.begin([hub.ws_url, near.ws_url], BOARDS, token_file)
    try:
        await asyncio.wait_for(crowd.line(), BACK_SECONDS)
        async with deaf_boards(hub, token), connect_person(hub.ws_url, token) as watcher:
            await watcher.watch()
            async with asyncio.timeout(2 * BACK_SECONDS), asyncio.TaskGroup() as group:
                sending = [group.create_task(kiosk.run(hub.ws_url)) for kiosk in kiosks]
                while sum(kiosk.first_unanswered for kiosk in kiosks) < KIOSKS * PUNCHES // 4:
                    await asyncio.sleep(0.01)
                assert not any(task.done() for task in sending), "punches are in flight"
                unready, goodbye = group.create_task(not_ready_at(hub)), group.create_task(closed_at(watcher))
                begun = time.monotonic()
                hub.process.terminate()
                assert await asyncio.to_thread(hub.process.wait, ENDED_SECONDS) == 0, hub.tail()
                ended = time.monotonic() - begun
                print(f"{BOARDS} boards, {KIOSKS} kiosks, {DEAF} that read nothing: ended after {ended:.1f} s")
                assert ended < ENDED_SECONDS
                unready_at = await unready
                assert unready_at is not None
                assert unready_at <= await goodbye
                assert unready_at - begun < 1.0
                again = await place.start_hub(port=hub.port)
            assert all(kiosk.connections >= 2 for kiosk in kiosks), "each was sent away amid its punches"
        await all_recorded(place, kiosks)
        await boards_are_back(place, near, crowd)
        again.kill()
    finally:
        await crowd.end()


async def boards_are_back(place: OwnPlace, near: ServingHub, crowd: Crowd) -> None:
    """All were told 3001, resumed, and show what a fresh state shows."""
    async with connect_person(near.ws_url, await place.token(near)) as person:
        fresh = digest_of(await person.watch())
    back, goodbyes, resumed = 0, 0, 0
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            told = await crowd.report()
            back += len(told["back_at"])
            goodbyes += told["closes"].get("3001", 0)
            resumed += told["resumed"]
            if back >= BOARDS and told["digests"] == {fresh: BOARDS}:
                break
            await asyncio.sleep(0.2)
    assert goodbyes == BOARDS
    assert resumed >= BOARDS * len(place.company.sites)


async def test_a_hub_s_own_delay_is_no_fault_of_a_client(place: OwnPlace) -> None:
    """A client that is in time isn't told 3502, after which it would not come back, when the hub reads it late."""
    hub = await place.start_hub(auth_timeout_seconds=0.5)
    token = await place.token(hub)
    async with connect(hub.ws_url) as client:
        os.kill(hub.process.pid, signal.SIGSTOP)
        try:
            answer = await client.start("auth", token=token, lang="en")
            await asyncio.sleep(0.8)
        finally:
            os.kill(hub.process.pid, signal.SIGCONT)
        assert (await asyncio.wait_for(answer, 20))["type"] == "welcome"
    async with connect(hub.ws_url) as silent:
        assert await silent.closed() == 3502
    hub.stop()


async def test_who_says_nothing_holds_up_nobody(place: OwnPlace) -> None:
    """A client waits behind others whose word is being judged, never behind one that hasn't spoken."""
    hub = await place.start_hub(handshakes_at_once=1, handshake_place_ms=60_000, auth_timeout_seconds=20)
    token = await place.token(hub)
    async with connect(hub.ws_url), connect(hub.ws_url), connect(hub.ws_url) as third:
        began = time.monotonic()
        await third.authenticate(token)
        assert time.monotonic() - began < 10
    hub.stop()
