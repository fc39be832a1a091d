"""State + changes = a fresh state, for any client, whatever bells do and however slow its socket is.

A model of the database and of clients (written from the contract) around the real feeds, switchboard, watches,
queues and `presence.watch`. At every moment what a client shows is what the log says of the offset it stands at:
no hole goes unnoticed. Once everything is quiet each client shows what is true now.
"""

from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.values import Status
from server.hub.subscriptions import Switchboard
from server.services.directory import Directory
from server.services.site_feed import SiteFeed
from server.services.terminals import Terminals
from server.telemetry.metrics import Metrics
from storage.models import Department, Employee, Site, SiteChanges
from storage.postgres import Database
from tests.machines import machine_settings
from tests.server.hub.fakes import FakeDirectory, FakeTerminals
from tests.server.hub.stream_world import (
    BUSY,
    EIGHT,
    KEPT_CHANGES,
    NORTH,
    PEOPLE,
    SCOPES,
    SITES,
    SOUTH,
    BoardsByHand,
    Hub,
    Screen,
    Truth,
)

_MOVES: Final = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(Status), st.sampled_from(SITES)), min_size=1, max_size=3
)
_SCREEN: Final = st.integers(0, len(SCOPES) - 1)


class StreamMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        directory = FakeDirectory(
            {site.site_id: site for site in SITES},
            {department: Department(department, SITES[0].site_id, "") for department in (NORTH, SOUTH)},
            {person.employee_id: person for person in PEOPLE},
        )
        self.truth = Truth()
        self.moment = EIGHT
        self.bells: list[SiteChanges] = []
        self.restored = 0
        self.boards = BoardsByHand(
            cast("Database", None),
            cast("Directory", directory),
            Metrics(version="1"),
            resume_limit_changes=KEPT_CHANGES,
            hole_wait_seconds=0,
            poll_interval_seconds=1,
        )
        switchboard = Switchboard(self.boards, cast("Directory", directory), cast("Terminals", FakeTerminals()))
        self.switchboard = switchboard
        for site in SITES:
            self.boards._feed(site.site_id)
        self.read_the_log()
        self.screens = [Screen(Hub(self.boards, switchboard), scope) for scope in SCOPES]

    def commit(self, moves: list[tuple[Employee, Status, Site]]) -> list[SiteChanges]:
        """One transaction: consecutive changes of each stream it touches."""
        heads = {site_id: len(log) for site_id, log in self.truth.logs.items()}
        for person, status, site in moves:
            self.moment += timedelta(seconds=1)
            self.truth.move(person, status, site, self.moment)
        return [
            SiteChanges(
                site_id=site_id,
                epoch=self.truth.epoch,
                after=heads[site_id],
                changes=log[heads[site_id] :],
                committed_at=self.moment,
            )
            for site_id, log in self.truth.logs.items()
            if len(log) > heads[site_id]
        ]

    @rule(moves=_MOVES)
    def this_hub_commits(self, moves: list[tuple[Employee, Status, Site]]) -> None:
        self.boards.committed(self.commit(moves))

    @rule(moves=_MOVES)
    def another_hub_commits(self, moves: list[tuple[Employee, Status, Site]]) -> None:
        """Its bells are on their way, in whatever order, or never."""
        self.bells += self.commit(moves)

    @rule(pick=st.randoms(use_true_random=False), again=st.booleans())
    @precondition(lambda self: self.bells)
    def a_bell_rings(self, pick: Any, again: bool) -> None:  # noqa: ANN401 - Hypothesis' own kind of Random
        bell = pick.choice(self.bells)
        self.boards.heard(bell)
        if not again:
            self.bells.remove(bell)

    @rule()
    @precondition(lambda self: self.bells)
    def a_bell_is_lost(self) -> None:
        self.bells.pop()

    @rule()
    def read_the_log(self) -> None:
        """What healing and the poll come to."""
        for feed in self.boards.feeds.values():
            log = self.truth.logs[feed.site_id]
            if feed.epoch != self.truth.epoch:
                self.read_the_board(feed)
            elif feed.offset < len(log):
                after = feed.offset
                caught_up = SiteChanges(
                    site_id=feed.site_id,
                    epoch=self.truth.epoch,
                    after=after,
                    changes=log[after:],
                    committed_at=self.moment,
                )
                assert feed.apply(caught_up)
                self.boards.on_advance(feed)

    @rule(number=st.sampled_from(range(len(SITES))))
    def the_log_was_pruned(self, number: int) -> None:
        """A board is then read as a whole, at its head."""
        self.read_the_board(self.boards.feeds[SITES[number].site_id])

    def read_the_board(self, feed: SiteFeed) -> None:
        board = self.truth.board(feed.site_id)
        feed.replace(self.truth.epoch, len(self.truth.logs[feed.site_id]), list(board.values()))
        self.boards.on_advance(feed)

    @rule(pick=st.randoms(use_true_random=False))
    def the_database_is_restored(self, pick: Any) -> None:  # noqa: ANN401 - likewise
        """To an earlier moment, in a new epoch; bells of the old one may still ring."""
        self.restored += 1
        self.truth.restore(pick.choice(self.truth.backups), uuid5(UUID(int=0), str(self.restored)))

    @rule(number=_SCREEN, resume=st.booleans())
    def a_client_watches(self, number: int, resume: bool) -> None:
        self.screens[number].ask(resume=resume)

    @rule(number=_SCREEN)
    def a_client_stops_watching(self, number: int) -> None:
        self.screens[number].stop()

    @rule(number=_SCREEN)
    def a_client_reconnects(self, number: int) -> None:
        """What lay in its socket is gone; it resumes."""
        self.screens[number].connect()
        self.screens[number].ask(resume=True)

    @rule(number=_SCREEN, stuck=st.booleans())
    def a_socket_is_busy_or_free(self, number: int, stuck: bool) -> None:
        self.screens[number].transport.stuck = BUSY if stuck else 0

    @rule(number=_SCREEN)
    def a_queue_is_flushed(self, number: int) -> None:
        screen = self.screens[number]
        before = len(screen.transport.written)
        screen.outgoing.flush()
        assert not screen.transport.stuck or len(screen.transport.written) == before, "a busy socket is written to"

    @rule(number=_SCREEN)
    def a_client_hears(self, number: int) -> None:
        self.screens[number].hear()

    @rule()
    def heads_are_due(self) -> None:
        self.switchboard.tick()

    @invariant()
    def what_a_client_shows_was_true_at_its_offset(self) -> None:
        for screen in self.screens:
            for site_id, board in screen.client.boards.items():
                was = self.truth.were[UUID(board.epoch), UUID(site_id), board.offset]
                assert board.people == screen.sees(was)

    @invariant()
    def nobody_is_watched_for_who_left(self) -> None:
        watched = sum(
            len([site for site in SITES if screen.caller.scope.allows_site(site.site_id)])
            for screen in self.screens
            if screen.watch is not None
        )
        assert self.switchboard.subscriptions == watched

    @rule()
    def all_is_quiet(self) -> None:
        """Bells have rung or been missed, the log was read, sockets are free, a head has gone out."""
        self.read_the_log()
        for screen in self.screens:
            screen.transport.stuck = 0
        for _ in range(3):
            self.switchboard.tick()
            for screen in self.screens:
                screen.outgoing.flush()
                screen.hear()
                if screen.client.must_watch_again and screen.client.watching is not None:
                    screen.ask(resume=True)
        for screen in self.screens:
            if screen.client.watching is None:
                continue
            assert not screen.client.must_watch_again
            assert screen.client.boards.keys() == {
                str(site.site_id) for site in SITES if screen.caller.scope.allows_site(site.site_id)
            }
            for site_id, board in screen.client.boards.items():
                assert board.epoch == str(self.truth.epoch)
                assert board.offset == len(self.truth.logs[UUID(site_id)])
                assert board.people == screen.sees(self.truth.board(UUID(site_id)))


StreamMachine.TestCase.settings = machine_settings(examples=120, steps=50)
TestStreams = StreamMachine.TestCase
