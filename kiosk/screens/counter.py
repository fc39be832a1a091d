"""A punch from the key to the receipt: kept on the disk, then waited for, while the screen is told each step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kiosk.notices import Answered, Happening, Kept, NotKept, SetAside, Waiting
from kiosk.terminal import BadgeCredential, Captured, Credential, Kind, OutboxFault, PunchSetAside, Terminal, Ticket

_log: Final = logging.getLogger(__name__)


class Counter:
    """Serves one person after the other: what becomes of a punch is told until the next one, or until `dismiss`.

    Only the telling ends then. The punch is on the disk and goes its way, whatever the screen shows.
    """

    def __init__(self, terminal: Terminal, kept_after_seconds: float, tell: Callable[[Happening], None]) -> None:
        self._terminal = terminal
        self._kept_after_seconds = kept_after_seconds
        self._tell = tell
        self._turn = 0
        self._following: asyncio.Task[None] | None = None

    def dismiss(self) -> None:
        """Nobody looks at the last punch any more."""
        self._turn += 1
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def serve(self, credential: Credential, kind: Kind) -> None:
        """Returns once there is nothing more to tell."""
        self.dismiss()
        turn = self._turn
        self._tell(Waiting())
        ticket: Ticket | None = None
        code = "unexpected"
        try:
            ticket = await self._terminal.punch(credential, kind)
        except OutboxFault as fault:
            code = fault.code
            _log.warning("a punch was not kept: %s", code)
        except Exception:  # noqa: BLE001 (a bug must not take the terminal away from everyone else)
            _log.exception("a punch was not kept")
        if turn != self._turn:
            return
        if ticket is None:
            self._tell(NotKept(code))
            return
        badge = credential.badge if isinstance(credential, BadgeCredential) else None
        following = self._following = asyncio.create_task(self._follow(ticket, badge))
        await asyncio.wait([following])

    async def _follow(self, ticket: Ticket, badge: str | None) -> None:
        patience_seconds = self._kept_after_seconds if ticket.captured is Captured.ONLINE else 0.0
        try:
            try:
                answer = await asyncio.wait_for(ticket.answer(), patience_seconds)
            except TimeoutError:
                self._tell(Kept(ticket.made_at, ticket.kind))
                answer = await ticket.answer()
        except PunchSetAside as aside:
            _log.warning("the hub set a punch aside: %s", aside.code)
            self._tell(SetAside())
        else:
            self._tell(Answered(answer, badge))
