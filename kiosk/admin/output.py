"""What the command line prints: aligned plain text for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

import msgspec
from rich.cells import cell_len

from kiosk.plain_text import plain
from protocol.replies import Person
from protocol.values import Status, parse_time

SHAPES: Final = {Status.IN: "●", Status.BREAK: "◐", Status.OUT: "○"}
_NOTHING: Final = "–"
_ENVELOPE: Final = frozenset({"type", "re"})
"""Members of an answer that tell nothing outside its connection."""


class Output:
    """Names and everything else from outside are stripped of what could steer a terminal."""

    def __init__(self, *, as_json: bool, out: TextIO = sys.stdout, notes: TextIO = sys.stderr) -> None:
        self.as_json = as_json
        self._out = out
        self._notes = notes

    def items(self, columns: Mapping[str, str], items: Sequence[Any]) -> None:
        """Structs as a table of these members (name → heading), or whole, one a line."""
        if self.as_json:
            for item in items:
                self.record(item)
            return
        rows = [[self.cell(getattr(item, name)) for name in columns] for item in items]
        self.table(list(columns.values()), rows)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [list(headings), *rows]
        widths = [max(cell_len(line[column]) for line in lines) for column in range(len(headings))]
        for line in lines:
            cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
            self._write("  ".join(cells).rstrip())

    def record(self, item: msgspec.Struct | Mapping[str, Any]) -> None:
        """One JSON object on a line; pure ASCII, so that it steers no terminal either."""
        members = {name: value for name, value in msgspec.to_builtins(item).items() if name not in _ENVELOPE}
        self._write(json.dumps(members, ensure_ascii=True, separators=(",", ":")))

    def details(self, item: msgspec.Struct) -> None:
        """One struct: a member a line, or whole."""
        if self.as_json:
            self.record(item)
            return
        members = {name: value for name, value in msgspec.structs.asdict(item).items() if name not in _ENVELOPE}
        width = max(map(len, members))
        for name, value in members.items():
            if isinstance(value, dict):
                value = ", ".join(f"{key} {count}" for key, count in sorted(value.items()))  # noqa: PLW2901 - as shown
            self._write(f"{name.replace('_', ' '):<{width}}  {self.cell(value)}")

    def line(self, text: str) -> None:
        """A line for people; nothing where programs read."""
        if not self.as_json:
            self._write(plain(text))

    def note(self, text: str) -> None:
        """A remark beside the result, on standard error."""
        self._notes.write(f"{plain(text)}\n")
        self._notes.flush()

    def cell(self, value: object) -> str:
        match value:
            case None:
                return _NOTHING
            case bool():
                return "yes" if value else "no"
            case _:
                return plain(str(value)) or _NOTHING

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def local_time(text: str | None, zone: tzinfo | None, *, seconds: bool = True) -> str:
    """A wire time for people, in a zone (None: this machine's), with its offset."""
    if text is None:
        return _NOTHING
    moment = parse_time(text).astimezone(zone)
    return moment.isoformat(sep=" ", timespec="seconds" if seconds else "minutes")


def clock_time(text: str | None, zone: tzinfo | None) -> str:
    """Only the time of day."""
    return _NOTHING if text is None else f"{parse_time(text).astimezone(zone):%H:%M:%S}"


def status_of(person: Person) -> str:
    """A word and a shape."""
    return f"{SHAPES[person.status]} {person.status.value}"


def zone_of(name: str) -> ZoneInfo | None:
    """None (this machine's) for a zone that this machine doesn't know."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None
