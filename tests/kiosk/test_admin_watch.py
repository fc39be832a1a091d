"""What a live watch asks for when its connection comes back."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from kiosk.admin.hub_link import HubLink
from kiosk.admin.sign_in import SignIn
from kiosk.admin.watch import PresenceWatcher
from kiosk.admin.watch_output import WatchOutput
from kiosk.link.client import LinkDown
from kiosk.link.session import Event, Replied
from kiosk.settings import Settings
from protocol.base import Command
from protocol.commands import PresenceWatch
from protocol.replies import PresenceState, Scope, SiteBoard
from tests.protocol.samples import DEPARTMENT, EPOCH, NOON, SITE

ALL = Scope(site_ids=None, department_ids=None)
ONE_DEPARTMENT = Scope(site_ids=None, department_ids=[DEPARTMENT])
BOARD = SiteBoard(
    site_id=SITE,
    name="Norte",
    time_zone="Europe/Madrid",
    epoch=EPOCH,
    offset=7,
    resumed=False,
    complete_to=NOON,
    silent_devices=[],
    people=[],
)


class ShortLink:
    """A connection that answers one watch and is lost."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.asked: PresenceWatch | None = None
        self._has_answered = False

    async def send(self, make: Callable[..., Command]) -> int:
        self.asked = cast("PresenceWatch", make(id=1))
        return 1

    async def next_event(self) -> Event:
        if self._has_answered or self.asked is None:
            raise LinkDown("lost")
        self._has_answered = True
        return Replied(1, self.asked, PresenceState(re=1, sites=[BOARD], last=True))


class Silence:
    """An output that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


async def watched(watcher: PresenceWatcher, scope: Scope) -> PresenceWatch:
    link = ShortLink(scope)
    with pytest.raises(LinkDown):
        await watcher._watch(cast("HubLink", link))
    assert link.asked is not None
    return link.asked


async def test_the_same_scope_is_resumed_and_another_is_seen_from_the_start() -> None:
    sign_in = cast("SignIn", Namespace(renewal_due_at=datetime.now(UTC).timestamp() + 60))
    options = Namespace(site=None, once=False, lang="en")
    watcher = PresenceWatcher("http://hub", sign_in, Settings(), options, cast("WatchOutput", Silence()))
    assert (await watched(watcher, ALL)).after is None
    again = (await watched(watcher, ALL)).after
    assert again is not None
    assert again[SITE].offset == 7
    assert (await watched(watcher, ONE_DEPARTMENT)).after is None
