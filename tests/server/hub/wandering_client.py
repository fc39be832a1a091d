"""A board that goes from hub to hub: a real connection there, and at this end what the contract tells clients to do."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

from aiohttp import WSMessage, WSMsgType, web

from protocol.base import Command
from protocol.codec import encode
from protocol.commands import Position, PresenceWatch
from protocol.values import Role
from server.commands import presence as commands
from server.hub.caller import Someone
from server.hub.connection import Connection
from server.hub.context import HubContext
from server.rules.permissions import Scope
from server.services.accounts import Session
from server.settings import Settings
from tests.journey.virtual_time import VirtualLoop
from tests.server.hub.board_client import BoardClient
from tests.server.hub.fakes import FakeTransport
from tests.server.hub.stream_world import PEOPLE, Truth, shown

LINE_SECONDS: Final = 0.003
RETRY_SECONDS: Final = 0.3
SLOW_SECONDS: Final = 3.0
_SETTINGS: Final = Settings(
    postgres_dsn="postgresql://nowhere",
    redis_url="redis://nowhere",
    key_file=Path("nowhere"),
    slow_client_seconds=SLOW_SECONDS,
    commands_per_second=1_000,  # tests take no time by the clock that counts commands
)


class _Transport(FakeTransport):
    """What is written is heard a few milliseconds later."""

    def __init__(self, hear: Callable[[], None]) -> None:
        super().__init__()
        self._hear = hear

    def write(self, data: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().write(data)
        asyncio.get_running_loop().call_later(LINE_SECONDS, self._hear)

    def abort(self) -> None:
        self.closing = True


class _Socket:
    """aiohttp's side of a WebSocket; `on_close` is told of a close by the hub."""

    def __init__(self, on_close: Callable[[], None]) -> None:
        self._on_close = on_close
        self._messages: asyncio.Queue[WSMessage] = asyncio.Queue()

    def put(self, kind: WSMsgType, text: str | None = None) -> None:
        self._messages.put_nowait(WSMessage(kind, text, None))

    async def receive(self) -> WSMessage:
        return await self._messages.get()

    async def close(self, **_how: object) -> None:
        self.put(WSMsgType.CLOSED)
        asyncio.get_running_loop().call_later(LINE_SECONDS, self._on_close)


class _Commands:
    async def handle(self, connection: Connection, command: Command) -> None:
        assert isinstance(command, PresenceWatch)
        await commands.watch(connection, command)


class _Welcomed(Connection):
    """A connection whose handshake is over."""

    someone: Someone

    async def _shake_hands(self) -> bool:
        self._caller = self.someone
        self.context.metrics.connected(self.someone.role)
        self._role_counted = self.someone.role
        return True


class _Line:
    """One connection of a client, until one of both ends it."""

    def __init__(self, hub: Any, client: "WanderingClient", someone: Someone) -> None:  # noqa: ANN401 - `OneHub`, which needs this module
        self.hub = hub
        self.transport = _Transport(lambda: client.hear(self))
        self._socket = _Socket(lambda: client.was_closed(self))
        context = SimpleNamespace(
            settings=_SETTINGS,
            clock=client.loop.now,
            metrics=hub.metrics,
            boards=hub.boards,
            switchboard=hub.switchboard,
            flusher=hub.flusher,
        )
        self.connection = _Welcomed(
            cast("HubContext", context),
            cast("web.WebSocketResponse", self._socket),
            cast("asyncio.Transport", self.transport),
            _Commands(),
        )
        self.connection.someone = someone
        hub.start(self.connection.run())

    def say(self, command: Command) -> None:
        asyncio.get_running_loop().call_later(LINE_SECONDS, self._socket.put, WSMsgType.TEXT, encode(command).decode())

    def cut(self) -> None:
        """By the client's end, or the network: what still lay in it is gone."""
        self.transport.closing = True
        self._socket.put(WSMsgType.CLOSED)


