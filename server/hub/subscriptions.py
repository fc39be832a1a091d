"""What one client watches, and the pushes that bring it up to date.

Only an offset is kept for each client and site. A push is made from the feed's recent changes when the client's
socket is writable, so a slow client's pushes collapse by person for free, and clients at the same offset with
the same scope share the same frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from protocol.codec import encode
from protocol.events import PresenceChanged, PresenceHead
from protocol.replies import Person, SiteBoard
from protocol.values import MAX_STATE_PART_BYTES, Status, format_time
from server.hub.outgoing import Outgoing, Shared
from server.rules.permissions import Scope
from server.services.boards import Boards
from server.services.directory import Directory
from server.services.site_feed import SiteFeed
from server.services.terminals import Terminals
from storage.models import Change

_PART_ROOM_BYTES: Final = MAX_STATE_PART_BYTES // 2
"""Of a part of `presence.state`, what sites and their people may fill. Half of it: a client that measures the same part
with spaces and escaped accents, as its own library would write it, finds it under the limit too."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where a watch stands in what it sees of a site."""

    watch: Watch
    view: View
    epoch: UUID | None
    offset: int


class View:
    """A site as a scope sees it: pushes are made once for all who watch it from the same offset."""

    __slots__ = ("_epoch", "_make", "_offset", "_pushes", "feed", "places", "scope")

    def __init__(self, feed: SiteFeed, scope: Scope, make: Callable[[SiteFeed, Scope, int], Shared]) -> None:
        self.feed = feed
        self.scope = scope
        self.places: dict[_Place, None] = {}
        self._make = make
        self._epoch = feed.epoch
        self._offset = feed.offset
        self._pushes: dict[int, Shared] = {}

    def push(self, epoch: UUID, offset: int) -> Shared | None:
        """The changes after `offset` up to the feed's; None when they are no longer all here."""
        feed = self.feed
        if feed.offset != self._offset or feed.epoch is not self._epoch:
            self._pushes = {}
            self._offset, self._epoch = feed.offset, feed.epoch
        if (known := self._pushes.get(offset)) is not None and epoch is self._epoch:
            return known
        if not feed.can_resume(epoch, offset):
            return None
        made = self._pushes[offset] = self._make(feed, self.scope, offset)
        return made


class Switchboard:
    """Who watches which site. Tells the watchers of a feed that it moved, and every few seconds where it stands."""

    def __init__(self, boards: Boards, directory: Directory, terminals: Terminals) -> None:
        self.boards = boards
        self._directory = directory
        self._terminals = terminals
        self._views: dict[UUID, dict[Scope, View]] = {}
        self._heads: dict[UUID, tuple[tuple[int, UUID | None, int], Shared]] = {}
        self._tick = 0
        boards.on_advance = self._advanced

    def tick(self) -> None:
        """A head is due for every watched site."""
        self._tick += 1
        for views in self._views.values():
            for view in views.values():
                for place in view.places:
                    place.watch.head_due(place)

    def view(self, feed: SiteFeed, scope: Scope) -> View:
        """What a scope sees of a site: the same for everyone who sees as much."""
        views = self._views.setdefault(feed.site_id, {})
        if (view := views.get(scope)) is None:
            view = views[scope] = View(feed, scope, self._push)
        return view

    def leave(self, place: _Place) -> None:
        """One watcher less; with the last one a view goes too."""
        view = place.view
        view.places.pop(place, None)
        if not view.places:
            site_id = view.feed.site_id
            views = self._views.get(site_id, {})
            views.pop(view.scope, None)
            if not views:
                self._views.pop(site_id, None)

    @property
    def subscriptions(self) -> int:
        return sum(len(view.places) for views in self._views.values() for view in views.values())

    def _push(self, feed: SiteFeed, scope: Scope, offset: int) -> Shared:
        changes = feed.since(offset)
        visible = [change for change in changes.values() if self.sees(scope, change.employee_id)]
        removed = [change.employee_id for change in visible if not change.on_board]
        if scope.department_ids is not None and len(visible) < len(changes):
            left = feed.departures(offset)
            removed += [
                employee_id
                for employee_id in changes.keys() - {change.employee_id for change in visible}
                if left.get(employee_id, set()) & scope.department_ids
            ]
        assert feed.epoch is not None  # noqa: S101 - a feed that is watched was read
        encoded = encode(
            PresenceChanged(
                site_id=feed.site_id,
                epoch=feed.epoch,
                from_=offset,
                offset=feed.offset,
                people=[self.person(change) for change in visible if change.on_board],
                removed=removed,
            )
        )
        return Shared(encoded, collapsed=feed.offset - offset - len(changes))

    def head(self, feed: SiteFeed) -> Shared:
        """The head of a site, once made for all who get it at this tick and offset."""
        key = (self._tick, feed.epoch, feed.offset)
        known = self._heads.get(feed.site_id)
        if known is not None and known[0] == key:
            return known[1]
        assert feed.epoch is not None  # noqa: S101 - a feed that is watched was read
        completeness = self._terminals.completeness(feed.site_id)
        made = Shared(
            encode(
                PresenceHead(
                    site_id=feed.site_id,
                    epoch=feed.epoch,
                    offset=feed.offset,
                    complete_to=None if completeness.complete_to is None else format_time(completeness.complete_to),
                    silent_devices=completeness.silent,
                )
            )
        )
        self._heads[feed.site_id] = (key, made)
        return made

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
        for view in self._views.get(feed.site_id, {}).values():
            for place in view.places:
                place.watch.changed(place)


