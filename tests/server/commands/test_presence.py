"""Headcounts asked for times that no record can hold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from protocol.commands import PresenceHistory
from protocol.errors import Invalid
from server.commands import presence
from server.hub.connection import Connection
from server.rules.permissions import EVERYTHING, Scope
from server.services.site_feed import SiteFeed

SITE = UUID(int=1)


class Context:
    """As much of a hub as a refusal needs: no database is asked."""

    def __init__(self) -> None:
        self.boards = self
        self.feeds = {SITE: SiteFeed(SITE, kept_changes=1)}
        self.feeds[SITE].replace(UUID(int=2), 0, [])

    async def begin(self, site_id: UUID) -> SiteFeed | None:
        return self.feeds.get(site_id)

    def clock(self) -> datetime:
        return datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Caller:
    scope: Scope = EVERYTHING


class Supervisor:
    context = Context()
    caller = Caller()


@pytest.mark.parametrize(
    ("since", "until", "step_minutes", "field"),
    [
        ("0001-01-01T00:00:00.000000Z", "0001-01-01T00:10:00.000000Z", 5, "from"),
        ("1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00.000000Z", 5, "from"),
        ("2026-11-20T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", 1, "step_minutes"),
    ],
)
async def test_a_headcount_that_can_not_be_is_invalid(since: str, until: str, step_minutes: int, field: str) -> None:
    command = PresenceHistory(id=1, site_id=SITE, from_=since, until=until, step_minutes=step_minutes)
    with pytest.raises(Invalid) as fault:
        await presence.history(cast("Connection", Supervisor()), command)
    assert fault.value.field == field


async def test_a_headcount_of_the_future_is_empty() -> None:
    moment = "9999-12-31T23:59:59.999999Z"
    command = PresenceHistory(id=1, site_id=SITE, from_=moment, until=moment)
    assert (await presence.history(cast("Connection", Supervisor()), command)).points == []
