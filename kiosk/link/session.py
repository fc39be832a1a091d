"""One connection's conversation with a hub, without I/O: text and monotonic times in, frames and events out.

```
session = Session(sign_in, "en")
for event in session.receive(text, now_ms): …
command_id = session.ask(HubStatus, now_ms)
send everything of session.take_frames()
```
Times are milliseconds of any clock that never goes back. Both the kiosk and the admins' command line use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, assert_never

from kiosk.identity import Identity
from protocol import SUBPROTOCOL
from protocol.base import Command, Message, Reply
from protocol.codec import decode_hub_frame, encode
from protocol.commands import Auth
from protocol.errors import ProtocolError
from protocol.events import Hello
from protocol.replies import Error, PresenceState, RollcallResult, Welcome
from protocol.roster import EmployeeImported
from protocol.signing import device_assertion
from protocol.values import parse_time


class ContractBroken(ProtocolError):
    """The hub said something that has no place in this conversation."""


class SignIn(Protocol):
    def token(self, hello: Hello) -> str:
        """The token for `auth`, made for this hello. Raises ValueError where the hello can't be used."""
        ...


@dataclass(frozen=True)
class DeviceSignIn:
    """A kiosk signs in with its own key."""

    identity: Identity

    def token(self, hello: Hello) -> str:
        return device_assertion(
            self.identity.key,
            device_id=self.identity.device_id,
            nonce=hello.nonce,
            server_time=parse_time(hello.server_time),
        )


@dataclass(frozen=True)
class PersonSignIn:
    """A person signs in with an access token."""

    access_token: str

    def token(self, hello: Hello) -> str:  # noqa: ARG002 - a person's token is made elsewhere
        return self.access_token

    def __repr__(self) -> str:
        return "PersonSignIn(…)"


@dataclass(frozen=True)
class Welcomed:
    welcome: Welcome


@dataclass(frozen=True)
class SignInRefused:
    """The hub doesn't accept the token; it closes with 3500 next."""

    error: Error


@dataclass(frozen=True)
class Replied:
    """An answer. Parts of a listing come one by one; the command is done with the one that is `last`."""

    id: int
    command: Command
    reply: Reply


@dataclass(frozen=True)
class Failed:
    """The error that answers a command."""

    id: int
    command: Command
    error: Error


@dataclass(frozen=True)
class Complained:
    """An error that answers no command: something that this side sent could not be read."""

    error: Error


@dataclass(frozen=True)
class Pushed:
    """What the hub says unasked."""

    message: Message


Event = Welcomed | SignInRefused | Replied | Failed | Complained | Pushed


class Phase(Enum):
    AWAITING_HELLO = "awaiting hello"
    AWAITING_WELCOME = "awaiting welcome"
    OPEN = "open"
    REFUSED = "refused"


class Session:
    """From `hello` to the end of one connection; a new connection needs a new session."""

    def __init__(self, sign_in: SignIn, lang: str) -> None:
        self._sign_in = sign_in
        self._lang = lang
        self._phase = Phase.AWAITING_HELLO
        self._last_id = 0
        self._asked: dict[int, tuple[Command, int]] = {}
        self._frames: list[bytes] = []

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def waiting_since_ms(self) -> int | None:
        """When the oldest command without an answer was asked."""
        return next((asked_ms for _, asked_ms in self._asked.values()), None)

    def ask(self, make: Callable[..., Command], now_ms: int) -> int:
        """Queue a command, made by `make(id=…)`; the id by which its answer is told.

        Raises ContractBroken before the welcome.
        """
        if self._phase is not Phase.OPEN:
            raise ContractBroken(f"no command goes out while {self._phase.value}")
        return self._queue(make, now_ms)

    def take_frames(self) -> list[bytes]:
        """What is to be sent, in this order, as text frames; each is given out once."""
        frames, self._frames = self._frames, []
        return frames

    def receive(self, text: str, now_ms: int) -> list[Event]:
        """Take a frame of the hub. Raises ProtocolError: then the connection is of no use any more."""
        taken = (self._take(message, now_ms) for message in decode_hub_frame(text))
        return [event for event in taken if event is not None]

    def _take(self, message: Message, now_ms: int) -> Event | None:
        match self._phase:
            case Phase.AWAITING_HELLO:
                if not isinstance(message, Hello):
                    raise ContractBroken("the hub said something before its hello")
                self._greet(message, now_ms)
                return None
            case Phase.AWAITING_WELCOME:
                return self._admission(message)
            case Phase.OPEN:
                return self._dispatch(message)
            case Phase.REFUSED:
                return None
            case _:
                assert_never(self._phase)

    def _greet(self, hello: Hello, now_ms: int) -> None:
        if hello.protocol != SUBPROTOCOL:
            raise ContractBroken(f"the hub speaks {hello.protocol[:32]!r}")
        try:
            token = self._sign_in.token(hello)
        except ValueError as fault:
            raise ContractBroken(f"the hub's hello can't be used: {fault}") from None
        self._phase = Phase.AWAITING_WELCOME
        self._queue(lambda *, id: Auth(id=id, token=token, lang=self._lang), now_ms)  # noqa: A006 - the wire's name

    def _admission(self, message: Message) -> Event | None:
        if isinstance(message, Welcome):
            self._phase = Phase.OPEN
            self._asked.clear()
            return Welcomed(message)
        if isinstance(message, Error):
            self._phase = Phase.REFUSED
            self._asked.clear()
            return SignInRefused(message)
        raise ContractBroken("the hub said something else than its welcome")

    def _dispatch(self, message: Message) -> Event | None:
        if isinstance(message, Error) and message.re is None:
            return Complained(message)
        if not isinstance(message, Reply | Error):
            return Pushed(message)
        if message.re is None or (asked := self._asked.get(message.re)) is None:
            return None
        if not isinstance(message, PresenceState | RollcallResult | EmployeeImported) or message.last:
            del self._asked[message.re]
        if isinstance(message, Error):
            return Failed(message.re, asked[0], message)
        return Replied(message.re, asked[0], message)

    def _queue(self, make: Callable[..., Command], now_ms: int) -> int:
        self._last_id += 1
        command = make(id=self._last_id)
        self._asked[self._last_id] = (command, now_ms)
        self._frames.append(encode(command))
        return self._last_id