class Watch:
    """One client's watch; `take` makes what is due when the socket has room."""

    __slots__ = ("_changed", "_heads", "_outgoing", "_places", "_scope", "_switchboard")

    def __init__(self, switchboard: Switchboard, scope: Scope, outgoing: Outgoing) -> None:
        self._switchboard = switchboard
        self._scope = scope
        self._outgoing = outgoing
        self._places: list[_Place] = []
        self._changed: dict[_Place, None] = {}
        self._heads: dict[_Place, None] = {}

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
            view = self._switchboard.view(feed, self._scope)
            place = _Place(self, view, feed.epoch, offset if resumed else feed.offset)
            self._places.append(place)
            if resumed and offset < feed.offset:
                self._changed[place] = None
            people = [] if resumed else self._switchboard.people(feed, self._scope)
            empty = self._switchboard.site_board(feed, people=[], offset=place.offset, resumed=resumed)
            for chunk, size in _chunks(people, room, len(encode(empty)) + 1):
                if size > room and parts[-1]:
                    parts.append([])
                    room = _PART_ROOM_BYTES
                parts[-1].append(self._switchboard.site_board(feed, people=chunk, offset=place.offset, resumed=resumed))
                room -= size
        for place in self._places:
            place.view.places[place] = None
        return parts

    def end(self) -> None:
        for place in self._places:
            self._switchboard.leave(place)
        self._places.clear()
        self._changed.clear()
        self._heads.clear()

    def changed(self, place: _Place) -> None:
        self._changed[place] = None
        self._outgoing.wake()

    def head_due(self, place: _Place) -> None:
        self._heads[place] = None
        self._outgoing.wake()

    def take(self) -> Sequence[Shared]:
        """Pushes for what changed, then heads; a client whose offset no longer serves gets the head alone.

        From that head it knows that it must watch again.
        """
        if not self._changed and not self._heads:
            return ()
        due: list[Shared] = []
        for place in self._changed:
            feed = place.view.feed
            if place.offset == feed.offset and place.epoch == feed.epoch:
                continue
            push = None if place.epoch is None else place.view.push(place.epoch, place.offset)
            if push is None:
                self._heads[place] = None
            else:
                due.append(push)
                place.offset = feed.offset
        self._changed.clear()
        if self._heads:
            due += [self._switchboard.head(place.view.feed) for place in self._heads]
            self._heads.clear()
        return due


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
