"""Where commands are handed in: the hub, over as many connections as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Final, Self, TypeVar
from uuid import UUID

from kiosk.admin.asking import Asker
from kiosk.admin.faults import AnswerLost, CommandRefused, HubBusy, HubUnreachable
from kiosk.admin.hub_link import HubLink
from kiosk.admin.output import Output
from kiosk.admin.prompts import Prompts
from kiosk.link.backoff import is_refusal
from kiosk.link.client import LinkDown
from kiosk.settings import Settings
from protocol.base import Command, Reply

_R = TypeVar("_R", bound=Reply)
_T = TypeVar("_T")
_RECONNECT_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)
"""Pauses before each further connection; after the last one a lost answer is told as such."""


class Desk(Asker):
    """One command line's business with the hub. A lost connection is opened anew and what was asked is asked again.

    That is safe: a write bears the same `request_key` each time, so the hub does it once.
    """

    def __init__(
        self,
        open_link: Callable[[], AbstractAsyncContextManager[HubLink]],
        output: Output,
        *,
        prompts: Prompts,
        request_key: UUID,
        is_repeated: bool = False,
        settings: Settings,
        pauses_seconds: tuple[float, ...] = _RECONNECT_SECONDS,
    ) -> None:
        self._open_link = open_link
        self._output = output
        self._pauses_seconds = pauses_seconds
        self._connection = AsyncExitStack()
        self._link: HubLink | None = None
        self._was_connected = False
        self.prompts = prompts
        self.request_key = request_key
        """This command line's own: what it writes, it writes once."""
        self.is_repeated = is_repeated
        """Whether something may have been asked before: then secrets may have been told before."""
        self.import_timeout_seconds = settings.import_timeout_seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hang_up()

    async def ask(self, make: Callable[..., Command], answer: type[_R]) -> _R:
        return await self.over(lambda link: link.ask(make, answer))

    async def ask_parts(self, make: Callable[..., Command], answer: type[_R]) -> list[_R]:
        return await self.over(lambda link: link.ask_parts(make, answer))

    async def do(self, make: Callable[..., Command], answer: type[_R], *, key: UUID | None = None) -> _R:
        """Have something done, once. `key` is this act's own where a command line stands for several."""
        request_key = key or self.request_key
        return await self.write(lambda link: link.ask(partial(make, request_key=request_key), answer), request_key)

    async def write(self, job: Callable[[HubLink], Awaitable[_T]], request_key: UUID) -> _T:
        """As `over`, for what changes something: where it isn't known whether it was done, the key is told."""
        try:
            return await self.over(job)
        except CommandRefused as refused:
            if refused.error.retry:
                say = self._output.say
                self._output.note(say("to try again without doing it twice: --request-key {key}", key=request_key))
            raise
        except (LinkDown, HubUnreachable) as lost:
            if self._was_connected:
                raise AnswerLost(request_key, str(lost)) from None
            raise

    async def over(self, job: Callable[[HubLink], Awaitable[_T]]) -> _T:
        """Do a job that may be done again from its start, on a link that works."""
        for pause in (*self._pauses_seconds, None):
            try:
                return await job(await self._connected())
            except (LinkDown, HubUnreachable, HubBusy) as down:
                await self._hang_up()
                code = down.close_code if isinstance(down, LinkDown) else None
                if pause is None or not self._was_connected or is_refusal(code):
                    raise
                self.is_repeated = True
                say = self._output.say
                why = say.recognised(str(down))
                self._output.note(say("connection lost ({why}); connecting again", why=why))
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _connected(self) -> HubLink:
        if self._link is None:
            self._link = await self._connection.enter_async_context(self._open_link())
            self._was_connected = True
        return self._link

    async def _hang_up(self) -> None:
        self._link = None
        await self._connection.aclose()
