"""Whoever watches all that is said and kept, and knows what must never be seen. It shares no code with the hub."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kiosk.terminal import Answer, Ticket
from storage.models import PunchKey
from tests.journey.memory_tables import HISTORY_ORDER, Row, Tables
from tests.journey.network import Line
from tests.journey.substitutes import read_outbox
from tests.journey.twin import Twin
from tests.journey.virtual_time import ProcessIsGone
from tests.journey.world import KioskProcess, Watcher, World
from tests.server.hub.fakes import payload_of

NEVER = {"internal", "conflict", "invalid", "malformed", "forbidden", "too_large", "not_found", "unknown_command"}
"""Errors that no fault of network, process or clock excuses."""
STATUS_AFTER = {"in": "in", "break_end": "in", "break_start": "break", "out": "out"}


@dataclass
class Kept:
    """A punch that a person was told of as kept."""

    punch_id: str
    employee_id: UUID
    ticket: Ticket


@dataclass
class Checker(Watcher):
    """`wrong` fills up; it is looked at after each step, since the product catches what its callbacks raise."""

    wrong: list[str] = field(default_factory=list)
    kept: dict[UUID, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    """By device, in the order in which people punched."""
    sent: dict[UUID, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    """By device: its `punch.record` messages by the punch's text."""
    asked: dict[Line, dict[int, str]] = field(default_factory=dict)
    """By connection: punches on their way, by the id of their command."""
    synced: set[Line] = field(default_factory=set)
    """Connections over which a `time.sync` was answered."""
    heard: dict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By device: punches whose outcome reached it."""
    texts: set[str] = field(default_factory=set)
    """All that any outbox file ever held."""
    twins: dict[UUID, Twin] = field(default_factory=dict)
    """By device: a second socket that repeats what the first one says."""
    erred: set[Line] = field(default_factory=set)
    """Connections on which the hub has answered with an error."""
    answered_first: set[str] = field(default_factory=set)
    _seen: int = 0
    _heads: dict[tuple[str, str], tuple[int, str | None]] = field(default_factory=dict)
    _keys: dict[str, PunchKey] = field(default_factory=dict)
    """Of all that was ever committed."""

    def watch(self, world: World) -> None:
        self.world = world
        world.store.on_commit = self.committed

    # What is said

    def hub_said(self, line: Line, frame: bytes) -> None:
        for message in json.loads(payload_of(frame) or b"[]"):
            match message["type"]:
                case "punch.outcome":
                    self._answer_is_the_record(message)
                case "error" if message["code"] in NEVER:
                    self.wrong.append(f"the hub says {message}")
                case "error":
                    if message["code"] == "out_of_order" and line in self.asked and line not in self.erred:
                        self.wrong.append("punches that came in their order are out of it")
                    self.erred.add(line)
                case _:
                    pass

    def _answer_is_the_record(self, outcome: dict[str, Any]) -> None:
        row = self._record(outcome["punch_id"])
        if row is None:
            self.wrong.append(f"answered before its commit: {outcome}")
            return
        if said(outcome) != said(row.columns):
            self.wrong.append(f"an answer that isn't the record's: {said(outcome)} for {said(row.columns)}")
        if not outcome["duplicate"]:
            if outcome["punch_id"] in self.answered_first:
                self.wrong.append(f"told twice as new: {outcome}")
            self.answered_first.add(outcome["punch_id"])
        name = None if outcome["employee"] is None else outcome["employee"]["display_name"]
        if name != self._name(row):
            self.wrong.append(f"{name} for {self._name(row)}")

    def kiosk_said(self, kiosk: KioskProcess, line: Line, frame: bytes) -> None:
        message = json.loads(frame)
        device_id = kiosk.device.device_id
        asked = self.asked.setdefault(line, {})
        match message["type"]:
            case "punch.record":
                if line not in self.synced:
                    self.wrong.append("a punch goes out before the hub's clock is known")
                if message["punch"] in asked.values():
                    self.wrong.append("a punch is sent again before its answer")
                asked[message["id"]] = message["punch"]
                self.sent[device_id][message["punch"]] = message
                if (twin := self.twins.get(device_id)) is not None:
                    twin.echo(message)
            case "device.report":
                missing = [kept for kept in self.kept[device_id] if self._record(kept.punch_id) is None]
                if message["outbox_depth"] < len(missing):
                    self.wrong.append(f"reports {message['outbox_depth']} punches, and the hub lacks {len(missing)}")
            case _:
                pass

    def kiosk_heard(self, kiosk: KioskProcess, line: Line, frame: str) -> None:
        for message in json.loads(frame):
            if message["type"] == "time.sync.result":
                self.synced.add(line)
            self.asked.setdefault(line, {}).pop(message.get("re"), None)
            if message["type"] == "punch.outcome":
                self.heard[kiosk.device.device_id].add(message["punch_id"])

    def logged(self, what: str, fault: object) -> None:
        self.wrong.append(f"logged: {what} ({fault!r})")

    # What is kept

    def committed(self) -> None:
        """Journals grow at their end only, one by one, each punch naming the one before it."""
        punches = list(self.world.store.tables.punches.values())
        for row in punches[self._seen :]:
            text = json.loads(row["signed_text"])
            journal = (text["device_id"], text["log_id"])
            seq, digest = self._heads.get(journal, (0, None))
            if (text["seq"], text["previous"]) != (seq + 1, digest) or row["reason"] == "device_forked":
                self.wrong.append(f"out of order: seq {text['seq']} behind {seq} as {row['reason']}")
            if str(row["punch_id"]) in self._keys:
                self.wrong.append(f"recorded twice: {row['punch_id']}")
            if row["signed_text"] not in self.sent[UUID(text["device_id"])]:
                self.wrong.append(f"no kiosk sent this: {row['signed_text']}")
            self._keys[str(row["punch_id"])] = (row["device_id"], row["log_id"], row["seq"])
            self._heads[journal] = (text["seq"], digest_of(row["signed_text"]))
        if len(punches) < self._seen:
            self.wrong.append("the record has shrunk")
        self._seen = len(punches)

    def check(self) -> None:
        for kiosk in self.world.kiosks:
            rows = read_outbox(kiosk.folder if kiosk.alive else kiosk.after)
            self._check_outbox(kiosk, rows)
            self._check_screen(kiosk, {punch_id for punch_id, _, state, _ in rows if state == 0})
        unnoticed = [fault for fault in self.world.loop.faults if not isinstance(fault.get("exception"), ProcessIsGone)]
        assert not unnoticed
        assert not self.wrong

    def _check_outbox(self, kiosk: KioskProcess, rows: Sequence[tuple[str, str, int, int]]) -> None:
        """What was told as kept is there until it was answered; nothing is ever set aside."""
        device_id = kiosk.device.device_id
        self.texts |= {text for _, text, _, _ in rows}
        states = {punch_id: state for punch_id, _, state, _ in rows}
        for kept in self.kept[device_id]:
            state = states.get(kept.punch_id)
            if state != 0 and kept.punch_id not in self.heard[device_id]:
                self.wrong.append(f"forgotten without an answer: {kept.punch_id} (state {state})")
        if 2 in states.values():
            self.wrong.append("a punch was set aside")
        told = {kept.punch_id for kept in self.kept[device_id]}
        in_file = [punch_id for punch_id in states if punch_id in told]
        if in_file != [kept.punch_id for kept in self.kept[device_id] if kept.punch_id in states]:
            self.wrong.append("the outbox has another order than people punched in")

    def _check_screen(self, kiosk: KioskProcess, unanswered: set[str]) -> None:
        """Nobody is shown as verified what the record doesn't say, and no backlog as smaller than it is."""
        for kept in self.kept[kiosk.device.device_id]:
            if not kept.ticket.outcome.done() or kept.ticket.outcome.cancelled():
                continue
            if (fault := kept.ticket.outcome.exception()) is not None:
                self.wrong.append(f"a screen shows {fault!r}")
                continue
            row, answer = self._record(kept.punch_id), kept.ticket.outcome.result()
            if row is None or said(row.columns) != said(answer_fields(answer)):
                self.wrong.append(f"a screen shows {answer}, and the record has {row}")
            elif answer.employee_name != self._name(row):
                self.wrong.append(f"a screen greets {answer.employee_name}")
        if kiosk.alive and kiosk.started.done():
            waiting = [kept for kept in self.kept[kiosk.device.device_id] if kept.punch_id in unanswered]
            if kiosk.terminal.state.backlog < len(waiting):
                self.wrong.append(f"a backlog of {len(waiting)} shows as {kiosk.terminal.state.backlog}")

    # At the end

    def all_is_there(self) -> None:
        """Everything mended: each punch that anybody was told of stands in the record once, as it was signed."""
        tables = self.world.store.tables
        for kiosk in self.world.kiosks:
            device_id = kiosk.device.device_id
            rows = read_outbox(kiosk.folder)
            assert [state for _, _, state, _ in rows if state == 0] == []
            mine = {str(row["punch_id"]): row for row in tables.punches.values() if row["device_id"] == device_id}
            for kept in self.kept[device_id]:
                assert kept.punch_id in mine, f"lost: {kept.punch_id}"
                row = mine[kept.punch_id]
                if row["employee_id"] is not None:
                    assert row["employee_id"] == kept.employee_id
            told = {kept.punch_id for kept in self.kept[device_id]}
            assert [one for one in mine if one in told] == [kept.punch_id for kept in self.kept[device_id]]
            assert all(mine[punch_id]["signed_text"] == text for punch_id, text, _, _ in rows)
            assert len({row["log_id"] for row in mine.values()}) <= 1, "a journal was given up without a reason"
        assert {row["signed_text"] for row in tables.punches.values()} <= self.texts
        assert not tables.audit
        self._boards_are_the_record(tables)

    def _boards_are_the_record(self, tables: Tables) -> None:
        for site_id, head in tables.streams.items():
            offsets = [offset for site, offset in tables.stream_changes if site == site_id]
            assert sorted(offsets) == list(range(1, head + 1))
        last: dict[UUID, Row] = {}
        for row in sorted(tables.punches.values(), key=in_order):
            if row["counted"]:
                last[row["employee_id"]] = row
        for employee_id, now in tables.presence.items():
            where = ("out", None, None) if employee_id not in last else placed_by(last[employee_id])
            assert (now["status"], now["since"], now["at_site_id"]) == where

    def _record(self, punch_id: str) -> Row | None:
        return next((row for row in self.world.store.tables.punches.values() if str(row["punch_id"]) == punch_id), None)

    def _name(self, row: Row) -> str | None:
        if row["outcome"] != "recorded":
            return None
        (name,) = [one.display_name for one in self.world.company.employees if one.employee_id == row["employee_id"]]
        return name


def said(source: dict[str, Any]) -> tuple[object, ...]:
    """What must be the same in every answer to one punch, and in the record."""
    times = [source["occurred_at"], source["recorded_at"]]
    plain = [None if one is None else one if isinstance(one, str) else _text(one) for one in times]
    same_as = source["same_as"]
    return source["outcome"], source["reason"], source["kind"], *plain, None if same_as is None else str(same_as)


def answer_fields(answer: Answer) -> dict[str, Any]:
    return {
        name: getattr(answer, name) for name in ("outcome", "reason", "kind", "occurred_at", "recorded_at", "same_as")
    }


def placed_by(row: Row) -> tuple[str, datetime | None, UUID | None]:
    """(status, since, at_site_id) that a person's latest counted punch puts them to."""
    status = STATUS_AFTER[row["kind"]]
    return status, row["occurred_at"], None if status == "out" else row["site_id"]


def in_order(row: Row) -> tuple[object, ...]:
    return (row["occurred_at"] or row["recorded_at"], *(row[name] for name in HISTORY_ORDER[1:]))


def digest_of(text: str) -> str:
    digest = hashlib.sha256(b"attendance.v1|punch|" + text.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
