"""`presence watch`: who is where now, then every change, resumed without a hole when the connection comes back."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from functools import partial
from typing import Final
from uuid import UUID

from kiosk.admin.boards import Boards
from kiosk.admin.faults import AdminFault, CommandRefused, HubBusy, HubUnreachable, SignInNeeded
from kiosk.admin.hub_link import HubLink, open_link
from kiosk.admin.lookup import site_named
from kiosk.admin.sign_in import SignIn
from kiosk.admin.watch_output import WatchOutput
from kiosk.link.backoff import Backoff, is_refusal
from kiosk.link.client import LinkDown
from kiosk.link.session import Event, Failed, Pushed, Replied
from kiosk.settings import Settings
from protocol.commands import PresenceWatch
from protocol.errors import CloseCode
from protocol.events import PresenceChanged, PresenceHead
from protocol.replies import PresenceState, Scope

_RENEWAL_RETRY_SECONDS: Final = 5.0


class PresenceWatcher:
    """One watch over any number of connections."""

    def __init__(
        self, hub_url: str, sign_in: SignIn, settings: Settings, options: argparse.Namespace, output: WatchOutput
    ) -> None:
        self._hub_url = hub_url
        self._sign_in = sign_in
        self._settings = settings
        self._options = options
        self._output = output
        self._boards = Boards()
        self._scope: Scope | None = None
        self._site_ids: list[UUID] | None = None
        self._asked: int | None = None
        self._is_complete = False

    async def run(self) -> None:
        """Until interrupted, or with `--once` until the state is printed. Raises AdminFault and LinkDown."""
        backoff = Backoff(self._settings, random.random)
        while True:
            begun = time.monotonic()
            try:
                async with open_link(self._hub_url, self._sign_in, self._settings, lang=self._options.lang) as link:
                    await self._watch(link)
            except (LinkDown, HubUnreachable, HubBusy) as down:
                if not self._boards.by_site:
                    raise
                code = down.close_code if isinstance(down, LinkDown) else None
                if is_refusal(code):
                    refused = SignInNeeded if code == CloseCode.NOT_ALLOWED else AdminFault
                    raise refused("{why}", why=down) from None
                self._output.lost(str(down))
                lasted_seconds = time.monotonic() - begun
                await asyncio.sleep(backoff.next_delay_seconds(close_code=code, lasted_seconds=lasted_seconds))
            else:
                return

    async def _watch(self, link: HubLink) -> None:
        if self._options.site and self._site_ids is None:
            self._site_ids = [(await site_named(link, name)).site_id for name in self._options.site]
        if link.scope != self._scope:  # other people are seen, so nothing is resumed
            self._scope, self._boards = link.scope, Boards()
        await self._ask(link)
        while not (self._options.once and self._is_complete):
            try:
                async with asyncio.timeout(max(0.0, self._sign_in.renewal_due_at - time.time())):
                    event = await link.next_event()
            except TimeoutError:
                await self._renew(link)
                continue
            await self._take(link, event)
            if self._boards.must_watch_again and self._asked is None:
                await self._ask(link)

    async def _ask(self, link: HubLink) -> None:
        self._is_complete = False
        watch = partial(PresenceWatch, site_ids=self._site_ids, after=self._boards.after())
        self._asked = await link.send(watch)

    async def _renew(self, link: HubLink) -> None:
        try:
            await link.renew()
        except (HubUnreachable, HubBusy):
            # The connection itself tells when the token's time is over.
            self._sign_in.renewal_due_at = time.time() + _RENEWAL_RETRY_SECONDS

    async def _take(self, link: HubLink, event: Event) -> None:
        match event:
            case Replied(id=self._asked, reply=PresenceState() as part):
                self._output.state(self._boards.state(part))
                if part.last:
                    self._asked, self._is_complete = None, True
                    self._output.complete(self._boards)
            case Failed(id=self._asked, error=error):
                if not error.retry:
                    raise CommandRefused(error)
                await asyncio.sleep((error.retry_after_ms or 500) / 1000)
                await self._ask(link)
            case Pushed(PresenceChanged() as change):
                self._output.changed(self._boards.changed(change))
            case Pushed(PresenceHead() as head):
                self._boards.head(head)
                self._output.head(head)
            case _:
                pass
