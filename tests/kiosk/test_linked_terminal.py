"""A whole terminal and a hub that does as the page says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kiosk.outbox_file import FolderInUse
from kiosk.terminal import (
    BadgeCredential,
    Captured,
    Enrolment,
    Kind,
    Link,
    NumberCredential,
    OutboxFault,
    Outcome,
)
from tests.kiosk.page_hub import Json, error
from tests.kiosk.place import BADGE, Place, a_place, answer, badge, badges

pytestmark = pytest.mark.integration


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as place:
        yield place


async def test_a_punch_is_answered(place: Place) -> None:
    await place.serve()
    terminal = await place.online()

    ticket = await terminal.punch(BADGE, Kind.IN)
    said = await answer(ticket)

    assert (said.outcome, said.kind, said.employee_name) == (Outcome.RECORDED, Kind.IN, "Ana García")
    (punch,) = place.hub.punches
    assert punch["credential"] == {"badge": BADGE.badge}
    assert punch["captured"] == ticket.captured == Captured.ONLINE
    assert punch["punch_id"] == str(ticket.punch_id)
    assert punch["sealing_key_id"] == "new"
    assert punch["clock"] is not None
    await place.drained()


async def test_number_and_pin_are_sealed_and_never_on_the_disk(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await place.hang_up()
    await terminal.punch(NumberCredential(employee_number="70012345", pin="918273"), Kind.AUTO)
    await terminal.punch(BADGE, Kind.AUTO)

    for file in place.folder.iterdir():
        content = file.read_bytes()
        assert b"918273" not in content
        assert b"70012345" not in content
        assert BADGE.badge.encode() not in content
        assert file.stat().st_mode & 0o077 == 0


async def test_what_is_punched_without_a_hub_goes_out_in_order_when_it_is_back(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await place.hang_up()
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    tickets = [await terminal.punch(badge(number), Kind.AUTO) for number in range(30)]
    assert terminal.state.backlog == 30
    assert terminal.state.backlog_since is not None
    assert abs(terminal.state.backlog_since - tickets[0].made_at) < timedelta(milliseconds=50)
    assert terminal.state.detail is not None

    await place.serve()
    for ticket in tickets:
        assert (await answer(ticket)).outcome is Outcome.RECORDED
    await place.drained()

    assert place.badges == badges(*range(30))
    assert {punch["captured"] for punch in place.hub.punches} == {"offline"}
    assert any(state.syncing and state.link is Link.ONLINE for state in place.seen)
    assert not terminal.state.syncing


async def test_a_restarted_terminal_sends_what_it_kept(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await answer(await terminal.punch(badge(0), Kind.AUTO))
    await place.hang_up()
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    await terminal.punch(badge(1), Kind.AUTO)
    await place.end()

    terminal = await place.begin()
    assert terminal.state.backlog == 1
    assert terminal.state.site_name == "Planta Norte"
    ticket = await terminal.punch(badge(2), Kind.AUTO)
    assert ticket.captured is Captured.OFFLINE
    await place.serve()
    await answer(ticket)
    await place.drained()

    assert place.badges == badges(0, 1, 2)
    assert [punch["seq"] for punch in place.hub.punches] == [1, 2, 3]


async def test_a_second_terminal_on_the_same_folder_is_told_so(place: Place) -> None:
    await place.serve()
    await place.online()
    with pytest.raises(FolderInUse, match="in use by another kiosk"):
        await place.new_terminal().start()


async def test_a_pending_terminal_waits_and_goes_on_when_it_is_confirmed(place: Place) -> None:
    place.hub.status = "pending"
    await place.serve()
    terminal = await place.begin()
    await place.until(lambda: terminal.state.enrolment is Enrolment.PENDING)
    with pytest.raises(OutboxFault) as raised:
        await terminal.punch(BADGE, Kind.AUTO)
    assert raised.value.code == "not_enrolled"

    place.hub.status = "active"
    await place.hub.push({"type": "device.state"} | place.hub.device())
    await place.until(lambda: terminal.state.enrolment is Enrolment.ACTIVE)
    assert (await answer(await terminal.punch(BADGE, Kind.AUTO))).outcome is Outcome.RECORDED
    assert place.hub.connections == 1


async def test_before_the_first_welcome_nothing_can_be_sealed(place: Place) -> None:
    terminal = await place.begin()
    with pytest.raises(OutboxFault) as raised:
        await terminal.punch(BADGE, Kind.AUTO)
    assert raised.value.code == "no_sealing_key"


async def test_a_credential_that_no_seal_holds_leaves_the_journal_as_it_was(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    with pytest.raises(OutboxFault) as raised:
        await terminal.punch(BadgeCredential(badge="9" * 200), Kind.AUTO)
    assert raised.value.code == "too_long"
    await answer(await terminal.punch(BADGE, Kind.AUTO))
    assert [punch["seq"] for punch in place.hub.punches] == [1]


async def test_the_hubs_time_is_kept_over_a_restart_within_the_boot(place: Place) -> None:
    place.hub.clock_offset = timedelta(days=400)
    await place.serve()
    terminal = await place.online()
    assert abs(terminal.now() - place.hub.now()) < timedelta(seconds=1)
    await place.until(lambda: len([c for c in place.hub.commands if c["type"] == "time.sync"]) >= 4)
    await place.end()
    await place.hang_up()

    terminal = await place.begin()
    assert terminal.state.clock_known
    assert abs(terminal.now() - place.hub.now()) < timedelta(seconds=1)
    ticket = await terminal.punch(BADGE, Kind.AUTO)
    assert abs(ticket.made_at - place.hub.now()) < timedelta(seconds=1)


async def test_reports_tell_the_backlog_and_that_it_is_gone(place: Place) -> None:
    await place.serve()
    terminal = await place.online()
    await place.hang_up()
    await place.until(lambda: terminal.state.link is Link.OFFLINE)
    ticket = await terminal.punch(BADGE, Kind.AUTO)
    place.hub.refuse = lambda _punch, times: error("unavailable", retry_after_ms=100) if times < 8 else None
    place.hub.commands.clear()
    await place.serve()
    await answer(ticket)

    def reports() -> list[Json]:
        return [command for command in place.hub.commands if command["type"] == "device.report"]

    await place.until(lambda: bool(reports()) and reports()[-1]["outbox_depth"] == 0)
    first, last = reports()[0], reports()[-1]
    assert first["outbox_depth"] == 1
    moment = datetime.fromisoformat(first["oldest_unsent_at"])
    assert abs(moment - ticket.made_at) < timedelta(milliseconds=50)
    assert last["oldest_unsent_at"] is None
