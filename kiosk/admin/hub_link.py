"""A person's connection to the hub: one command after another, and whatever the hub pushes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from kiosk.admin.asking import Asker
from kiosk.admin.faults import CommandRefused, SignInNeeded
from kiosk.admin.sign_in import SignIn
from kiosk.link.client import LinkDown, Wire, connect
from kiosk.link.session import Event, Failed, PersonSignIn, Replied, Session, SignInRefused, Welcomed
from kiosk.settings import Settings
from protocol.base import Command, Reply
from protocol.commands import AuthRefresh
from protocol.errors import CloseCode, ProtocolError
from protocol.replies import AuthRefreshed, Error, Scope

_R = TypeVar("_R", bound=Reply)
TRIES: Final = 5
_LONGEST_RETRY_SECONDS: Final = 5.0


class HubLink(Asker):
    """An open, welcomed connection. Raises LinkDown when it ends."""

    def __init__(self, wire: Wire, session: Session, sign_in: SignIn, settings: Settings) -> None:
        self._wire = wire
        self._session = session
        self._sign_in = sign_in
        self._settings = settings
        self._heard: deque[Event] = deque()
        self.scope: Scope | None = None
        """What this connection may see, once welcomed."""

    async def ask(self, make: Callable[..., Command], answer: type[_R], *, tries: int = TRIES) -> _R:
        """Ask for one answer; a hub that can't answer now is asked again a few times. Raises CommandRefused."""
        _, reply = await self._first_reply(make, answer, self._settings.answer_timeout_seconds, tries)
        return reply

    async def ask_parts(
        self,
        make: Callable[..., Command],
        answer: type[_R],
        *,
        timeout_seconds: float | None = None,
        tries: int = TRIES,
    ) -> list[_R]:
        """As `ask`, for an answer in parts, of which only the last says so; each may take `timeout_seconds`."""
        timeout = timeout_seconds or self._settings.answer_timeout_seconds
        command_id, part = await self._first_reply(make, answer, timeout, tries)
        parts = [part]
        while not getattr(part, "last", True):
            event = await self._answer_to(command_id, timeout)
            if isinstance(event, Failed):
                raise CommandRefused(event.error)
            part = _expected(event, answer)
            parts.append(part)
        return parts

    async def _first_reply(
        self, make: Callable[..., Command], answer: type[_R], timeout_seconds: float, tries: int
    ) -> tuple[int, _R]:
        for tries_left in reversed(range(tries)):
            command_id = await self.send(make)
            event = await self._answer_to(command_id, timeout_seconds)
            if not isinstance(event, Failed):
                return command_id, _expected(event, answer)
            if not event.error.retry or not tries_left:
                raise CommandRefused(event.error)
            await asyncio.sleep(pause_seconds(event.error))
        raise AssertionError("unreachable")

    async def send(self, make: Callable[..., Command]) -> int:
        """Send a command; its answer comes among the events."""
        command_id = self._session.ask(make, _now_ms())
        await self._flush()
        return command_id

    async def next_event(self) -> Event:
        """The next answer or push, as long as it takes."""
        while not self._heard:
            self._heard.extend(await self._receive())
        return self._heard.popleft()

    async def renew(self) -> None:
        """Put a fresh token on the live connection. Raises AdminFault where none is to be had or it isn't taken."""
        await self.ask(partial(AuthRefresh, token=await self._sign_in.access_token()), AuthRefreshed)

    async def _answer_to(self, command_id: int, timeout_seconds: float) -> Replied | Failed:
        pushes: list[Event] = []
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    event = await self.next_event()
                    if isinstance(event, Replied | Failed) and event.id == command_id:
                        return event
                    pushes.append(event)
        except TimeoutError:
            raise LinkDown("the hub doesn't answer") from None
        finally:
            self._heard.extendleft(reversed(pushes))

    async def _receive(self) -> list[Event]:
        text = await self._wire.receive()
        try:
            events = self._session.receive(text, _now_ms())
        except ProtocolError as fault:
            raise LinkDown(f"the hub breaks the contract: {fault}") from None
        await self._flush()
        return events

    async def _flush(self) -> None:
        await self._wire.send(self._session.take_frames())

    async def is_admitted(self) -> bool:
        """Wait for the hub's verdict on the token. A hub that can't give one now is a LinkDown."""
        try:
            async with asyncio.timeout(self._settings.welcome_timeout_seconds):
                verdict = await self.next_event()
        except TimeoutError:
            raise LinkDown("the hub didn't welcome us in time") from None
        if isinstance(verdict, SignInRefused) and verdict.error.retry:
            raise LinkDown(f"the hub can't look this session up: {verdict.error.message}", CloseCode.DRAINING)
        if not isinstance(verdict, Welcomed):
            return False
        self.scope = verdict.welcome.scope
        return True


@asynccontextmanager
async def open_link(hub_url: str, sign_in: SignIn, settings: Settings, *, lang: str) -> AsyncIterator[HubLink]:
    """A welcomed connection for the length of the block. Raises LinkDown and AdminFault."""
    refused: str | None = None
    for _ in range(2):
        token = await sign_in.access_token(after_refusal_of=refused)
        async with connect(hub_url, settings) as wire:
            link = HubLink(wire, Session(PersonSignIn(token), lang), sign_in, settings)
            if await link.is_admitted():
                yield link
                return
        refused = token
    raise SignInNeeded("the hub doesn't accept this session: use `login`")


def pause_seconds(error: Error) -> float:
    """Until something is asked again that the hub can't do now."""
    return min((error.retry_after_ms or 500) / 1000, _LONGEST_RETRY_SECONDS)


def _expected(event: Replied, answer: type[_R]) -> _R:
    if not isinstance(event.reply, answer):
        raise LinkDown("the hub breaks the contract: it answers something else")
    return event.reply


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
