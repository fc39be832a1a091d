"""Watches: pushes at once, heads behind them, boards in parts, and bytes that many clients share."""

import json
from typing import Any, cast
from uuid import UUID

import pytest

from protocol.codec import encode
from protocol.replies import Person, SilentDevice
from protocol.values import MAX_STATE_PART_BYTES, Status
from server.errors import Refused
from server.hub.subscriptions import Switchboard, runs_that_fit
from server.rules.permissions import EVERYTHING, Scope
from server.services.directory import Directory
from server.services.terminals import Terminals
from server.telemetry.metrics import Metrics
from storage.models import Change, Employee, Site, SiteChanges
from storage.postgres import Database
from tests.server.hub.fakes import FakeDirectory, FakeTerminals
from tests.server.hub.stream_world import EIGHT, NORTH, BoardsByHand, Hub, Screen

EPOCH, HERE, THERE = UUID(int=9), UUID(int=1), UUID(int=2)


class World:
    """Two sites; `people` of them at the first, all out."""

    def __init__(self, people: int = 3, silent: int = 0) -> None:
        sites = {site_id: Site(site_id, f"Site {site_id.int}", "Europe/Madrid") for site_id in (HERE, THERE)}
        employees = {
            UUID(int=100 + number): Employee(
                UUID(int=100 + number), str(number), f"Ñandú {number:04} " * 4, HERE, NORTH, True, 1
            )
            for number in range(people)
        }
        self.people = list(employees)
        directory = cast("Directory", FakeDirectory(sites, {}, employees))
        terminals = FakeTerminals([SilentDevice(device_id=UUID(int=number), name="x" * 60) for number in range(silent)])
        self.boards = BoardsByHand(
            cast("Database", None),
            directory,
            Metrics(version="1"),
            resume_limit_changes=10,
            hole_wait_seconds=0,
            poll_interval_seconds=1,
        )
        self.switchboard = Switchboard(self.boards, directory, cast("Terminals", terminals))
        for site_id, board in ((HERE, self.people), (THERE, [])):
            self.boards._feed(site_id).replace(
                EPOCH, 0, [Change(person, True, Status.OUT, None, None) for person in board]
            )

    def screen(self, scope: Scope = EVERYTHING) -> Screen:
        return Screen(Hub(self.boards, self.switchboard), scope)

    def commit(self, *people: UUID, site_id: UUID = HERE) -> None:
        changes = [Change(person, True, Status.IN, EIGHT, site_id) for person in people]
        after = self.boards.feeds[site_id].offset
        batch = SiteChanges(site_id=site_id, epoch=EPOCH, after=after, changes=changes, committed_at=EIGHT)
        self.boards.committed([batch])


def told(screen: Screen) -> list[dict[str, Any]]:
    screen.outgoing.flush()
    return screen.transport.take_messages()


def test_a_change_is_pushed_without_waiting_for_a_head() -> None:
    world = World()
    screen = world.screen()
    screen.ask(resume=False)
    told(screen)
    world.commit(world.people[0])
    (push,) = told(screen)
    assert (push["type"], push["from"], push["offset"]) == ("presence.changed", 0, 1)
    assert [person["employee_id"] for person in push["people"]] == [str(world.people[0])]
    assert told(screen) == []


def test_heads_come_behind_the_pushes_they_name() -> None:
    world = World()
    screen = world.screen()
    screen.ask(resume=False)
    told(screen)
    world.switchboard.tick()
    world.commit(world.people[0])
    world.commit(world.people[1])
    push, *heads = told(screen)
    assert (push["type"], push["from"], push["offset"]) == ("presence.changed", 0, 2)
    assert [(head["type"], head["site_id"], head["offset"]) for head in heads] == [
        ("presence.head", str(HERE), 2),
        ("presence.head", str(THERE), 0),
    ]


