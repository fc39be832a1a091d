"""A whole terminal when the hub, the disk or the way between them fails."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from kiosk.settings import Settings
from kiosk.terminal import (
    Fault,
    Kind,
    Link,
    OutboxFault,
    Outcome,
    PunchSetAside,
    Reason,
)
from tests.kiosk.page_hub import Json, error
from tests.kiosk.place import BADGE, Place, a_place, answer, badge, badges

pytestmark = pytest.mark.integration


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as place:
        yield place


async def test_an_answer_that_never_came_is_asked_for_again(place: Place) -> None:
    place.settings = Settings(answer_timeout_seconds=0.3, backoff_base_seconds=0.05, backoff_cap_seconds=0.1)
    await place.serve()
    terminal = await place.online()
    place.hub.silent = True
    ticket = await terminal.punch(BADGE, Kind.AUTO)
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    place.hub.silent = False

    assert (await answer(ticket)).outcome is Outcome.RECORDED
    assert len(place.hub.punches) == 1
    assert place.hub.connections >= 2


@pytest.mark.parametrize("code", ["overloaded", "unavailable", "internal"])
async def test_a_hub_in_trouble_gets_the_punches_again_from_that_one_on(place: Place, code: str) -> None:
    def refuse(punch: Json, times: int) -> Json | None:
        return error(code, retry_after_ms=20) if punch["seq"] == 3 and times < 3 else None

    place.hub.refuse = refuse
    await place.begin()
    await place.serve()
    terminal = await place.online()
    tickets = [await terminal.punch(badge(number), Kind.AUTO) for number in range(20)]
    for ticket in tickets:
        assert (await answer(ticket)).outcome is Outcome.RECORDED

    assert place.badges == badges(*range(20))
    assert place.hub.connections == 1
    assert not any(punch["forked"] for punch in place.hub.punches)


@pytest.mark.parametrize("code", ["conflict", "invalid", "forbidden", "too_large"])
async def test_a_punch_that_the_hub_never_takes_is_set_aside_and_the_journal_goes_on(place: Place, code: str) -> None:
    place.hub.refuse = lambda punch, _times: error(code) if punch["seq"] == 2 else None
    await place.serve()
    terminal = await place.online()
    tickets = [await terminal.punch(badge(number), Kind.AUTO) for number in range(5)]

    with pytest.raises(PunchSetAside) as raised:
        await answer(tickets[1])
    assert raised.value.code == code
    answers = [await answer(ticket) for ticket in (tickets[0], *tickets[2:])]
    await place.drained()

    assert place.badges == badges(0, 2, 3, 4)
    assert [said.reason for said in answers] == [None, Reason.DEVICE_FORKED, None, None]
    assert [punch["after_loss"] for punch in place.hub.punches] == [False, True, False, False]
    assert terminal.state.fault is Fault.PUNCH_SET_ASIDE
    assert terminal.state.link is Link.ONLINE
    (file,) = place.folder.glob("outbox-*.sqlite3")
    with sqlite3.connect(file) as database:
        (kept,) = database.execute("SELECT note FROM punch WHERE state = 2").fetchall()
    assert kept == (f"{code}: {code}, for people",)


async def test_a_hub_restored_from_a_backup_gets_again_what_it_lost(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    for number in range(6):
        await answer(await terminal.punch(badge(number), Kind.AUTO))
    (journal,) = place.hub.journals.values()
    lost = [journal.texts.pop(seq) for seq in (3, 4, 5, 6)]
    previous = place.hub.punches[2]["previous"]
    journal.last_seq, journal.last_digest = 2, previous
    del place.hub.punches[2:]
    await place.hang_up()
    await place.serve()

    await place.until(lambda: len(place.hub.punches) == 6)
    assert place.badges == badges(*range(6))
    assert list(journal.texts.values())[2:] == lost
    assert not any(punch["forked"] for punch in place.hub.punches)


async def test_a_hub_that_lost_punches_while_connected_says_out_of_order_and_gets_them(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    for number in range(4):
        await answer(await terminal.punch(badge(number), Kind.AUTO))
    (journal,) = place.hub.journals.values()
    for seq in (3, 4):
        del journal.texts[seq]
    journal.last_seq, journal.last_digest = 2, place.hub.punches[2]["previous"]
    del place.hub.punches[2:]

    assert (await answer(await terminal.punch(badge(4), Kind.AUTO))).reason is None
    assert place.badges == badges(*range(5))
    assert place.hub.connections == 1


async def test_a_lost_outbox_begins_a_new_journal(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await answer(await terminal.punch(badge(0), Kind.AUTO))
    await place.end()
    for file in place.folder.glob("outbox-*"):
        file.unlink()

    terminal = await place.online()
    assert (await answer(await terminal.punch(badge(1), Kind.AUTO))).reason is None
    assert [punch["seq"] for punch in place.hub.punches] == [1, 1]
    assert len(place.hub.journals) == 2


async def test_an_outbox_from_a_backup_never_uses_a_seq_twice(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await answer(await terminal.punch(badge(0), Kind.AUTO))
    await place.end()
    backup = {file: file.read_bytes() for file in place.folder.glob("outbox-*")}
    terminal = await place.online()
    await answer(await terminal.punch(badge(1), Kind.AUTO))
    await place.end()
    for file in place.folder.glob("outbox-*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)

    terminal = await place.online()
    assert (await answer(await terminal.punch(badge(2), Kind.AUTO))).reason is None
    assert place.badges == badges(0, 1, 2)
    assert len(place.hub.journals) == 2
    assert terminal.state.fault is None


async def test_a_damaged_outbox_is_put_aside(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await answer(await terminal.punch(badge(0), Kind.AUTO))
    await place.end()
    (file,) = place.folder.glob("outbox-*.sqlite3")
    file.write_bytes(b"not a database " * 1000)

    terminal = await place.online()
    assert terminal.state.fault is Fault.OUTBOX_DAMAGED
    assert (await answer(await terminal.punch(badge(1), Kind.AUTO))).reason is None
    assert list(place.folder.glob("*.damaged-*"))


async def test_an_unwritable_disk_says_so_and_mends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.outbox_file.BUSY_SECONDS", 0.05)
    await place.serve()
    terminal = await place.online()
    (file,) = place.folder.glob("outbox-*.sqlite3")
    with sqlite3.connect(file, isolation_level=None) as thief:
        thief.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxFault) as raised:
            await terminal.punch(BADGE, Kind.AUTO)
        assert raised.value.code == "unwritable"
        assert terminal.state.fault is Fault.OUTBOX_UNWRITABLE
        thief.execute("ROLLBACK")

    await place.until(lambda: terminal.state.fault is None)
    await place.online()
    assert (await answer(await terminal.punch(badge(7), Kind.AUTO))).outcome is Outcome.RECORDED
    assert place.badges == badges(7)


async def test_a_hub_that_does_not_know_the_terminal_is_tried_again_later(place: Place) -> None:
    place.hub.status = "unknown"
    await place.serve()
    terminal = await place.begin()
    await place.until(lambda: terminal.state.fault is Fault.HUB_REFUSES)
    connections = place.hub.connections
    place.hub.status = "active"
    await asyncio.sleep(0.3)
    assert place.hub.connections == connections, "it waits out refused_retry_seconds"
    await place.online()
    assert terminal.state.fault is None


async def test_a_hub_that_can_not_look_the_terminal_up_is_tried_again_soon(place: Place) -> None:
    """Its database is away: that says nothing about the terminal."""
    place.settings = dataclasses.replace(place.settings, refused_retry_seconds=600)
    place.hub.status = "unavailable"
    await place.serve()
    terminal = await place.begin()
    await place.until(lambda: place.hub.connections > 2)
    assert terminal.state.fault is None
    place.hub.status = "active"
    await place.online()


async def test_nothing_listens_is_said_in_plain_words(place: Place) -> None:
    terminal = await place.begin()
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    assert terminal.state.detail == f"the hub can't be reached at 127.0.0.1:{place.port}: connection refused"


async def _http_only(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def _wrong_protocol(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close()
    return socket


async def _nonsense(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("attendance.v1",))
    await socket.prepare(request)
    await socket.send_str('{"type": "hello"')
    await socket.receive()
    return socket


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (_http_only, "the server at the hub's address answers HTTP 200"),
        (_wrong_protocol, "the server at the hub's address doesn't speak attendance.v1"),
        (_nonsense, "the hub breaks the contract: not JSON"),
    ],
)
async def test_a_server_that_is_no_hub_is_said_in_plain_words(
    place: Place, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], words: str
) -> None:
    app = web.Application()
    app.router.add_get("/ws", handler)
    place.runner = web.AppRunner(app, shutdown_timeout=0.1)
    await place.runner.setup()
    await web.TCPSite(place.runner, "127.0.0.1", place.port).start()
    terminal = await place.begin()
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    assert terminal.state.detail is not None
    assert terminal.state.detail.startswith(words)
