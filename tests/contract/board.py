"""What a client makes of section 5: a board per site out of states, changes and heads."""

from dataclasses import dataclass, field
from enum import Enum, auto

from tests.contract.primitives import Message


class Step(Enum):
    """What one message did to a board."""

    APPLIED = auto()
    OLD = auto()
    HOLE = auto()
    FOREIGN_EPOCH = auto()
    UNWATCHED = auto()


@dataclass
class SiteBoard:
    site_id: str
    epoch: str
    offset: int
    resumed: bool
    complete_to: str | None
    silent_devices: list[Message]
    name: str = ""
    time_zone: str = ""
    people: dict[str, Message] = field(default_factory=dict)


@dataclass
class Board:
    """`stale` names the sites that have to be watched again: a hole, a head beyond what came, a foreign epoch."""

    sites: dict[str, SiteBoard] = field(default_factory=dict)
    stale: dict[str, Step] = field(default_factory=dict)
    heads: int = 0
    _arriving: dict[str, SiteBoard] = field(default_factory=dict)

    def take(self, message: Message) -> Step | None:
        """Applies one object of the hub; None for what isn't about presence."""
        match message["type"]:
            case "presence.state":
                return self._state(message)
            case "presence.changed":
                return self._changed(message)
            case "presence.head":
                return self._head(message)
            case _:
                return None

    def after(self) -> dict[str, Message]:
        """What a watch resumes from."""
        return {site_id: {"epoch": site.epoch, "offset": site.offset} for site_id, site in self.sites.items()}

    def _state(self, message: Message) -> Step:
        for part in message["sites"]:
            site_id = part["site_id"]
            board = self._arriving.get(site_id)
            if board is None:
                board = self._arriving[site_id] = SiteBoard(
                    site_id=site_id,
                    epoch=part["epoch"],
                    offset=part["offset"],
                    resumed=part["resumed"],
                    complete_to=part["complete_to"],
                    silent_devices=part["silent_devices"],
                    name=part["name"],
                    time_zone=part["time_zone"],
                )
                if part["resumed"]:
                    known = self.sites[site_id]
                    assert (part["epoch"], part["offset"]) == (known.epoch, known.offset), "resumed elsewhere"
                    board.people = dict(known.people)
            assert part["offset"] == board.offset, "the parts of a site stand at one offset"
            for person in part["people"]:
                board.people[person["employee_id"]] = person
        if message["last"]:
            self.sites, self._arriving, self.stale = self._arriving, {}, {}
        return Step.APPLIED

    def _site(self, message: Message) -> SiteBoard | Step:
        assert not self._arriving, "a push between the parts of a state"
        board = self.sites.get(message["site_id"])
        if board is None:
            return Step.UNWATCHED
        if message["epoch"] != board.epoch:
            self.stale[board.site_id] = Step.FOREIGN_EPOCH
            return Step.FOREIGN_EPOCH
        return board

    def _changed(self, message: Message) -> Step:
        board = self._site(message)
        if isinstance(board, Step):
            return board
        if message["offset"] <= board.offset:
            return Step.OLD
        if message["from"] > board.offset:
            self.stale[board.site_id] = Step.HOLE
            return Step.HOLE
        for person in message["people"]:
            board.people[person["employee_id"]] = person
        for employee_id in message["removed"]:
            board.people.pop(employee_id, None)
        board.offset = message["offset"]
        return Step.APPLIED

    def _head(self, message: Message) -> Step:
        board = self._site(message)
        if isinstance(board, Step):
            return board
        self.heads += 1
        if message["offset"] > board.offset:
            self.stale[board.site_id] = Step.HOLE
            return Step.HOLE
        board.complete_to, board.silent_devices = message["complete_to"], message["silent_devices"]
        return Step.APPLIED