def test_clients_of_one_scope_share_their_bytes() -> None:
    world = World()
    first, second, other = world.screen(), world.screen(), world.screen(Scope.of(None, [UUID(int=77)]))
    for screen in (first, second, other):
        screen.ask(resume=False)
        told(screen)
    world.commit(world.people[0])
    view = world.switchboard.view(world.boards.feeds[HERE], EVERYTHING)
    assert (push := view.push(EPOCH, 0)) is not None
    assert view.push(EPOCH, 0) is push
    assert told(first) == told(second) != told(other)


def test_nothing_is_pushed_to_those_who_stopped_watching() -> None:
    world = World()
    screen = world.screen()
    screen.ask(resume=False)
    world.commit(world.people[0])
    screen.stop()
    assert [message["type"] for message in told(screen)] == ["presence.state"]
    world.commit(world.people[1])
    world.switchboard.tick()
    assert told(screen) == []
    assert world.switchboard.subscriptions == 0


@pytest.mark.parametrize(("people", "silent"), [(3, 0), (3_000, 0), (1_000, 400), (0, 1_500)])
def test_a_large_board_comes_in_parts_of_one_offset(people: int, silent: int) -> None:
    world = World(people, silent)
    screen = world.screen()
    screen.outgoing._max_bytes = 10_000_000
    screen.ask(resume=False)
    world.commit(*world.people[:1])
    screen.outgoing.flush()
    messages = screen.transport.take_messages()
    states = [message for message in messages if message["type"] == "presence.state"]
    assert [state["last"] for state in states] == [False] * (len(states) - 1) + [True]
    # Also as another library writes it: with spaces, and with accents escaped.
    assert max(len(json.dumps(state)) for state in states) <= MAX_STATE_PART_BYTES
    boards = [board for state in states for board in state["sites"]]
    assert {(board["site_id"], board["offset"]) for board in boards} == {(str(HERE), 0), (str(THERE), 0)}
    named = [person["employee_id"] for board in boards for person in board["people"]]
    assert sorted(named) == sorted(map(str, world.people))
    if people > 1_000:
        assert len(states) > 2
    assert [message["type"] for message in messages[len(states) :]] == ["presence.changed"] * (people > 0)


@pytest.mark.parametrize("watched", [None, [HERE]])
def test_a_site_that_a_bell_named_before_it_was_read_is_not_there_yet(watched: list[UUID] | None) -> None:
    world = World()
    unread = UUID(int=3)
    change = Change(world.people[0], True, Status.IN, EIGHT, unread)
    world.boards.heard(SiteChanges(site_id=unread, epoch=EPOCH, after=0, changes=[change], committed_at=EIGHT))
    screen = world.screen()
    screen.ask(resume=False, site_ids=watched)
    (state,) = told(screen)
    assert str(unread) not in [site["site_id"] for site in state["sites"]]
    with pytest.raises(Refused, match="not_found"):
        screen.ask(resume=False, site_ids=[unread])


def test_a_watch_may_name_so_many_sites_and_keeps_what_it_had() -> None:
    world = World()
    screen = world.screen()
    screen.ask(resume=False, site_ids=[HERE])
    watched = screen.watch
    with pytest.raises(Refused, match="too_large"):
        screen.ask(resume=False, site_ids=[HERE, *(UUID(int=number) for number in range(10, 13))])
    assert screen.watch is watched


@pytest.mark.parametrize("number", [0, 1, 4_000])
def test_people_come_in_runs_that_fit_a_message(number: int) -> None:
    world = World(people=number)
    everybody = world.switchboard.people(world.boards.feeds[HERE], EVERYTHING)
    runs = runs_that_fit(everybody, 1_000)
    assert [person for run in runs for person in run] == everybody
    assert max(len(encode_all(run)) for run in runs) + 1_000 <= MAX_STATE_PART_BYTES
    assert len(runs) > 1 or number < 4_000


def encode_all(people: list[Person]) -> bytes:
    return b",".join(map(encode, people))
