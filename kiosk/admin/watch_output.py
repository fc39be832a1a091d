"""How a live watch is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kiosk.admin.boards import Arrived, Board, Boards, News
from kiosk.admin.output import Output, clock_time, local_time, zone_of
from kiosk.admin.tables import Column, Fit
from protocol.events import PresenceHead
from protocol.values import Status

_ORDER = {Status.IN: 0, Status.BREAK: 1, Status.OUT: 2}


class WatchOutput:
    """For programs each line is an object with `event`: person, complete, changed, removed, head or lost."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def state(self, news: Sequence[News]) -> None:
        """People of a state; for people's eyes they come together with `complete`."""
        if self._output.as_json:
            for item in news:
                if isinstance(item, Arrived):
                    self._record("person", item.board, msgspec.to_builtins(item.person))

    def complete(self, boards: Boards) -> None:
        """The state is whole; what comes from now on are changes."""
        for board in sorted(boards.by_site.values(), key=lambda board: board.name):
            if self._output.as_json:
                self._record("complete", board, {"name": board.name, "complete_to": board.complete_to})
            else:
                self._table(board)

    def changed(self, news: Sequence[News]) -> None:
        for item in news:
            board = item.board
            if self._output.as_json:
                if isinstance(item, Arrived):
                    self._record("changed", board, msgspec.to_builtins(item.person))
                else:
                    self._record("removed", board, {"employee_id": str(item.employee_id)})
            elif isinstance(item, Arrived):
                when = clock_time(item.person.since, zone_of(board.time_zone))
                status = self._output.status_of(item.person)
                self._output.line(f"{when}  {status:<9}  {self._output.cell(item.person.display_name)}  ({board.name})")

    def head(self, head: PresenceHead) -> None:
        """Only for programs: people would see it every five seconds."""
        if self._output.as_json:
            self._output.record({"event": "head"} | msgspec.to_builtins(head))

    def lost(self, why: str) -> None:
        if self._output.as_json:
            self._output.record({"event": "lost", "message": why})
        say = self._output.say
        self._output.note(say("connection lost ({why}); connecting again", why=say.recognised(why)))

    def _table(self, board: Board) -> None:
        zone = zone_of(board.time_zone)
        people = [person for person in board.people.values() if person.status is not Status.OUT]
        on_break = sum(person.status is Status.BREAK for person in people)
        say = self._output.say
        self._output.line(
            say(
                "{site}: {inside} in, {on_break} on break, {out} out; complete to {time}",
                site=board.name,
                inside=len(people) - on_break,
                on_break=on_break,
                out=len(board.people) - len(people),
                time=self._output.cell(local_time(board.complete_to, zone)),
            )
        )
        if board.silent_devices:
            names = ", ".join(device.name for device in board.silent_devices)
            self._output.line(say("silent terminals: {names}", names=names))
        columns = [
            Column(say("status"), self._output.status_of, Fit.WHOLE),
            Column(say("name"), lambda person: person.display_name),
            Column(say("since"), lambda person: clock_time(person.since, zone), Fit.WHOLE),
        ]
        people.sort(key=lambda person: (_ORDER[person.status], person.display_name))
        if people:
            self._output.items(columns, people)

    def _record(self, event: str, board: Board, members: Mapping[str, Any]) -> None:
        place = {"site_id": str(board.site_id), "epoch": str(board.epoch), "offset": board.offset}
        self._output.record({"event": event, **place, **members})
