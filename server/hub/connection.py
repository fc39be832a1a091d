"""One connection: its reading loop, its pings, its end. The stages before and beside it have files of their own.

The loop reads a message, answers or hands it on, and reads the next. It stops reading while `max_in_flight`
punches wait for their answers: the client's own TCP window is then the queue.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol
from uuid import UUID, uuid4

import structlog
from aiohttp import web

from protocol.base import Command, Reply
from protocol.codec import decode_command, encode, glance, read_envelope
from protocol.commands import Auth, PunchRecord
from protocol.errors import CloseCode, ErrorCode, Malformed
from protocol.events import DeviceStateChanged
from protocol.replies import DeviceState
from protocol.values import MAX_INTEGER, DeviceStatus, Language, Role
from server.errors import Refused, as_refused, to_wire
from server.hub.caller import Caller, Kiosk, Someone
from server.hub.context import HubContext
from server.hub.flood import Pace
from server.hub.handshake import Rejected, authenticate, hello, language_of, read_auth, welcome
from server.hub.in_flight import InFlight
from server.hub.incoming import Incoming
from server.hub.outgoing import Outgoing
from server.hub.subscriptions import Watch
from server.rules.permissions import is_permitted
from server.services.accounts import Session
from server.services.people_import import Upload

MAX_MALFORMED: Final = 5
"""The malformed message that closes a connection."""
CLOSE_SECONDS: Final = 5.0
"""How long a client may take to read what was said before a close, and once more to close in turn."""
BRIEF_CLOSE_SECONDS: Final = 0.5
"""The same for clients that haven't signed in, which may be many, and for those that flood."""

_log = structlog.get_logger()


class Registry(Protocol):
    """What is done with each command."""

    async def handle(self, connection: Connection, command: Command) -> Reply | None:
        """The answer, or None where it is sent by other means; raises what `to_wire` understands."""


