"""Whose scope is no longer what their welcome said is sent away, and sees nothing more by the old one."""

from collections.abc import Iterator

import pytest

from protocol.values import Status
from server.rules.permissions import EVERYTHING
from tests.server.hub.hubs_world import HubsWorld
from tests.server.hub.stream_world import EIGHT, PEOPLE, SCOPES, SITES
from tests.server.hub.wandering_client import LINE_SECONDS, WanderingClient

NARROW = SCOPES[2]
"""Half of the people, at all sites."""


@pytest.fixture
def world() -> Iterator[HubsWorld]:
    made = HubsWorld(1, [EVERYTHING])
    made.begin(hubs=2)
    made.run(0.5)
    yield made
    made.close()


def sees_its_own(world: HubsWorld, client: WanderingClient) -> None:
    assert not world.faults()
    assert client.scope == NARROW
    for site in SITES:
        assert client.screen.boards[str(site.site_id)].people == client.sees(world.truth.board(site.site_id))


@pytest.mark.parametrize("by_renewal", [False, True], ids=["sessions-looked-at", "token-renewed"])
def test_a_watcher_is_sent_away(world: HubsWorld, by_renewal: bool) -> None:
    (client,) = world.clients
    line = client.line
    assert client.screen.watching is not None
    world.call(client.change_scope, NARROW, by_renewal=by_renewal)
    world.run(1)
    assert client.line is not line
    sees_its_own(world, client)


def test_a_watch_that_waits_for_the_log_is_not_begun_with_the_scope_before(world: HubsWorld) -> None:
    """It comes from a hub that knew more, so that this one reads first; its scope changes meanwhile."""
    (client,) = world.clients
    world.bell_is_broken = True
    world.truth.move(PEOPLE[0], Status.IN, SITES[0], EIGHT)
    world.call(world.hubs[0].boards.look)
    world.run(0.2)
    world.call(client.go_to, world.hubs[1])
    world.run(3 * LINE_SECONDS)
    assert client.line is not None
    assert client.line.connection.watch is None, "it still waits"
    world.call(client.change_scope, NARROW, by_renewal=False)
    world.run(1)
    sees_its_own(world, client)


def test_who_has_yet_to_watch_resumes_nothing_that_another_saw(world: HubsWorld) -> None:
    """Its welcome named the scope of what it still shows."""
    (client,) = world.clients
    assert client.line is not None
    line = client.line
    line.connection.watch.end()  # type: ignore[union-attr]  # it watches
    line.connection.watch = line.connection.outgoing.pushes = None
    world.call(client.change_scope, NARROW, by_renewal=False)
    world.run(1)
    assert client.line is not line
    sees_its_own(world, client)
