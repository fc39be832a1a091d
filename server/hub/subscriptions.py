"""What one client watches, and the pushes that bring it up to date.

Only an offset is kept for each client and site. A push is made from the feed's recent changes when the client's
socket is writable, so a slow client's pushes collapse by person for free, and clients at the same offset with
the same scope share the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from protocol.codec import encode
from protocol.events import PresenceChanged, PresenceHead
from protocol.replies import Person, SiteBoard
from protocol.values import MAX_STATE_PART_BYTES, Status, format_time
from server.hub.outgoing import Outgoing
from server.rules.permissions import Scope
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.site_feed import SiteFeed
from server.services.terminals import Terminals
from storage.models import Change

_PART_ROOM_BYTES: Final = MAX_STATE_PART_BYTES // 2
"""Of a part of `presence.state`, what sites and their people may fill. Half of it: a client that measures the same part
with spaces and escaped accents, as its own library would write it, finds it under the limit too."""
_CACHED_PUSHES: Final = 256


@dataclass(slots=True)
class _Position:
    epoch: UUID | None
    offset: int


class Switchboard:
    """Who watches which site. Tells the watchers of a feed that it moved, and every few seconds where it stands."""

    def __init__(self, boards: Boards, directory: Directory, terminals: Terminals) -> None:
        self.boards = boards
        self._directory = directory
        self._terminals = terminals
        self._watches: dict[UUID, dict[Watch, None]] = {}
        self._pushes: dict[tuple[UUID, Scope, UUID | None, int, int], bytes] = {}
        self._heads: dict[UUID, tuple[tuple[int, UUID | None, int], bytes]] = {}
        self._tick = 0
        boards.on_advance = self._advanced

    def tick(self) -> None:
        """A head is due for every watched site."""
        self._tick += 1
        for site_id, watches in self._watches.items():
            for watch in watches:
                watch.head_due(site_id)

    def watch(self, watch: Watch, site_ids: Iterable[UUID]) -> None:
        for site_id in site_ids:
            self._watches.setdefault(site_id, {})[watch] = None

    def unwatch(self, watch: Watch, site_ids: Iterable[UUID]) -> None:
        for site_id in site_ids:
            watches = self._watches.get(site_id, {})
            watches.pop(watch, None)
            if not watches:
                self._watches.pop(site_id, None)

    @property
    def subscriptions(self) -> int:
        return sum(map(len, self._watches.values()))

    def push(self, feed: SiteFeed, scope: Scope, offset: int) -> bytes:
        """The changes after `offset`, encoded for a scope; shared by everyone who asks for the same."""
        key = (feed.site_id, scope, feed.epoch, offset, feed.offset)
        if (known := self._pushes.get(key)) is not None:
            return known
        changes = feed.since(offset)
        visible = [change for change in changes.values() if self.sees(scope, change.employee_id)]
        assert feed.epoch is not None  # noqa: S101 - a feed that is watched was read
        encoded = encode(
            PresenceChanged(
                site_id=feed.site_id,
                epoch=feed.epoch,
                from_=offset,
                offset=feed.offset,
                people=[self.person(change) for change in visible if change.on_board],
                removed=[change.employee_id for change in visible if not change.on_board],
            )
        )
        if len(self._pushes) >= _CACHED_PUSHES:
            self._pushes.clear()
        self._pushes[key] = encoded
        return encoded

    def head(self, feed: SiteFeed) -> bytes:
        """The head of a site, once made for all who get it at this tick and offset."""
        key = (self._tick, feed.epoch, feed.offset)
        known = self._heads.get(feed.site_id)
        if known is not None and known[0] == key:
            return known[1]
        assert feed.epoch is not None  # noqa: S101 - a feed that is watched was read
        completeness = self._terminals.completeness(feed.site_id)
        encoded = encode(
            PresenceHead(
                site_id=feed.site_id,
                epoch=feed.epoch,
                offset=feed.offset,
                complete_to=None if completeness.complete_to is None else format_time(completeness.complete_to),
                silent_devices=completeness.silent,
            )
        )
        self._heads[feed.site_id] = (key, encoded)
        return encoded

    def site_board(self, feed: SiteFeed, *, people: list[Person], offset: int, resumed: bool) -> SiteBoard:
        assert feed.epoch is not None  # noqa: S101 - a feed that is watched was read
        site = self._directory.sites[feed.site_id]
        completeness = self._terminals.completeness(feed.site_id)
        return SiteBoard(
            site_id=feed.site_id,
            name=site.name,
            time_zone=site.time_zone,
            epoch=feed.epoch,
            offset=offset,
            resumed=resumed,
            complete_to=None if completeness.complete_to is None else format_time(completeness.complete_to),
            silent_devices=completeness.silent,
            people=people,
        )

    def sees(self, scope: Scope, employee_id: UUID) -> bool:
        """Whether a scope's departments let this person be seen, at a site that it has."""
        if scope.department_ids is None:
            return True
        employee = self._directory.employees.get(employee_id)
        return employee is not None and scope.allows_department(employee.department_id)

    def person(self, change: Change) -> Person:
        employee = self._directory.employees.get(change.employee_id)
        return Person(
            employee_id=change.employee_id,
            display_name="" if employee is None else employee.display_name,
            department_id=_NOWHERE if employee is None else employee.department_id,
            status=change.status,
            since=None if change.since is None else format_time(change.since),
            at_site_id=change.at_site_id,
        )

    def people(self, feed: SiteFeed, scope: Scope) -> list[Person]:
        """A site's board as a scope sees it."""
        return [self.person(change) for change in feed.people.values() if self.sees(scope, change.employee_id)]

    def inside(self, feed: SiteFeed, scope: Scope) -> list[Person]:
        """Who of them is at the site, on a break or not."""
        return [
            self.person(change)
            for change in feed.people.values()
            if change.at_site_id == feed.site_id
            and change.status is not Status.OUT
            and self.sees(scope, change.employee_id)
        ]

    def _advanced(self, feed: SiteFeed) -> None:
        for watch in self._watches.get(feed.site_id, ()):
            watch.changed(feed.site_id)