class Connection:
    """A client from its upgrade to its close. `registry` says what is done with each command.

    `address` is where it comes from, as it is counted and audited.
    """

    # Thousands of boards are mostly this object and aiohttp's: without a dictionary each.
    __slots__ = (
        "_caller",
        "_ending",
        "_expiry",
        "_frames_at_ping",
        "_incoming",
        "_last_id",
        "_malformed",
        "_pace",
        "_reading",
        "_registry",
        "_role_counted",
        "_socket",
        "_transport",
        "address",
        "connection_id",
        "context",
        "in_flight",
        "language",
        "outgoing",
        "upload",
        "watch",
    )

    def __init__(
        self,
        context: HubContext,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        registry: Registry,
        *,
        address: str = "unknown",
    ) -> None:
        self.context = context
        self.address = address
        self.connection_id = uuid4()
        self.language = Language.EN
        self.watch: Watch | None = None
        self.upload: Upload | None = None
        self.outgoing = Outgoing(
            transport,
            context.flusher,
            context.metrics,
            max_bytes=context.settings.outgoing_max_bytes,
            slow_client_seconds=context.settings.slow_client_seconds,
            on_slow=self.end,
        )
        self._socket = socket
        self._transport = transport
        self._registry = registry
        self._caller: Caller | None = None
        self._role_counted = Role.EMPLOYEE
        self._last_id = 0
        self._malformed = 0
        self._pace = Pace(
            commands_per_second=context.settings.commands_per_second,
            control_frames_per_second=context.settings.control_frames_per_second,
        )
        self.in_flight = InFlight(context.settings.max_in_flight)
        self._incoming = Incoming(socket, self._pace, end=self.end)
        self._frames_at_ping: int | None = None
        self._reading = False
        self._expiry: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def is_welcomed(self) -> bool:
        return self._caller is not None

    @property
    def is_kiosk(self) -> bool:
        return isinstance(self._caller, Kiosk)

    @property
    def subject(self) -> UUID | None:
        """The account or terminal that has signed in."""
        return None if self._caller is None else self._caller.subject

    @property
    def caller(self) -> Caller:
        if self._caller is None:
            raise RuntimeError("nobody is welcomed yet")
        return self._caller

    async def run(self) -> None:
        """Serve the client until it or the hub ends the connection; never raises."""
        try:
            if await self._shake_hands():
                await self._read()
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            if self.watch is not None:
                self.watch.end()
            if self._caller is not None:
                self.context.metrics.disconnected(self._role_counted)
            self.outgoing.close()
            if self._ending is not None:
                await asyncio.shield(self._ending)
            # A closed transport still waits until all was taken: what a client doesn't take by then is dropped.
            asyncio.get_running_loop().call_later(
                CLOSE_SECONDS if self.is_welcomed else BRIEF_CLOSE_SECONDS, self._transport.abort
            )

    def ping(self) -> None:
        self.outgoing.ping()
        self._frames_at_ping = self._incoming.frames

    def judge(self) -> None:
        """Close with 3012 where nothing at all came since the last ping."""
        # While the hub itself doesn't read (a slow command, no room), a pong may lie unread: silence is our own.
        if self._frames_at_ping == self._incoming.frames and self._reading:
            self.end(CloseCode.NO_PONG)

    def send(self, message: Reply | DeviceStateChanged) -> None:
        self.outgoing.send(encode(message))

    def refuse(self, error: Exception, re: int | None) -> None:
        """Answer with an error; a bug is logged with its traceback and told as `internal`."""
        if as_refused(error) is None:
            _log.error("a command failed", connection_id=self.connection_id, exc_info=error)
        answer = to_wire(error, re=re, language=self.language)
        self.context.metrics.command_error(answer.code)
        self.outgoing.send(encode(answer))

    def end(self, code: CloseCode) -> None:
        """Close, once; what was answered already goes out first."""
        if self._ending is None:
            self._incoming.is_over = True
            self.outgoing.flush(force=True)
            self.outgoing.close()
            self.context.metrics.closed(code)
            self._ending = asyncio.create_task(self._close(code), name="close")

    def make_room(self) -> None:
        """It has said nothing for longer than all who wait at the door."""
        self.end(CloseCode.FLOODING)

    def renew(self, someone: Someone) -> None:
        """A newer token of the same session: the connection lives on until that one expires."""
        self.follow_session(someone.session)  # what it may see can have changed since the last look
        self._caller = someone
        self._later_expiry(someone)

    def follow_session(self, session: Session | None) -> None:
        """What the account's session is now: gone, or with another role or scope."""
        if not isinstance(self._caller, Someone):
            return
        if session is None:
            self.end(CloseCode.NOT_ALLOWED)
        elif session != self._caller.session:
            self._count_role(session.role)
            has_other_scope = session.scope != self._caller.scope
            self._caller.session = session
            if has_other_scope or self.watch is not None:
                # Its pushes are scoped as before, also those of a watch that just waits for the log; and its welcome,
                # by which it knows whether its boards still serve, named another scope.
                self.end(CloseCode.RESYNC)

    def follow_device(self, state: DeviceState) -> None:
        """What a terminal is now, which it is told."""
        if not isinstance(self._caller, Kiosk):
            return
        self._caller.state = state
        self.send(
            DeviceStateChanged(
                status=state.status,
                site_id=state.site_id,
                site_name=state.site_name,
                log_id=state.log_id,
                last_seq=state.last_seq,
                last_digest=state.last_digest,
                sealing_keys=state.sealing_keys,
            )
        )
        if state.status is DeviceStatus.REVOKED:
            self.end(CloseCode.NOT_ALLOWED)

    async def _shake_hands(self) -> bool:
        """Greet, hear who it is, and judge that: only the judging is work, for which clients wait in turn."""
        greeting = hello(self.context)
        self.outgoing.send(encode(greeting))
        auth_id: int | None = None
        try:
            if (auth := await self._introduction()) is None:
                return False
            auth_id = auth.id
            self.language = language_of(auth)
            leave = await self.context.admission.enter(self.address)
            try:
                if self._transport.is_closing():
                    return False
                self._welcome(auth, await authenticate(self.context, auth, greeting.nonce))
            finally:
                leave()
        except Rejected as rejected:
            if rejected.error is not None:
                self.refuse(rejected.error, rejected.re)
            self.end(rejected.code)
            return False
        except Exception as error:  # noqa: BLE001 - a bug here is this client's `internal`, not the hub's end
            self.refuse(error, auth_id)
            self.end(CloseCode.RESYNC)
            return False
        return True

    async def _introduction(self) -> Auth | None:
        """Its `auth`, None where it went away; raises Rejected."""
        self._reading = True
        try:
            text = await self._incoming.text_in_time(self.context.settings.auth_timeout_seconds)
        except TimeoutError:
            raise Rejected(CloseCode.NO_AUTH_IN_TIME) from None
        self._reading = False
        if text is None:
            return None
        self.context.crowd.spoke(self)
        return read_auth(text)

    def _welcome(self, auth: Auth, caller: Caller) -> None:
        try:
            self.context.crowd.sign_in(self, caller.subject)
        except Refused as refusal:
            raise Rejected(CloseCode.FLOODING, refusal, auth.id) from None
        self._last_id = auth.id
        self._caller = caller
        self._role_counted = caller.role
        self.outgoing.is_first = self.is_kiosk
        self.context.metrics.connected(caller.role)
        self.send(welcome(self.context, caller, re=auth.id, connection_id=self.connection_id))
        if isinstance(caller, Someone):
            self._later_expiry(caller)
        self._reading = True

    async def _read(self) -> None:
        while (text := await self._incoming.text()) is not None:
            self._reading = False
            await self._take(text)
            await self.in_flight.room()
            self._reading = True

    async def _take(self, text: str) -> None:
        if self._pace.is_spent() and (head := glance(text)) is not None and head[1] != _PUNCH_RECORD:
            # It would be refused whatever it says: that must cost less than it costs to send.
            try:
                self._check(*head)
            except Refused as refusal:
                self.refuse(refusal, head[0])
                return
        try:
            envelope = read_envelope(text)
        except Malformed as fault:
            self._malformed += 1
            self.refuse(fault, None)
            if self._malformed >= MAX_MALFORMED:
                self.end(CloseCode.BAD_REQUEST)
            return
        try:
            self._check(envelope.id, envelope.type)
            command = decode_command(envelope)
            if isinstance(command, Auth):
                raise Refused(ErrorCode.INVALID, "a second auth", details={"field": "type"})
            self._check_permission(command)
            reply = await self._registry.handle(self, command)
        except Exception as error:  # noqa: BLE001 - whatever a command does, the connection goes on
            self.refuse(error, envelope.id)
            if envelope.type == _PUNCH_RECORD and self._pace.command():
                self._incoming.lose_patience()
        else:
            if reply is not None:
                self.send(reply)

    def _check(self, id_: int, type_: str) -> None:
        """Whether a message is the next and comes at its pace. Punches are bounded by `max_in_flight` alone."""
        is_next = self._last_id < id_ <= MAX_INTEGER
        if is_next:
            self._last_id = id_
        wait_ms = 0 if is_next and type_ == _PUNCH_RECORD else self._pace.command()
        if wait_ms:
            self._incoming.lose_patience()
        if not is_next:
            raise Refused(ErrorCode.ID_REUSED)
        if wait_ms:
            raise Refused(ErrorCode.RATE_LIMITED, retry_after_ms=wait_ms)

    def _check_permission(self, command: Command) -> None:
        type_ = str(command.__struct_config__.tag)
        if not is_permitted(self.caller.role, type_):
            raise Refused(ErrorCode.FORBIDDEN, type_)
        if isinstance(self._caller, Kiosk):
            status = self._caller.state.status
            if status is DeviceStatus.REVOKED and not isinstance(command, PunchRecord):
                raise Refused(ErrorCode.FORBIDDEN, "a revoked device")

    def _count_role(self, role: Role) -> None:
        self.context.metrics.disconnected(self._role_counted)
        self.context.metrics.connected(role)
        self._role_counted = role

    def _later_expiry(self, someone: Someone) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        left = (someone.expires_at - self.context.clock()).total_seconds() + self.context.settings.expiry_grace_seconds
        self._expiry = asyncio.get_running_loop().call_later(max(left, 0), self.end, CloseCode.EXPIRED)

    async def _close(self, code: CloseCode) -> None:
        deaf = code in (CloseCode.SLOW, CloseCode.NO_PONG)
        brief = code is CloseCode.FLOODING or not self.is_welcomed
        try:
            # Whoever reads nothing would otherwise let even the close wait for as long as they like.
            async with asyncio.timeout(BRIEF_CLOSE_SECONDS if brief else CLOSE_SECONDS):
                await self._socket.close(code=int(code), message=code.name.lower().encode(), drain=not deaf)
        except TimeoutError:
            deaf = True
        if deaf:
            self._transport.abort()


_PUNCH_RECORD: Final = str(PunchRecord.__struct_config__.tag)
