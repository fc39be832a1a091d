"""What the clients wrote down, read from their files and nothing else.

One JSON object a line; `did` says what happened, `at` when, in seconds of the machine's monotonic clock.

- the faults (`faults.jsonl`): `begin` (wall_minus_boot: what to add to `at` for the time of day), the rest for people;
- a kiosk (`kiosk-*.jsonl`, `outsider-*.jsonl`): `keep` (a punch is on its disk: punch_id, device_id, log_id, seq,
  text_sha256, and when it happened, where that is known: `happened_at`, or `made_between`, two moments like `at`),
  `answer` (an outcome: punch_id, outcome, reason, kind, occurred_at, recorded_at, duplicate), `end`
  (nothing was left unanswered), and `ask`, `send`, `error` for people to read;
- a board (`board-*.jsonl`): `begin` (site_ids, null for all), `state` and `change` as the hub told them (people as
  [employee_id, status, since, at_site_id]), `head`, `view` (label, sites: what it shows). `connection` counts up.

The last line of a file may be cut short where its writer was killed; any other line that can't be read is an error.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Person = tuple[str, str | None, str | None]
"""Status, since, at_site_id."""
Position = tuple[str, int]
"""Epoch, offset."""


@dataclass(frozen=True)
class Kept:
    """A punch on a kiosk's disk."""

    punch_id: str
    device_id: str
    log_id: str
    seq: int
    text_sha256: str
    happened_at: str | None = None
    made_between: tuple[float, float] | None = None


@dataclass(frozen=True)
class Answer:
    """An outcome, as a kiosk was told it."""

    punch_id: str
    outcome: str
    reason: str | None
    kind: str | None
    occurred_at: str | None
    recorded_at: str
    duplicate: bool

    @property
    def lasting(self) -> tuple[str | None, ...]:
        """What every answer to one punch must agree on."""
        return self.outcome, self.reason, self.kind, self.occurred_at, self.recorded_at


@dataclass
class KioskHistory:
    name: str
    kept: list[Kept] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True)
class State:
    """A site's board, told afresh (`resumed`: only where it goes on from)."""

    connection: int
    site_id: str
    epoch: str
    offset: int
    resumed: bool
    people: dict[str, Person]


@dataclass(frozen=True)
class Change:
    """A push: the changes of a site after `after` up to `offset`."""

    connection: int
    site_id: str
    epoch: str
    after: int
    offset: int
    people: dict[str, Person]
    removed: frozenset[str]


@dataclass(frozen=True)
class View:
    """What a board shows, by site."""

    label: str
    at: float
    sites: dict[str, tuple[Position, dict[str, Person]]]


@dataclass
class BoardHistory:
    name: str
    site_ids: frozenset[str] | None = None
    told: list[State | Change] = field(default_factory=list)
    views: list[View] = field(default_factory=list)


class HistoryBroken(Exception):
    """A history can't be read; without it nothing can be judged."""


def read_histories(folder: Path) -> tuple[list[KioskHistory], list[BoardHistory]]:
    """Raises HistoryBroken."""
    kiosks = [kiosk_history(path.stem, _lines(path)) for path in sorted(folder.glob("kiosk-*.jsonl"))]
    kiosks += [kiosk_history(path.stem, _lines(path)) for path in sorted(folder.glob("outsider-*.jsonl"))]
    boards = [board_history(path.stem, _lines(path)) for path in sorted(folder.glob("board-*.jsonl"))]
    return kiosks, boards


def read_wall_minus_boot(folder: Path) -> float:
    """Seconds to add to a moment of the histories for its time of day. Raises HistoryBroken."""
    for line in _lines(folder / "faults.jsonl"):
        if line["did"] == "begin":
            return float(line["wall_minus_boot"])
    raise HistoryBroken("faults.jsonl doesn't say what time it was")


def kiosk_history(name: str, lines: Iterable[dict[str, Any]]) -> KioskHistory:
    history = KioskHistory(name)
    for line in lines:
        match line["did"]:
            case "keep":
                history.kept.append(_kept(line))
            case "answer":
                names = ("punch_id", "outcome", "reason", "kind", "occurred_at", "recorded_at", "duplicate")
                history.answers.append(Answer(*(line[name] for name in names)))
            case "end":
                history.ended = True
            case _:
                pass
    return history


def board_history(name: str, lines: Iterable[dict[str, Any]]) -> BoardHistory:
    history = BoardHistory(name)
    for line in lines:
        match line["did"]:
            case "begin":
                history.site_ids = None if line["site_ids"] is None else frozenset(line["site_ids"])
            case "state":
                history.told.append(
                    State(
                        line["connection"],
                        line["site_id"],
                        line["epoch"],
                        line["offset"],
                        line["resumed"],
                        _people(line["people"]),
                    )
                )
            case "change":
                history.told.append(
                    Change(
                        line["connection"],
                        line["site_id"],
                        line["epoch"],
                        line["from"],
                        line["offset"],
                        _people(line["people"]),
                        frozenset(line["removed"]),
                    )
                )
            case "view":
                sites = {
                    site_id: ((site["epoch"], site["offset"]), _people(site["people"]))
                    for site_id, site in line["sites"].items()
                }
                history.views.append(View(line["label"], line["at"], sites))
            case _:
                pass
    return history


def _kept(line: dict[str, Any]) -> Kept:
    between = line.get("made_between")
    return Kept(
        line["punch_id"],
        line["device_id"],
        line["log_id"],
        line["seq"],
        line["text_sha256"],
        line.get("happened_at"),
        None if between is None else (between[0], between[1]),
    )


def _people(rows: Iterable[list[Any]]) -> dict[str, Person]:
    return {employee_id: (status, since, at_site_id) for employee_id, status, since, at_site_id in rows}


def _lines(path: Path) -> list[dict[str, Any]]:
    """A line that its killed writer left unfinished is told from a damaged one by what follows: a fresh start."""
    found: list[dict[str, Any]] = []
    torn = 0
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
        except ValueError:
            torn += 1
            continue
        if not isinstance(line, dict) or "did" not in line:
            raise HistoryBroken(f"{path.name}:{number}: no entry of a history")
        found.append(line)
    if not found:
        raise HistoryBroken(f"{path.name} is empty")
    if torn > len(found) // 100 + 3:
        raise HistoryBroken(f"{path.name}: {torn} lines can't be read")
    return found
