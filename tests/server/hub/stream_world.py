"""Around a stream's machine: the database as a model, a hub whose time is the machine's, clients at their screens."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from protocol.commands import Position, PresenceUnwatch, PresenceWatch
from protocol.values import Status, format_time
from server.commands import presence
from server.hub.connection import Connection
from server.hub.outgoing import Flusher, Outgoing
from server.hub.subscriptions import Switchboard, Watch
from server.rules.permissions import EVERYTHING, Scope
from server.services.boards import Boards
from server.services.site_feed import SiteFeed
from server.telemetry.metrics import Healed, Metrics
from storage.models import Change, Employee, Site
from tests.server.hub.board_client import BoardClient, Line
from tests.server.hub.fakes import FakeTransport

EIGHT: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
FIRST_EPOCH: Final = UUID(int=100)
KEPT_CHANGES: Final = 5
BUSY: Final = 70_000
SITES: Final = [Site(UUID(int=number), f"Site {number}", "Europe/Madrid") for number in (1, 2)]
NORTH, SOUTH = UUID(int=11), UUID(int=12)
PEOPLE: Final = [
    Employee(UUID(int=21 + number), str(number), f"Person {number}", SITES[number % 2].site_id, department, True, 1)
    for number, department in enumerate([NORTH, NORTH, SOUTH, SOUTH])
]
SCOPES: Final = [
    EVERYTHING,
    Scope.of([SITES[0].site_id], None),
    Scope.of(None, [NORTH]),
    Scope.of([SITES[1].site_id], [SOUTH]),
]


Where = tuple[Status, datetime | None, UUID | None]
Backup = tuple[dict[UUID, Where], dict[UUID, list[Change]]]


@dataclass
class Truth:
    """What PostgreSQL holds: logs of changes, and each board as it was at each offset of each epoch."""

    epoch: UUID = FIRST_EPOCH
    where: dict[UUID, Where] = field(
        default_factory=lambda: {person.employee_id: (Status.OUT, None, None) for person in PEOPLE}
    )
    logs: dict[UUID, list[Change]] = field(default_factory=lambda: {site.site_id: [] for site in SITES})
    were: dict[tuple[UUID, UUID, int], dict[UUID, Change]] = field(default_factory=dict)
    backups: list[Backup] = field(default_factory=list)
    pruned: dict[UUID, int] = field(default_factory=lambda: {site.site_id: 0 for site in SITES})
    """By site: up to which offset changes are no longer kept."""

    def __post_init__(self) -> None:
        self.remember()

    def board(self, site_id: UUID) -> dict[UUID, Change]:
        return {
            person.employee_id: Change(person.employee_id, True, *self.where[person.employee_id])
            for person in PEOPLE
            if site_id in (person.site_id, self.where[person.employee_id][2])
        }

    def remember(self) -> None:
        for site in SITES:
            self.were[self.epoch, site.site_id, len(self.logs[site.site_id])] = self.board(site.site_id)
        self.backups.append((dict(self.where), {site_id: list(log) for site_id, log in self.logs.items()}))

    def restore(self, backup: Backup, epoch: UUID) -> None:
        self.epoch = epoch
        self.where, self.logs = dict(backup[0]), {site_id: list(log) for site_id, log in backup[1].items()}
        self.remember()

    def frozen(self) -> "Truth":
        """As a snapshot sees it from now on."""
        logs = {site_id: list(log) for site_id, log in self.logs.items()}
        return Truth(self.epoch, dict(self.where), logs, pruned=dict(self.pruned))

    def begin_epoch(self, epoch: UUID) -> None:
        self.epoch = epoch
        self.remember()

    def move(self, person: Employee, status: Status, site: Site, moment: datetime) -> list[UUID]:
        """One change in each stream that it touches; gives those sites."""
        before = self.where[person.employee_id][2]
        place = None if status is Status.OUT else site.site_id
        self.where[person.employee_id] = (status, moment, place)
        touched = [one.site_id for one in SITES if one.site_id in (person.site_id, before, place)]
        for site_id in touched:
            on_board = site_id in (person.site_id, place)
            self.logs[site_id].append(Change(person.employee_id, on_board, status, moment, place))
        self.remember()
        return touched


class BoardsByHand(Boards):
    """Real boards, whose healing waits until the machine lets it happen."""

    def _heal(self, feed: SiteFeed, kind: Healed) -> None:
        del feed, kind


class FlusherByHand(Flusher):
    """Sockets are written to when the machine says so."""

    def add(self, outgoing: Outgoing) -> None:
        del outgoing

    def push(self, outgoing: Outgoing) -> None:
        del outgoing

    def busy(self, outgoing: Outgoing) -> None:
        del outgoing


@dataclass
class _Settings:
    watched_sites_max: int = 3


@dataclass
class Hub:
    boards: Boards
    switchboard: Switchboard
    settings: _Settings = field(default_factory=_Settings)


@dataclass
class _Caller:
    scope: Scope


class Screen:
    """A client, its connection to the hub, and what lies in its socket."""

    def __init__(self, context: Hub, scope: Scope) -> None:
        self.context = context
        self.caller = _Caller(scope)
        self.client = BoardClient()
        self.watch: Watch | None = None
        self.last_id = 0
        self.connect()

    def connect(self) -> None:
        if self.watch is not None:
            self.watch.end()
        self.watch = None
        self.transport = FakeTransport()
        self.outgoing = Outgoing(
            self.transport,
            FlusherByHand(),
            Metrics(version="1"),
            max_bytes=1_000_000,
            slow_client_seconds=3_600,
            on_slow=lambda _: None,
        )
        self.client.stop()

    def ask(self, *, resume: bool, site_ids: list[UUID] | None = None) -> None:
        self.last_id += 1
        if not resume:
            self.client.boards.clear()
        after = {
            UUID(site_id): Position(epoch=UUID(board.epoch), offset=board.offset)
            for site_id, board in self.client.boards.items()
        }
        self.client.ask(self.last_id)
        run(presence.watch(cast("Connection", self), PresenceWatch(id=self.last_id, site_ids=site_ids, after=after)))

    def stop(self) -> None:
        self.last_id += 1
        run(presence.unwatch(cast("Connection", self), PresenceUnwatch(id=self.last_id)))
        self.client.stop()

    def hear(self) -> None:
        for message in self.transport.take_messages():
            self.client.hear(message)

    def sees(self, board: dict[UUID, Change]) -> dict[str, Line]:
        return {
            str(person.employee_id): shown(board[person.employee_id])
            for person in PEOPLE
            if person.employee_id in board and self.caller.scope.allows_department(person.department_id)
        }


def shown(change: Change) -> Line:
    since = None if change.since is None else format_time(change.since)
    return change.status.value, since, None if change.at_site_id is None else str(change.at_site_id)


def run(command: Coroutine[Any, Any, object]) -> None:
    """Run a command that never waits: no push may come between its answer's parts."""
    try:
        command.send(None)
    except StopIteration:
        return
    raise AssertionError("it gave the loop a turn")
