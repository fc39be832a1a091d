"""Live boards as a client keeps them: states and changes in, what changed and whether to watch again out. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from protocol.commands import Position
from protocol.events import PresenceChanged, PresenceHead
from protocol.replies import Person, PresenceState, SilentDevice, SiteBoard


@dataclass
class Board:
    """One site as of `offset` within `epoch`."""

    site_id: UUID
    name: str
    time_zone: str
    epoch: UUID
    offset: int
    complete_to: str | None
    silent_devices: list[SilentDevice]
    people: dict[UUID, Person] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrived:
    """A person is told anew: in a state, or by a change (`is_change`)."""

    board: Board
    person: Person
    is_change: bool


@dataclass(frozen=True)
class Removed:
    """A person stands on this board no longer."""

    board: Board
    employee_id: UUID


News = Arrived | Removed


class Boards:
    """All watched sites. Every method answers with the news; `must_watch_again` says that something was missed."""

    def __init__(self) -> None:
        self.by_site: dict[UUID, Board] = {}
        self.must_watch_again = False
        self._told: set[UUID] = set()

    def after(self) -> dict[UUID, Position] | None:
        """Where to go on from, for the next `presence.watch`, which is to be sent now."""
        self.must_watch_again = False
        self._told = set()
        positions = {site: Position(epoch=board.epoch, offset=board.offset) for site, board in self.by_site.items()}
        return positions or None

    def state(self, part: PresenceState) -> list[News]:
        """A part of the answer to a watch; what a resumed site missed comes as changes."""
        news: list[News] = []
        for told in part.sites:
            board = self._board_for(told)
            for person in told.people:
                board.people[person.employee_id] = person
                news.append(Arrived(board, person, is_change=False))
        if part.last:
            for site_id in self.by_site.keys() - self._told:
                del self.by_site[site_id]  # no longer in scope
        return news

    def _board_for(self, told: SiteBoard) -> Board:
        known = self.by_site.get(told.site_id)
        # A site may span parts; its first one begins the board anew unless it goes on from where we were.
        goes_on = told.site_id in self._told or told.resumed
        self._told.add(told.site_id)
        if known is not None and goes_on:
            known.complete_to, known.silent_devices = told.complete_to, told.silent_devices
            return known
        board = Board(
            told.site_id, told.name, told.time_zone, told.epoch, told.offset, told.complete_to, told.silent_devices
        )
        self.by_site[told.site_id] = board
        return board

    def changed(self, change: PresenceChanged) -> list[News]:
        board = self.by_site.get(change.site_id)
        if board is None or board.epoch != change.epoch or change.from_ > board.offset:
            self.must_watch_again = True
            return []
        if change.offset <= board.offset:
            return []
        board.offset = change.offset
        gone = [each for each in change.removed if board.people.pop(each, None) is not None]
        news: list[News] = [Removed(board, employee_id) for employee_id in gone]
        for person in change.people:
            board.people[person.employee_id] = person
            news.append(Arrived(board, person, is_change=True))
        return news

    def head(self, head: PresenceHead) -> None:
        board = self.by_site.get(head.site_id)
        if board is None or board.epoch != head.epoch or head.offset > board.offset:
            self.must_watch_again = True
            return
        board.complete_to, board.silent_devices = head.complete_to, head.silent_devices
