"""A client of live presence as section 5 of the contract describes it, without a network."""

from dataclasses import dataclass, field
from typing import Any

Line = tuple[str, str | None, str | None]
"""(status, since, at_site_id)"""


@dataclass
class Board:
    epoch: str
    offset: int
    people: dict[str, Line]


@dataclass
class BoardClient:
    """What it was told, and whether it noticed that it must watch again."""

    boards: dict[str, Board] = field(default_factory=dict)
    watching: int | None = None
    """The id of the watch whose state is whole."""
    asked: int | None = None
    """The id of a watch whose state isn't whole yet."""
    must_watch_again: bool = False
    _asked_after: dict[str, int] = field(default_factory=dict)
    """By site: the offset that this watch resumes from."""
    _parts: set[str] = field(default_factory=set)
    _heads: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By site: the head that this watch was told last."""
    _pushed: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By site: how far this watch's pushes went."""
    _begun: bool = False

    def ask(self, command_id: int) -> None:
        self.asked = command_id
        self._asked_after = {site_id: board.offset for site_id, board in self.boards.items()}
        self._parts.clear()
        self._heads.clear()
        self._pushed.clear()
        self._begun = False
        self.must_watch_again = False

    def stop(self) -> None:
        """What still comes of its watch is of no interest."""
        self.watching = self.asked = None

    def hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "presence.state":
                self._hear_state(message)
            case "presence.changed":
                assert not self._begun, "a push between the parts of a state"
                self._hear_changes(message)
            case "presence.head":
                assert not self._begun, "a head between the parts of a state"
                board = self.boards.get(message["site_id"])
                self._heads[message["site_id"]] = (message["epoch"], message["offset"])
                # Beyond what came, or of a foreign epoch.
                if board is None or (message["epoch"], message["offset"]) != (board.epoch, board.offset):
                    self.must_watch_again = True
            case other:
                raise AssertionError(other)

    def _hear_state(self, message: dict[str, Any]) -> None:
        if message["re"] != self.asked:
            return  # a watch that a newer one replaced
        self._begun = True
        for site in message["sites"]:
            site_id, people = site["site_id"], {person["employee_id"]: line(person) for person in site["people"]}
            known = self.boards.get(site_id)
            if site_id in self._parts:
                assert known is not None
                assert (site["epoch"], site["offset"]) == (known.epoch, known.offset), "parts of one offset"
                assert not known.people.keys() & people.keys()
                known.people |= people
            elif site["resumed"]:
                # From where it stood when it asked; pushes of the watch before may have brought it further meanwhile.
                assert known is not None
                assert (site["epoch"], people) == (known.epoch, {})
                assert site["offset"] == self._asked_after[site_id] <= known.offset
            else:
                self.boards[site_id] = Board(site["epoch"], site["offset"], people)
            self._parts.add(site_id)
        if message["last"]:
            self.watching, self.asked, self._begun = message["re"], None, False
            self.boards = {site_id: board for site_id, board in self.boards.items() if site_id in self._parts}

    def _hear_changes(self, message: dict[str, Any]) -> None:
        board = self.boards.get(message["site_id"])
        self._check_order(message, board)
        if board is None or message["epoch"] != board.epoch or message["from"] > board.offset:
            self.must_watch_again = True
            return
        if message["offset"] <= board.offset:
            return
        board.people |= {person["employee_id"]: line(person) for person in message["people"]}
        for employee_id in message["removed"]:
            board.people.pop(employee_id, None)
        board.offset = message["offset"]

    def _check_order(self, message: dict[str, Any], board: Board | None) -> None:
        """Stricter than a client must be: over one connection, which loses nothing, a hub has no reason for these."""
        site_id, epoch, offset = message["site_id"], message["epoch"], message["offset"]
        if self.asked is not None or self.watching is None:
            return  # of a watch that is being replaced, or that ended
        head, pushed = self._heads.get(site_id), self._pushed.get(site_id)
        assert head is None or head[0] != epoch or head[1] < offset, "a push behind the head that names it"
        assert pushed is None or pushed[0] != epoch or pushed[1] < offset, "what was pushed is pushed again"
        assert board is None or board.epoch != epoch or message["from"] <= board.offset, "a hole between two pushes"
        self._pushed[site_id] = (epoch, offset)


def line(person: dict[str, Any]) -> Line:
    return person["status"], person["since"], person["at_site_id"]
