"""What a kiosk says and does over one connection: sign in, measure the clock, deliver, report, until it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime
from enum import Enum
from functools import partial
from importlib.metadata import version
from typing import Final, NoReturn, Protocol, assert_never
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.clock import Boot, TimeRound, new_id, wall_clock
from kiosk.link.client import LinkDown, Wire
from kiosk.link.delivery import Delivery, HubLacks, SetAside
from kiosk.link.session import Complained, Failed, Phase, Pushed, Replied, Session, SignInRefused, Welcomed
from kiosk.outbox_rows import Settled, State
from kiosk.outbox_thread import OutboxThread
from kiosk.settings import Settings
from protocol.commands import Clock, DeviceReport, PunchRecord, TimeSync
from protocol.devices import DeviceKeyRotated, DeviceRotateKey
from protocol.errors import CloseCode, ProtocolError
from protocol.events import DeviceStateChanged
from protocol.replies import DeviceState, PunchOutcome, TimeSyncResult
from protocol.signing import prove_new_key
from protocol.values import DeviceStatus, format_time, to_binary

VERSION: Final = version("attendance-system")
_log = logging.getLogger(__name__)


class _Offer(Enum):
    """How far a change of keys has come on this connection."""

    NONE = "none"
    MADE = "made"
    PUT_OFF = "put off"


class Host(Protocol):
    """Whose link this is: told what happens, on the loop."""

    def signed_in(self) -> Awaitable[None]:
        """The hub knows the key by which this terminal signed in."""
        ...

    def welcomed(self) -> None: ...

    def device_told(self, device: DeviceState) -> Awaitable[None]:
        """What the hub knows of this terminal, at the welcome and whenever it changes."""
        ...

    def clock_measured(self, clock: Clock) -> None: ...

    def punch_answered(self, outcome: PunchOutcome) -> None: ...

    def punch_set_aside(self, refusal: SetAside) -> None: ...

    def outbox_changed(self) -> None: ...

    def oldest_unsent(self) -> datetime | None:
        """When the oldest unanswered punch was made, by the hub's clock where it can be told."""
        ...

    def now(self) -> datetime: ...

    def key_to_offer(self) -> Awaitable[Ed25519PrivateKey | None]:
        """The key that the hub is to have in place of the one that signed in; None: it has the right one."""
        ...

    def key_answered(self, *, taken: bool) -> Awaitable[None]:
        """Whether the hub has the offered key now, or will never take it."""
        ...


