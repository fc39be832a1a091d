"""What the command line prints: aligned plain text for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

import msgspec

from kiosk.admin.tables import Column, lay_out
from kiosk.admin.words import ENGLISH, Words
from kiosk.harmless import harmless
from kiosk.plain_text import plain
from protocol.replies import Person
from protocol.values import Status, parse_time

SHAPES: Final = {Status.IN: "●", Status.BREAK: "◐", Status.OUT: "○"}
NOTHING: Final = "–"
_LONGEST_CELL: Final = 300
"""Characters of a name or a change that are shown to people; programs get all."""
_LONGEST_VALUE: Final = 4_000
"""As above where a line holds one value, which may be a secret that is shown once: those are never cut."""
_ENVELOPE: Final = frozenset({"type", "re"})
"""Members of an answer that tell nothing outside its connection."""


class Output:
    """Names and everything else from outside are stripped of what could steer a terminal."""

    def __init__(
        self, *, as_json: bool, say: Words = ENGLISH, out: TextIO | None = None, notes: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.say = say
        self._out = sys.stdout if out is None else out
        self._notes = sys.stderr if notes is None else notes

    @property
    def width(self) -> int | None:
        """Of the terminal that shows this, in cells; None where it is none."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    @property
    def shows_progress(self) -> bool:
        return self._notes.isatty()

    @property
    def draws(self) -> bool:
        """Whether a person looks at a terminal that can show block characters."""
        return not self.as_json and self._out.isatty() and "utf" in (self._out.encoding or "").lower()

    def items(self, columns: Sequence[Column], items: Sequence[Any]) -> None:
        """Structs as a table, or whole, one a line."""
        if self.as_json:
            for item in items:
                self.record(item)
            return
        table = lay_out(columns, [[self.cell(column.of(item)) for column in columns] for item in items], self.width)
        for line in table.lines:
            self._write(line)
        if table.left_out:
            headings = ", ".join(table.left_out)
            self.note(self.say("left out for lack of width: {columns}", columns=headings))

    def record(self, item: msgspec.Struct | Mapping[str, Any]) -> None:
        """One JSON object on a line; pure ASCII, so that it steers no terminal either."""
        members = {name: value for name, value in msgspec.to_builtins(item).items() if name not in _ENVELOPE}
        self._write(json.dumps(members, ensure_ascii=True, separators=(",", ":")))

    def details(self, columns: Sequence[Column], item: msgspec.Struct) -> None:
        """One struct: a member a line, or whole."""
        if self.as_json:
            self.record(item)
            return
        width = max(len(column.heading) for column in columns)
        for column in columns:
            self._write(f"{column.heading:<{width}}  {self.cell(column.of(item), _LONGEST_VALUE)}")

    def done(self, text: str, **ids: object) -> None:
        """That something was done: a line for people, its ids for programs."""
        if self.as_json:
            self.record({"done": True} | {name: str(value) for name, value in ids.items()})
        else:
            self.line(text)

    def line(self, text: str) -> None:
        """A line for people; nothing where programs read."""
        if not self.as_json:
            self._write(plain(text))

    def drawing(self, lines: Sequence[str]) -> None:
        """Lines of our own making, colours included; nothing where `draws` is false."""
        if self.draws:
            for line in lines:
                self._write(line)

    def note(self, text: str) -> None:
        """A remark beside the result, on standard error."""
        self._notes.write(f"{plain(text)}\n")
        self._notes.flush()

    def progress(self, text: str) -> None:
        """A line on standard error that the next one replaces; `""` ends it. Nothing where that is no terminal."""
        if self.shows_progress:
            self._notes.write(f"\r\x1b[K{plain(text)}")
            self._notes.flush()

    def cell(self, value: object, longest: int = _LONGEST_CELL) -> str:
        match value:
            case None:
                return NOTHING
            case bool():
                return self.say("yes") if value else self.say("no")
            case dict():
                return self.cell(", ".join(f"{key} {count}" for key, count in sorted(value.items())), longest)
            case _:
                return harmless(str(value), longest) or NOTHING

    def status(self, status: Status) -> str:
        """A shape and a word."""
        words = {Status.IN: self.say("in"), Status.BREAK: self.say("break"), Status.OUT: self.say("out")}
        return f"{SHAPES[status]} {words[status]}"

    def status_of(self, person: Person) -> str:
        return self.status(person.status)

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def local_time(text: str | None, zone: tzinfo | None = None, *, seconds: bool = True) -> str | None:
    """A wire time for people, in a zone (None: this machine's), with its offset."""
    if text is None:
        return None
    moment = parse_time(text).astimezone(zone)
    return moment.isoformat(sep=" ", timespec="seconds" if seconds else "minutes")


def clock_time(text: str | None, zone: tzinfo | None) -> str | None:
    """Only the time of day."""
    return None if text is None else f"{parse_time(text).astimezone(zone):%H:%M:%S}"


def zone_of(name: str) -> ZoneInfo | None:
    """None (this machine's) for a zone that this machine doesn't know."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None
