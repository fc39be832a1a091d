"""State + changes = a fresh state, at whatever hub: real boards that heal themselves from one database.

Beside `test_streams.py`, where one hub's healing is the machine's own: here bells are late, lost, doubled and out of
order on virtual time, hubs find holes by offset, head and epoch, clients wander between hubs and resume, see less
or more, are slow and cut off, and hubs start again. Nothing tells a client of what it missed but the pushes that
its hub owes it: heads come only when the machine says so.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol.values import Status
from storage.models import SiteChanges
from tests.machines import machine_settings
from tests.server.hub.hubs_world import HubsWorld
from tests.server.hub.stream_world import BUSY, EIGHT, PEOPLE, SCOPES, SITES

HUBS: Final = 2
LATE_SECONDS: Final = 2.0
"""Boards are late by no more, with the bell gone (protocol.md section 5)."""
PROMPT_SECONDS: Final = 0.25
"""Enough for a hole's wait and some statements, and by far not for the next look at the heads."""
Move = tuple[int, Status, int]
_HUB: Final = st.integers(0, HUBS - 1)
_CLIENT: Final = st.integers(0, len(SCOPES))
_SCOPE: Final = st.integers(0, len(SCOPES) - 1)
_MOVE: Final = st.tuples(st.integers(0, len(PEOPLE) - 1), st.sampled_from(Status), st.integers(0, len(SITES) - 1))
_MOVES: Final = st.lists(_MOVE, min_size=1, max_size=4)


class HubsMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = HubsWorld(seed, [*SCOPES, SCOPES[0]])
        self.moment = EIGHT
        self.world.begin(HUBS)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.all_is_quiet()
                self.nothing_is_wrong()
            finally:
                self.world.close()

    def commit(self, moves: Sequence[Move]) -> list[SiteChanges]:
        """One transaction: consecutive changes of each stream it touches."""
        truth = self.world.truth
        heads = {site_id: len(log) for site_id, log in truth.logs.items()}
        for person, status, site in moves:
            self.moment += timedelta(seconds=1)
            truth.move(PEOPLE[person], status, SITES[site], self.moment)
        return [
            SiteChanges(
                site_id=site_id,
                epoch=truth.epoch,
                after=heads[site_id],
                changes=log[heads[site_id] :],
                committed_at=self.moment,
            )
            for site_id, log in truth.logs.items()
            if len(log) > heads[site_id]
        ]

    @rule(hub=_HUB, moves=_MOVES)
    def a_hub_commits(self, hub: int, moves: Sequence[Move]) -> None:
        by = self.world.hubs[hub]
        if by.is_up and not self.world.database.is_down:
            self.world.call(by.bell.ring, self.commit(moves))

    @rule(hub=_HUB, moves=_MOVES)
    def a_hub_dies_behind_its_commit(self, hub: int, moves: Sequence[Move]) -> None:
        """Nobody rings for what it committed."""
        if not self.world.database.is_down:
            self.commit(moves)
            self.a_hub_starts_again(hub)

    @rule(hub=_HUB)
    def a_hub_starts_again(self, hub: int) -> None:
        self.world.call(self.world.restart, hub)

    @rule(seconds=st.sampled_from([0.01, 0.04, 0.1, 0.4, 1.2]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule()
    def the_bell_breaks(self) -> None:
        self.world.bell_is_broken = True

    @rule(down=st.booleans())
    def the_database_is_down_or_up(self, down: bool) -> None:
        self.world.database.is_down = down

    @rule(states_back=st.integers(0, 8))
    def the_database_is_restored(self, states_back: int) -> None:
        """Bells of its old epoch are still under way, and hubs amid their reading."""
        self.world.database.restore(states_back)

    @rule(hub=_HUB, moves=_MOVES, lost=_MOVES, seconds=st.floats(0, 0.1), states_back=st.integers(1, 3))
    def the_database_is_restored_while_a_hole_is_read(
        self, hub: int, moves: Sequence[Move], lost: Sequence[Move], seconds: float, states_back: int
    ) -> None:
        """And goes another way from there: what is read next isn't what was looked for."""
        self.commit(lost)
        self.world.call(self.world.hubs[hub].boards.look)
        self.world.run(0.05 + seconds)
        self.world.database.restore(states_back)
        self.commit(moves)

    @rule(site=st.integers(0, len(SITES) - 1))
    def old_changes_are_pruned(self, site: int) -> None:
        site_id = SITES[site].site_id
        self.world.truth.pruned[site_id] = max(0, len(self.world.truth.logs[site_id]) - 2)

    @rule(client=_CLIENT, hub=_HUB)
    def a_client_goes_to_a_hub(self, client: int, hub: int) -> None:
        if self.world.hubs[hub].is_up:
            self.world.call(self.world.clients[client].go_to, self.world.hubs[hub])

    @rule(client=_CLIENT, moves=_MOVES)
    def a_client_knows_more_than_the_hub_it_comes_to(self, client: int, moves: Sequence[Move]) -> None:
        """Nobody has rung there for what it was told elsewhere: its board must not go back."""
        self.world.bell_is_broken = True
        self.a_client_goes_to_a_hub(client, 0)
        self.world.run(0.2)
        self.a_hub_commits(0, moves)
        self.world.run(0.02)
        self.a_client_goes_to_a_hub(client, 1)

    @rule(client=_CLIENT, scope=_SCOPE, by_renewal=st.booleans())
    def a_scope_changes(self, client: int, scope: int, by_renewal: bool) -> None:
        """Other sites, other departments, at whatever moment: also while its watch waits for the log."""
        self.world.call(self.world.clients[client].change_scope, SCOPES[scope], by_renewal=by_renewal)

    @rule(client=_CLIENT, stuck=st.booleans())
    def a_socket_is_busy_or_free(self, client: int, stuck: bool) -> None:
        """Stuck for longer, it is cut off (3008)."""
        if (line := self.world.clients[client].line) is not None:
            line.transport.stuck = BUSY if stuck else 0

    @rule(hub=_HUB)
    def a_hub_looks(self, hub: int) -> None:
        """At any moment, as it does once it listens to Redis anew."""
        self.world.call(self.world.hubs[hub].boards.look)

    @rule(hub=_HUB)
    def heads_are_due(self, hub: int) -> None:
        self.world.call(self.world.hubs[hub].switchboard.tick)

    @rule(lost=_MOVES, rung=_MOVES)
    def a_hole_is_noticed_by_the_next_bell(self, lost: Sequence[Move], rung: Sequence[Move]) -> None:
        self.all_is_quiet()
        self.commit(lost)
        batches = self.commit(rung)
        hub = self.world.hubs[1]
        for batch in batches:
            self.world.call(hub.boards.heard, batch)
        self.world.run(PROMPT_SECONDS)
        for batch in batches:
            assert hub.boards.position(batch.site_id) == (batch.epoch, batch.offset)

    @rule(moves=_MOVES)
    def a_bell_that_rings_again_is_a_look(self, moves: Sequence[Move]) -> None:
        self.all_is_quiet()
        self.commit(moves)
        self.world.call(self.world.mend_bell)
        self.world.run(PROMPT_SECONDS)
        for hub in self.world.hubs:
            assert not hub.behind(self.world.truth)

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "world"):
            for client in self.world.clients:
                client.compare()
            assert not self.world.faults()

    @rule()
    def all_is_quiet(self) -> None:
        """The database is there, sockets are free: within two seconds boards are right, bell or not."""
        world = self.world
        world.database.is_down = False
        if not all(hub.is_up for hub in world.hubs):
            world.run(1)
        for client in world.clients:
            if client.line is None:
                world.call(client.go_to, world.hubs[0])
            elif client.line.transport.stuck:
                client.line.transport.stuck = 0
        world.run(LATE_SECONDS)
        truth = world.truth
        for hub in world.hubs:
            assert hub.is_up
            assert not hub.behind(truth)
        for client in world.clients:
            assert client.screen.watching is not None
            assert client.screen.boards.keys() == {
                str(site.site_id) for site in SITES if client.session.scope.allows_site(site.site_id)
            }
            for site_id, board in client.screen.boards.items():
                assert (board.epoch, board.offset) == (str(truth.epoch), len(truth.logs[UUID(site_id)]))
                assert board.people == client.sees(truth.board(UUID(site_id)))


HubsMachine.TestCase.settings = machine_settings(examples=150, steps=25)
TestStreamsBetweenHubs = HubsMachine.TestCase


def test_a_board_that_begins_anew_while_heads_are_read_is_no_step_back() -> None:
    """Its offset in the epoch before says nothing of the new one: which would end at once, for nothing."""
    world = HubsWorld(1, [])
    world.begin(hubs=1)
    (hub,) = world.hubs
    for milliseconds in range(50, 170, 3):
        for number, person in enumerate(PEOPLE):
            world.truth.move(person, Status.IN, SITES[number % 2], EIGHT)
        world.run(1.5)
        assert not hub.behind(world.truth)
        world.database.restore(len(PEOPLE))
        world.call(hub.boards.look)
        world.run(milliseconds / 1_000)
        world.call(hub.boards.look)
        world.run(0.2)
    world.run(LATE_SECONDS)
    assert not hub.behind(world.truth)
    assert not world.faults()
    world.close()