class Watch:
    """One client's watch; `take` makes what is due when the socket has room."""

    def __init__(self, switchboard: Switchboard, scope: Scope, outgoing: Outgoing) -> None:
        self._switchboard = switchboard
        self._scope = scope
        self._outgoing = outgoing
        self._positions: dict[UUID, _Position] = {}
        self._changed: dict[UUID, None] = {}
        self._heads: dict[UUID, None] = {}

    def begin(self, feeds: Iterable[SiteFeed], after: Mapping[UUID, tuple[UUID, int]]) -> list[list[SiteBoard]]:
        """Watch these feeds from now on, each from `after` where that still serves.

        Returns what the parts of `presence.state` hold. Whoever sends them must do so before the loop turns:
        a push made earlier would come before the state it continues.
        """
        parts: list[list[SiteBoard]] = [[]]
        room = _PART_ROOM_BYTES
        for feed in feeds:
            epoch, offset = after.get(feed.site_id, (None, 0))
            resumed = epoch is not None and feed.can_resume(epoch, offset)
            position = _Position(feed.epoch, offset if resumed else feed.offset)
            self._positions[feed.site_id] = position
            if resumed and offset < feed.offset:
                self._changed[feed.site_id] = None
            people = [] if resumed else self._switchboard.people(feed, self._scope)
            empty = self._switchboard.site_board(feed, people=[], offset=position.offset, resumed=resumed)
            for chunk, size in _chunks(people, room, len(encode(empty)) + 1):
                if size > room and parts[-1]:
                    parts.append([])
                    room = _PART_ROOM_BYTES
                parts[-1].append(
                    self._switchboard.site_board(feed, people=chunk, offset=position.offset, resumed=resumed)
                )
                room -= size
        self._switchboard.watch(self, self._positions)
        return parts

    def end(self) -> None:
        self._switchboard.unwatch(self, self._positions)
        self._positions.clear()
        self._changed.clear()
        self._heads.clear()

    def changed(self, site_id: UUID) -> None:
        self._changed[site_id] = None
        self._outgoing.wake()

    def head_due(self, site_id: UUID) -> None:
        self._heads[site_id] = None
        self._outgoing.wake()

    def take(self) -> list[bytes]:
        """Pushes for what changed, then heads; a client whose offset no longer serves gets the head alone.

        From that head it knows that it must watch again.
        """
        if not self._changed and not self._heads:
            return []
        messages = []
        for site_id in self._changed:
            feed, position = self._switchboard.boards.feeds[site_id], self._positions[site_id]
            if position.epoch is None or not feed.can_resume(position.epoch, position.offset):
                self._heads[site_id] = None
            elif position.offset < feed.offset:
                messages.append(self._switchboard.push(feed, self._scope, position.offset))
                position.offset = feed.offset
        self._changed.clear()
        messages += [self._switchboard.head(self._switchboard.boards.feeds[site_id]) for site_id in self._heads]
        self._heads.clear()
        return messages


_NOWHERE: Final = UUID(int=0)


def runs_that_fit(people: list[Person], beside_bytes: int) -> list[list[Person]]:
    """People in runs of which each fits a message with `beside_bytes` of other things; at least one run."""
    return [chunk for chunk, _ in _chunks(people, _PART_ROOM_BYTES, beside_bytes)]


def _chunks(people: list[Person], room: int, site_bytes: int) -> Iterable[tuple[list[Person], int]]:
    """People in runs that fit a part, with the bytes they and their site's own fields take.

    One empty run where there is nobody.
    """
    chunk: list[Person] = []
    size = site_bytes
    for person in people:
        weight = len(encode(person)) + 1
        if chunk and size + weight > room:
            yield chunk, size
            chunk, size, room = [], site_bytes, _PART_ROOM_BYTES
        chunk.append(person)
        size += weight
    yield chunk, size
