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
    _parts: set[str] = field(default_factory=set)
    _begun: bool = False

    def ask(self, command_id: int) -> None:
        self.asked = command_id
        self._parts.clear()
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
                assert known is not None
                assert (site["epoch"], site["offset"], people) == (known.epoch, known.offset, {})
            else:
                self.boards[site_id] = Board(site["epoch"], site["offset"], people)
            self._parts.add(site_id)
        if message["last"]:
            self.watching, self.asked, self._begun = message["re"], None, False
            self.boards = {site_id: board for site_id, board in self.boards.items() if site_id in self._parts}

    def _hear_changes(self, message: dict[str, Any]) -> None:
        board = self.boards.get(message["site_id"])
        if board is None or message["epoch"] != board.epoch or message["from"] > board.offset:
            self.must_watch_again = True
            return
        if message["offset"] <= board.offset:
            return
        board.people |= {person["employee_id"]: line(person) for person in message["people"]}
        for employee_id in message["removed"]:
            board.people.pop(employee_id, None)
        board.offset = message["offset"]


def line(person: dict[str, Any]) -> Line:
    return person["status"], person["since"], person["at_site_id"]