class Conversation:
    """One connection; `hold` runs until it ends."""

    def __init__(
        self,
        wire: Wire,
        session: Session,
        *,
        device_id: UUID,
        host: Host,
        outbox: OutboxThread,
        boot: Boot,
        settings: Settings,
    ) -> None:
        self._device_id = device_id
        self._wire = wire
        self._session = session
        self._host = host
        self._outbox = outbox
        self._boot = boot
        self._settings = settings
        self._inbox: asyncio.Queue[tuple[str, int] | LinkDown | None] = asyncio.Queue()
        self._opened_ms = boot.monotonic_ms()
        self._delivery = Delivery(
            max_in_flight=settings.max_in_flight,
            retry_delay_ms=_milliseconds(settings.retry_delay_seconds),
            status=DeviceStatus.PENDING,
        )
        self._round: TimeRound | None = None
        self._next_round_ms = self._next_report_ms = self._opened_ms
        self._had_backlog = False
        self._settled: list[Settled] = []
        self._lacking: list[HubLacks] = []
        self._key_offer = _Offer.NONE
        self._key_taken: bool | None = None

    def another_kept(self) -> None:
        """The outbox has a new punch: send it."""
        self._delivery.kept_another()
        self._inbox.put_nowait(None)

    async def hold(self) -> NoReturn:
        """Talk until the connection ends. Raises LinkDown, and OutboxUnwritable when an answer can't be noted."""
        reading = asyncio.create_task(self._read())
        try:
            while True:
                now_ms = self._boot.monotonic_ms()
                self._check_patience(now_ms)
                if self._session.phase is Phase.OPEN:
                    await self._say_what_is_due(now_ms)
                await self._wire.send(self._session.take_frames())
                await self._listen(self._wait_seconds(now_ms))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                text = await self._wire.receive()
                self._inbox.put_nowait((text, self._boot.monotonic_ms()))
        except LinkDown as ended:
            self._inbox.put_nowait(ended)

    async def _listen(self, wait_seconds: float) -> None:
        try:
            async with asyncio.timeout(wait_seconds):
                heard = [await self._inbox.get()]
        except TimeoutError:
            return
        while not self._inbox.empty():
            heard.append(self._inbox.get_nowait())
        ended: LinkDown | None = None
        for item in heard:
            if isinstance(item, LinkDown):
                ended = item
            elif item is not None:
                await self._take(*item)
        await self._note()
        if ended is not None:
            raise ended

    async def _take(self, text: str, received_ms: int) -> None:
        try:
            events = self._session.receive(text, received_ms)
        except ProtocolError as fault:
            raise LinkDown(f"the hub breaks the contract: {fault}") from None
        for event in events:
            match event:
                case Welcomed() | SignInRefused() | Pushed():
                    await self._admitted(event)
                case Replied() | Failed():
                    self._concluded(event, received_ms)
                case Complained(error):
                    _log.error("the hub could not read a frame: %s", error.message)
                case _:
                    assert_never(event)

    async def _admitted(self, event: Welcomed | SignInRefused | Pushed) -> None:
        match event:
            case Welcomed(welcome):
                if welcome.device is None:
                    raise LinkDown("the hub doesn't treat this terminal as a kiosk", CloseCode.NOT_ALLOWED)
                await self._host.signed_in()
                self._delivery.narrow(welcome.limits.max_in_flight)
                await self._outbox.meet(welcome.device.log_id, welcome.device.last_seq, welcome.device.last_digest)
                self._had_backlog = self._outbox.unanswered > 0
                await self._learn(welcome.device)
                _log.info("the hub has welcomed this terminal, %s unanswered punches", self._outbox.unanswered)
                self._host.welcomed()
            case SignInRefused(error) if error.retry:
                raise LinkDown(f"the hub can't tell who this terminal is just now: {error.message}", CloseCode.DRAINING)
            case SignInRefused(error):
                raise LinkDown(f"the hub doesn't accept this terminal: {error.message}", CloseCode.NOT_ALLOWED)
            case Pushed(DeviceStateChanged() as changed):
                await self._learn(DeviceState(**msgspec.structs.asdict(changed)))
            case Pushed():
                pass

    def _concluded(self, event: Replied | Failed, received_ms: int) -> None:
        match event:
            case Replied(id=command_id, reply=PunchOutcome() as outcome):
                if (punch := self._delivery.answered(command_id)) is not None:
                    self._settled.append(Settled(punch.place, State.ANSWERED, outcome.outcome.value))
                    self._host.punch_answered(outcome)
            case Failed(id=command_id, command=PunchRecord(), error=error):
                _log.info("a punch was not taken: %s", error.code)
                self._judge(self._delivery.failed(command_id, error, received_ms))
            case Replied(reply=TimeSyncResult() as result) if self._round is not None:
                self._round.answered(result, received_ms)
                self._time_told(self._round)
            case Failed(command=TimeSync(), error=error) if self._round is not None:
                self._round.failed()
                # A hub that never tells its time dates punches by what it measured itself, or holds them.
                self._delivery.clock_is_synced |= not error.retry
                self._time_told(self._round)
            case Replied(reply=DeviceKeyRotated()):
                self._key_taken = True
            case Failed(command=DeviceRotateKey(), error=error):
                _log.warning("a new key was not taken: %s", error.code)
                self._key_offer = _Offer.PUT_OFF
                self._key_taken = None if error.retry else False
            case Failed(command=command, error=error):
                _log.warning("%s was refused: %s", type(command).__name__, error.code)
            case Replied():
                pass

    def _judge(self, verdict: SetAside | HubLacks | None) -> None:
        match verdict:
            case SetAside(punch, code, message):
                _log.error("punch %s (log %s, seq %s) is set aside: %s", punch.punch_id, punch.log_id, punch.seq, code)
                self._settled.append(Settled(punch.place, State.SET_ASIDE, f"{code}: {message}"))
                self._host.punch_set_aside(verdict)
            case HubLacks(punch, from_seq):
                _log.warning("the hub expects seq %s of log %s again", from_seq, punch.log_id)
                self._lacking.append(verdict)
            case None:
                pass

    async def _note(self) -> None:
        """Write down what came of the punches; before this, nothing is read anew from the outbox."""
        settled, self._settled = self._settled, []
        lacking, self._lacking = self._lacking, []
        if settled:
            await self._outbox.settle(settled, self._host.now())
        for lack in lacking:
            await self._outbox.lacks(lack.punch.log_id, lack.from_seq)
        if settled or lacking:
            self._host.outbox_changed()
        if self._key_taken is not None:
            taken, self._key_taken = self._key_taken, None
            await self._host.key_answered(taken=taken)
            self._key_offer = _Offer.NONE

    async def _learn(self, device: DeviceState) -> None:
        self._delivery.status = device.status
        if device.status is DeviceStatus.REVOKED:
            self._delivery.clock_is_synced = True  # it may only send punches
        await self._host.device_told(device)

    def _time_told(self, round_: TimeRound) -> None:
        if round_.best is not None:
            self._delivery.clock_is_synced = True
            self._host.clock_measured(round_.best)
        if round_.is_over:
            wait = (
                self._settings.retry_delay_seconds if round_.best is None else self._settings.time_sync_interval_seconds
            )
            self._next_round_ms = self._boot.monotonic_ms() + _milliseconds(wait)
            self._round = None

    async def _say_what_is_due(self, now_ms: int) -> None:
        if self._delivery.status is not DeviceStatus.REVOKED:
            if self._round is None and now_ms >= self._next_round_ms:
                self._round = TimeRound(self._settings.time_sync_samples)
            if self._round is not None and self._round.wants_sample:
                sent_ms = self._boot.monotonic_ms()
                sync = partial(TimeSync, t0=format_time(wall_clock()), boot_id=self._boot.boot_id, monotonic_ms=sent_ms)
                self._session.ask(sync, now_ms)
                self._round.sent(sent_ms)
        if self._delivery.status is DeviceStatus.ACTIVE:
            await self._offer_key(now_ms)
        if self._key_offer is not _Offer.MADE:  # the hub may know none of the keys by which punches are signed
            await self._deliver(now_ms)
        if self._had_backlog and self._outbox.unanswered == 0:
            self._had_backlog = False
            self._next_report_ms = now_ms  # boards learn at once that this terminal has caught up
        if (
            self._delivery.status is DeviceStatus.ACTIVE
            and self._delivery.clock_is_synced
            and now_ms >= self._next_report_ms
        ):
            self._report(now_ms)

    async def _offer_key(self, now_ms: int) -> None:
        if self._key_offer is not _Offer.NONE or (key := await self._host.key_to_offer()) is None:
            return
        offer = partial(
            DeviceRotateKey,
            request_key=new_id(wall_clock()),
            public_key=to_binary(key.public_key().public_bytes_raw()),
            proof=prove_new_key(key, self._device_id),
        )
        self._session.ask(offer, now_ms)
        self._key_offer = _Offer.MADE

    async def _deliver(self, now_ms: int) -> None:
        while (wanted := self._delivery.wanted(now_ms)) is not None:
            punches = await self._outbox.unsent(wanted.after, wanted.limit)
            self._delivery.read(wanted, punches)
            for punch in punches:
                record = partial(
                    PunchRecord,
                    punch=punch.text,
                    signature=punch.signature,
                    sealed=punch.sealed,
                    after_loss=punch.after_loss,
                )
                self._delivery.sent(self._session.ask(record, now_ms), punch)

    def _report(self, now_ms: int) -> None:
        oldest = self._host.oldest_unsent()
        report = partial(
            DeviceReport,
            outbox_depth=self._outbox.unanswered,
            oldest_unsent_at=None if oldest is None else format_time(oldest),
            version=VERSION,
        )
        self._session.ask(report, now_ms)
        self._next_report_ms = now_ms + _milliseconds(self._settings.report_interval_seconds)

    def _check_patience(self, now_ms: int) -> None:
        if (limit_ms := self._patience_ends_ms()) is not None and now_ms >= limit_ms:
            if self._session.phase is Phase.OPEN:
                raise LinkDown("the hub doesn't answer")
            raise LinkDown("the hub didn't welcome this terminal in time")

    def _patience_ends_ms(self) -> int | None:
        if self._session.phase is not Phase.OPEN:
            return self._opened_ms + _milliseconds(self._settings.welcome_timeout_seconds)
        if (since_ms := self._session.waiting_since_ms) is None:
            return None
        return since_ms + _milliseconds(self._settings.answer_timeout_seconds)

    def _wait_seconds(self, now_ms: int) -> float:
        moments = [self._patience_ends_ms(), self._delivery.due_ms(now_ms)]
        if self._session.phase is Phase.OPEN:
            moments.append(self._next_report_ms)
            if self._round is None:
                moments.append(self._next_round_ms)
        # A due moment whose condition isn't met yet (a pending device reports nothing) is looked at once a second.
        waits = [moment - now_ms if moment > now_ms else 1_000 for moment in moments if moment is not None]
        return min(waits) / 1000


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
