"""A connection to the hub as sections 1 to 3 of the page describe it, with every frame checked as it arrives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.contract.board import Board
from tests.contract.demo_file import DeviceKey
from tests.contract.primitives import Message, wrong_times
from tests.contract.tokens import assertion

SUBPROTOCOL = "attendance.v1"
ANSWER_SECONDS = 20.0
MAX_HUB_FRAME_BYTES = 1 << 20
MAX_STATE_BYTES = 256 << 10


class Closed(Exception):
    """The hub ended the connection; `code` says why."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Connection:
    """One socket. Answers come back from `ask`; everything received is kept in `received`, in order of arrival.

    `violations` holds what broke a rule of the page that concerns every frame; `connect` raises them at its end.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self.ws = ws
        self.hello: Message = {}
        self.welcome: Message = {}
        self.board = Board()
        self.received: list[Message] = []
        self.violations: list[str] = []
        self.close_code: int | None = None
        self.last_id = 0
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._answered: set[int] = set()
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    # receiving

    async def _read(self) -> None:
        while True:
            frame = await self.ws.receive()
            match frame.type:
                case aiohttp.WSMsgType.TEXT:
                    self._take_frame(frame.data)
                case aiohttp.WSMsgType.BINARY:
                    self.violations.append("the hub sent a binary frame")
                case _:
                    self.close_code = self.ws.close_code
                    break
            self._wake()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Closed(self.close_code))
                answer.exception()  # an answer that nobody awaits is no error of its own
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _take_frame(self, text: str) -> None:
        if len(text.encode()) >= MAX_HUB_FRAME_BYTES:
            self.violations.append(f"a hub frame of {len(text)} characters")
        messages = json.loads(text)
        if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
            self.violations.append(f"not an array of objects: {text[:80]}")
            return
        for message in messages:
            self._take(message)

    def _take(self, message: Message) -> None:
        self.received.append(message)
        self.violations += wrong_times(message, message["type"])
        if message["type"] == "presence.state" and len(json.dumps(message)) >= MAX_STATE_BYTES:
            self.violations.append("a presence.state of 256 KiB or more")
        try:
            self.board.take(message)
        except (AssertionError, KeyError) as fault:
            self.violations.append(f"{message['type']}: {fault!r}")
        re = message.get("re")
        if re is None:
            return
        if re in self._answered:
            self.violations.append(f"a second answer to {re}: {message['type']}")
        if message.get("last") is False:  # more of the same answer follows
            return
        self._answered.add(re)
        if (future := self._answers.get(re)) and not future.done():
            future.set_result(message)

    async def wait_for(self, there: Callable[[], object], seconds: float = ANSWER_SECONDS) -> None:
        """Until `there()` holds, looked at after each frame. Raises TimeoutError, or Closed if the hub hangs up."""
        async with asyncio.timeout(seconds):
            while not there():
                if self._reader.done():
                    raise Closed(self.close_code)
                await self._news.wait()

    async def closed(self, seconds: float = ANSWER_SECONDS) -> int | None:
        """The close code, once the hub has closed."""
        async with asyncio.timeout(seconds):
            await asyncio.shield(self._reader)
        return self.close_code

    def of_type(self, type_: str) -> list[Message]:
        return [message for message in self.received if message["type"] == type_]

    def orphans(self) -> list[Message]:
        """Errors that bear `re: null`."""
        return [message for message in self.of_type("error") if message["re"] is None]

    # sending

    async def send_text(self, text: str) -> None:
        await self.send_raw(text.encode())

    async def send_raw(self, payload: bytes) -> None:
        """A text frame with any bytes in it."""
        await self.ws.send_frame(payload, aiohttp.WSMsgType.TEXT)

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def expect(self, id_: int) -> asyncio.Future[Message]:
        """The answer to `id_`, whenever it comes."""
        if self._reader.done():
            raise Closed(self.close_code)
        return self._answers.setdefault(id_, asyncio.get_running_loop().create_future())

    async def start(self, type_: str, /, **fields: object) -> asyncio.Future[Message]:
        """Sends a command and returns without waiting for its answer."""
        id_ = self.next_id()
        answer = self.expect(id_)
        await self.send_text(json.dumps({"type": type_, "id": id_, **fields}, ensure_ascii=False))
        return answer

    async def ask(self, type_: str, /, **fields: object) -> Message:
        """The answer to a command, an error included. Raises Closed, TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return await (await self.start(type_, **fields))

    async def result(self, type_: str, /, **fields: object) -> Message:
        """The answer to a command that must succeed with `<noun.verb>.result`."""
        answer = await self.ask(type_, **fields)
        assert answer["type"] == f"{type_}.result", answer
        return answer

    async def refusal(self, type_: str, /, **fields: object) -> Message:
        """The error that a command must end in."""
        return an_error(await self.ask(type_, **fields))

    async def authenticate(self, token: str, lang: str = "en") -> Message:
        """Raises AssertionError unless the hub answers `welcome`."""
        answer = await self.ask("auth", token=token, lang=lang)
        assert answer["type"] == "welcome", answer
        self.welcome = answer
        return answer

    async def watch(self, site_ids: list[str] | None = None, after: dict[str, Message] | None = None) -> Board:
        """A `presence.watch` that must succeed; the board follows it from then on."""
        answer = await self.ask("presence.watch", site_ids=site_ids, after=after)
        assert answer["type"] == "presence.state", answer
        return self.board


def an_error(answer: Message) -> Message:
    """Raises AssertionError unless this is an error in the page's form."""
    assert answer["type"] == "error", answer
    assert isinstance(answer["message"], str)
    assert answer["message"]
    assert isinstance(answer["retry"], bool)
    assert answer["retry"] == (answer["code"] in {"rate_limited", "overloaded", "unavailable", "internal"}), answer
    assert answer["retry_after_ms"] is None or isinstance(answer["retry_after_ms"], int)
    assert answer["details"] is None or isinstance(answer["details"], dict)
    return answer


@asynccontextmanager
async def connect(ws_url: str, **options: Any) -> AsyncIterator[Connection]:  # noqa: ANN401 (aiohttp's own options)
    """A connection that has heard `hello` and said nothing yet."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(ws_url, protocols=(SUBPROTOCOL,), max_msg_size=2 * MAX_HUB_FRAME_BYTES, **options) as ws,
    ):
        assert ws.protocol == SUBPROTOCOL
        connection = Connection(ws)
        try:
            await connection.wait_for(lambda: bool(connection.received))
            connection.hello = connection.received[0]
            assert connection.hello["type"] == "hello", connection.hello
            yield connection
        finally:
            connection._reader.cancel()
    assert not connection.violations, connection.violations


@asynccontextmanager
async def connect_person(ws_url: str, token: str, lang: str = "en") -> AsyncIterator[Connection]:
    async with connect(ws_url) as connection:
        await connection.authenticate(token, lang)
        yield connection


@asynccontextmanager
async def connect_device(ws_url: str, device: DeviceKey, lang: str = "en") -> AsyncIterator[Connection]:
    async with connect(ws_url) as connection:
        await connection.authenticate(assertion(device, connection.hello), lang)
        yield connection
