"""Commands of those who watch: boards, roll call, headcount."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import structs

from protocol.codec import encode
from protocol.commands import PresenceHistory, PresenceUnwatch, PresenceWatch, RollcallGet
from protocol.errors import ErrorCode, Invalid
from protocol.replies import (
    PresenceHistoryResult,
    PresenceState,
    PresenceUnwatched,
    RollcallResult,
)
from protocol.values import format_time, parse_time
from server.errors import Refused
from server.hub.connection import Connection
from server.hub.subscriptions import Watch, runs_that_fit
from server.rules.punches import EARLIEST
from server.services.site_feed import SiteFeed
from storage.repositories import presence

MAX_HISTORY_POINTS: Final = 1_500
"""A day in minutes, and the hour that autumn adds."""


async def watch(connection: Connection, command: PresenceWatch) -> None:
    """Answer with the boards as they are, and push what changes from there on."""
    context = connection.context
    scope = connection.caller.scope
    if command.site_ids is not None and len(command.site_ids) > context.settings.watched_sites_max:
        raise Refused(ErrorCode.TOO_LARGE, "more sites than one watch may name", details={"field": "site_ids"})
    if command.site_ids is None:
        feeds = [feed for feed in context.boards.feeds.values() if feed.is_read and scope.allows_site(feed.site_id)]
    else:
        feeds = [await site_feed(connection, site_id) for site_id in dict.fromkeys(command.site_ids)]
    after = {site_id: (position.epoch, position.offset) for site_id, position in (command.after or {}).items()}
    # A hub that the client comes from may have told it more than this one knows yet.
    await context.boards.reach({feed.site_id: after[feed.site_id] for feed in feeds if feed.site_id in after})
    # No await from here to the last part: nothing may be pushed in between.
    stop_watching(connection)
    new = Watch(context.switchboard, scope, connection.outgoing)
    parts = new.begin(feeds, after)
    for number, sites in enumerate(parts, start=1):
        connection.outgoing.send(encode(PresenceState(re=command.id, last=number == len(parts), sites=sites)))
    connection.watch = connection.outgoing.pushes = new
    connection.outgoing.wake()


async def unwatch(connection: Connection, command: PresenceUnwatch) -> PresenceUnwatched:
    stop_watching(connection)
    return PresenceUnwatched(re=command.id)


def stop_watching(connection: Connection) -> None:
    if connection.watch is not None:
        connection.watch.end()
        connection.watch = connection.outgoing.pushes = None


async def rollcall(connection: Connection, command: RollcallGet) -> RollcallResult:
    """Who is inside, as of one moment; over the size of a part, in several."""
    context = connection.context
    feed = await site_feed(connection, command.site_id)
    completeness = context.terminals.completeness(feed.site_id)
    everybody = RollcallResult(
        re=command.id,
        site_id=feed.site_id,
        as_of=format_time(context.clock()),
        complete_to=None if completeness.complete_to is None else format_time(completeness.complete_to),
        silent_devices=completeness.silent,
        inside=context.switchboard.inside(feed, connection.caller.scope),
    )
    *earlier, rest = runs_that_fit(everybody.inside, len(encode(structs.replace(everybody, inside=[]))))
    for people in earlier:
        connection.send(structs.replace(everybody, inside=people, last=False))
    return structs.replace(everybody, inside=rest)


async def history(connection: Connection, command: PresenceHistory) -> PresenceHistoryResult:
    """Headcount of a site, from its recorded punches."""
    context = connection.context
    feed = await site_feed(connection, command.site_id)
    since, until = parse_time(command.from_), min(parse_time(command.until), context.clock())
    if since < EARLIEST:
        raise Invalid("from", "lies before any record")
    step = timedelta(minutes=command.step_minutes)
    if (until - since) / step > MAX_HISTORY_POINTS:
        raise Invalid("step_minutes", f"more than {MAX_HISTORY_POINTS} points")
    departments = connection.caller.scope.department_ids
    points: list[tuple[int, int]] = []
    if since <= until:
        async with context.database.connection() as database:
            points = await presence.headcount(
                database,
                feed.site_id,
                since=since,
                until=until,
                step_minutes=command.step_minutes,
                lookback_minutes=context.settings.open_shift_limit_minutes,
                department_ids=None if departments is None else list(departments),
            )
    return PresenceHistoryResult(
        re=command.id,
        site_id=feed.site_id,
        from_=command.from_,
        step_minutes=command.step_minutes,
        points=points,
    )


async def site_feed(connection: Connection, site_id: UUID) -> SiteFeed:
    """The feed of a site that the caller may see; others are not found, as if they didn't exist."""
    if connection.caller.scope.allows_site(site_id):
        feed = await connection.context.boards.begin(site_id)
        if feed is not None:
            return feed
    raise Refused(ErrorCode.NOT_FOUND, "site")