class WanderingClient:
    """`scope` is what it was told in its last welcome; `session` what its account has now."""

    def __init__(self, loop: VirtualLoop, truth: Callable[[], Truth], scope: Scope) -> None:
        self.loop = loop
        self.screen = BoardClient()
        self.scope = scope
        self.session = self._session_of(scope)
        self.line: _Line | None = None
        self.wrong: list[str] = []
        self._truth = truth
        self._last_id = 0

    @staticmethod
    def _session_of(scope: Scope) -> Session:
        return Session(UUID(int=1), UUID(int=2), Role.SUPERVISOR, scope, None)

    def go_to(self, hub: Any) -> None:  # noqa: ANN401 - as above
        """Leave the hub where it is, if any, and resume at this one."""
        self.leave()
        if self.session.scope != self.scope:  # protocol/README.md, 15: it is told by the welcome, and begins anew
            self.scope = self.session.scope
            self.screen.boards.clear()
        self._last_id = 1
        self.line = _Line(hub, self, self._someone())
        self._ask(self.line)

    def leave(self) -> None:
        if self.line is not None:
            self.line.cut()
        self.line = None
        self.screen.stop()

    def change_scope(self, scope: Scope, *, by_renewal: bool) -> None:
        """Its account has another scope. The hub sees it when it looks at sessions, or at a token that is renewed."""
        self.session = self._session_of(scope)
        if self.line is None or not self.line.connection.is_welcomed:
            self.leave()
        elif by_renewal:
            self.line.connection.renew(self._someone())
        else:
            self.line.connection.follow_session(self.session)

    def hear(self, line: _Line) -> None:
        """Take what lies in the socket, and ask again where that says so."""
        if line is not self.line:
            return
        before = {site_id: (board.epoch, board.offset) for site_id, board in self.screen.boards.items()}
        for message in line.transport.take_messages():
            if message["type"] != "error":
                self.screen.hear(message)
            elif message["code"] == "unavailable":
                self.loop.call_later(RETRY_SECONDS, self._ask, line)
            else:
                self.wrong.append(f"the hub answered {message['code']}")
        for site_id, (epoch, offset) in before.items():
            now = self.screen.boards.get(site_id)
            if now is not None and now.epoch == epoch and now.offset < offset:
                self.wrong.append(f"a board went back from {offset} to {now.offset}")
        self.compare()
        if self.screen.must_watch_again:
            self._ask(line)

    def compare(self) -> None:
        """Each board it shows is what the log says of the offset it stands at, as far as it may see."""
        for site_id, board in self.screen.boards.items():
            was = self._truth().were[UUID(board.epoch), UUID(site_id), board.offset]
            if board.people != self.sees(was):
                self.wrong.append(f"at {board.offset} it shows {board.people}, and that was {self.sees(was)}")

    def sees(self, board: dict[UUID, Any]) -> dict[str, Any]:
        return {
            str(person.employee_id): shown(board[person.employee_id])
            for person in PEOPLE
            if person.employee_id in board and self.scope.allows_department(person.department_id)
        }

    def was_closed(self, line: _Line) -> None:
        """It comes back, as it would behind any code under 3500."""
        self.hear(line)
        if line is self.line:
            self.leave()
            self.loop.call_later(RETRY_SECONDS, self._come_back, line)

    def _come_back(self, line: _Line) -> None:
        if self.line is None and line.hub.alive and line.hub.is_up:
            self.go_to(line.hub)

    def _someone(self) -> Someone:
        return Someone(self.session, self.loop.now() + timedelta(days=1))

    def _ask(self, line: _Line) -> None:
        if line is not self.line:
            return
        self._last_id += 1
        after = {
            UUID(site_id): Position(epoch=UUID(board.epoch), offset=board.offset)
            for site_id, board in self.screen.boards.items()
        }
        self.screen.ask(self._last_id)
        line.say(PresenceWatch(id=self._last_id, site_ids=None, after=after))
