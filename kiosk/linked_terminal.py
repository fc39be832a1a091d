"""The real terminal: outbox, clock and link behind what screens see (`kiosk.terminal.Terminal`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.clock import Boot, hub_time_at, new_id, wall_clock
from kiosk.identity import Identity, IdentityError, load_identity
from kiosk.keyring import Keyring
from kiosk.link.delivery import SetAside
from kiosk.link.uplink import Uplink
from kiosk.open_tickets import OpenTickets
from kiosk.outbox import OutboxUnwritable
from kiosk.outbox_file import FolderInUse
from kiosk.outbox_thread import OutboxThread
from kiosk.pairing import own_name, pair
from kiosk.punching import Act, latest_key, sign_act
from kiosk.settings import Settings
from kiosk.state_keeper import StateKeeper
from kiosk.terminal import Enrolment, Fault, Link, OutboxFault, TerminalState, Ticket
from protocol.commands import Clock
from protocol.replies import DeviceState, PunchOutcome
from protocol.sealing import Credential
from protocol.values import Captured, Kind

_DEVICE = "device"
_CLOCK = "clock"
_PROBE = "probe"
_CLOCK_KEPT_EVERY_MS = 60_000
_log = logging.getLogger(__name__)


class _KeptClock(msgspec.Struct, frozen=True):
    boot_id: UUID
    clock: Clock


class LinkedTerminal:
    """One terminal with its data folder. All methods belong to the loop that started it."""

    def __init__(
        self,
        *,
        hub_url: str,
        folder: Path,
        identity: Identity | None,
        settings: Settings,
        lang: str,
        terminal_name: str | None = None,
        time_zone: str | None = None,
    ) -> None:
        self._hub_url = hub_url
        self._folder = folder
        self._keyring = None if identity is None else Keyring(folder, identity, key_days=settings.key_days)
        self._settings = settings
        self._lang = lang
        self._boot = Boot.current()
        self._clock: Clock | None = None
        self._clock_kept_ms: int | None = None
        self._device: DeviceState | None = None
        self._outbox: OutboxThread | None = None
        self._uplink: Uplink | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._tickets = OpenTickets()
        self._keeper = StateKeeper(
            TerminalState(
                link=Link.OFFLINE if identity is None else Link.CONNECTING,
                # Until the hub has said otherwise, an identity is taken for an enrolled one.
                enrolment=Enrolment.NONE if identity is None else Enrolment.ACTIVE,
                terminal_name=terminal_name,
                time_zone=time_zone,
                fingerprint=None if identity is None else identity.fingerprint,
            )
        )

    # What screens use

    @property
    def state(self) -> TerminalState:
        return self._keeper.state

    def subscribe(self, callback: Callable[[TerminalState], None]) -> Callable[[], None]:
        return self._keeper.subscribe(callback)

    def now(self) -> datetime:
        return wall_clock() if self._clock is None else hub_time_at(self._clock, self._boot.monotonic_ms())

    async def start(self) -> None:
        if self._keyring is None:
            self._spawn(self._await_identity())
        else:
            await self._work()

    async def _work(self) -> None:
        await self._open_outbox()
        self._spawn(self._prune_now_and_then())

    async def pair(self, typed: str) -> None:
        name = own_name(platform.node())
        identity = await pair(self._folder, self._hub_url, typed, name=name, now=wall_clock(), settings=self._settings)
        await self._become(identity)

    async def _await_identity(self) -> None:
        """Another program may pair this terminal meanwhile (`attendance-kiosk pair`)."""
        while self._keyring is None:
            await asyncio.sleep(self._settings.pairing_look_seconds)
            try:
                identity = await asyncio.to_thread(load_identity, self._folder)
            except IdentityError as fault:
                _log.error("the identity can't be used: %s", fault)
                continue
            if identity is not None:
                with contextlib.suppress(FolderInUse):  # by whoever pairs it, for a moment more
                    await self._become(identity)

    async def _become(self, identity: Identity) -> None:
        """This terminal is somebody now; until the hub has said more, it waits to be confirmed."""
        if self._keyring is not None:
            return
        self._keyring = Keyring(self._folder, identity, key_days=self._settings.key_days)
        self._keeper.update(enrolment=Enrolment.PENDING, fingerprint=identity.fingerprint, link=Link.CONNECTING)
        try:
            await self._work()
        except FolderInUse:
            self._keyring = None
            raise

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tickets.cancel_all()
        self._uplink = None
        if self._outbox is not None:
            await self._outbox.close()
            self._outbox = None

    async def punch(self, credential: Credential, kind: Kind) -> Ticket:
        if self._keyring is None or self._keeper.state.enrolment in {Enrolment.NONE, Enrolment.PENDING}:
            raise OutboxFault("not_enrolled", "this terminal is not enrolled")
        if self._outbox is None:
            raise OutboxFault("unwritable", "the outbox can't be opened")
        key = latest_key(self._device.sealing_keys) if self._device is not None else None
        if key is None:
            raise OutboxFault("no_sealing_key", "the hub has not told this terminal yet how to seal a credential")
        made_at = self.now()
        act = Act(
            punch_id=new_id(made_at),
            credential=credential,
            kind=kind,
            captured=Captured.ONLINE if self._keeper.state.link is Link.ONLINE else Captured.OFFLINE,
            device_time=wall_clock(),
            boot_id=self._boot.boot_id,
            monotonic_ms=self._boot.monotonic_ms(),
            clock=self._clock,
            made_at=made_at,
        )
        outcome = self._tickets.open(act.punch_id)
        try:
            sign = partial(sign_act, act, identity=self._keyring.identity, key=key)
            await self._outbox.append(act.punch_id, made_at, sign)
        except BaseException as fault:
            self._tickets.drop(act.punch_id)
            if isinstance(fault, OutboxUnwritable):
                self.disk_failed(str(fault))
                raise OutboxFault("unwritable", str(fault)) from None
            if isinstance(fault, ValueError):
                raise OutboxFault("too_long", str(fault)) from None
            raise
        return Ticket(act.punch_id, made_at, kind, act.captured, outcome)

    # What the link tells (`kiosk.link.uplink.UplinkHost`)

    async def signed_in(self) -> None:
        if self._keyring is not None:
            await self._keyring.welcomed()
            self._keeper.update(fingerprint=self._keyring.identity.fingerprint)

    async def key_to_offer(self) -> Ed25519PrivateKey | None:
        return None if self._keyring is None else await self._keyring.key_to_offer(self.now())

    async def key_answered(self, *, taken: bool) -> None:
        if self._keyring is None:
            return
        if taken:
            await self._keyring.offer_taken(self.now())
        else:
            await self._keyring.offer_refused()
        self._keeper.update(fingerprint=self._keyring.identity.fingerprint)

    def welcomed(self) -> None:
        self._keeper.clear_fault(Fault.HUB_REFUSES)
        self._keeper.link_detail(None)
        self._keeper.update(link=Link.ONLINE, syncing=self._outbox is not None and self._outbox.unanswered > 0)
        self.outbox_changed()

    def link_lost(self, detail: str, *, refused: bool) -> None:
        self._keeper.link_detail(detail)
        if refused:
            self._keeper.raise_fault(Fault.HUB_REFUSES, detail)
        self._keeper.update(link=Link.OFFLINE, syncing=False)

    async def device_told(self, device: DeviceState) -> None:
        changed, self._device = device != self._device, device
        try:
            if changed and self._outbox is not None:
                await self._outbox.remember(_DEVICE, msgspec.json.encode(device).decode())
        finally:
            # Shown once it is kept: a terminal that was seen to be confirmed is so after a power cut too.
            self._keeper.update(enrolment=Enrolment(device.status.value), site_name=device.site_name)

    def clock_measured(self, clock: Clock) -> None:
        self._clock = clock
        self._keeper.update(clock_known=True)
        now_ms = self._boot.monotonic_ms()
        if self._boot.survives_process and (
            self._clock_kept_ms is None or now_ms - self._clock_kept_ms > _CLOCK_KEPT_EVERY_MS
        ):
            self._clock_kept_ms = now_ms
            self._spawn(self._keep_clock(clock))

    def punch_answered(self, outcome: PunchOutcome) -> None:
        self._tickets.answer(outcome)

    def punch_set_aside(self, refusal: SetAside) -> None:
        self._keeper.raise_fault(Fault.PUNCH_SET_ASIDE, f"punch {refusal.punch.punch_id}: {refusal.code}")
        self._tickets.refuse(refusal.punch.punch_id, refusal.code, refusal.message)

    def outbox_changed(self) -> None:
        if self._outbox is not None:
            backlog = self._outbox.unanswered
            self._keeper.update(
                backlog=backlog, backlog_since=self.oldest_unsent(), syncing=self._keeper.state.syncing and backlog > 0
            )

    def oldest_unsent(self) -> datetime | None:
        waiting = None if self._outbox is None else self._outbox.waiting
        if waiting is None or waiting.oldest_made_at is None:
            return None
        if self._clock is not None and waiting.oldest_boot_id == self._boot.boot_id:
            return hub_time_at(self._clock, waiting.oldest_monotonic_ms)
        return min(waiting.oldest_made_at, self.now())

    def disk_failed(self, detail: str) -> None:
        if not self._keeper.has(Fault.OUTBOX_UNWRITABLE):
            _log.error("the outbox can't be written: %s", detail)
            self._spawn(self._mend_disk())
        self._keeper.raise_fault(Fault.OUTBOX_UNWRITABLE, detail)

    # The outbox's life

    async def _open_outbox(self) -> None:
        if self._keyring is None:
            return
        try:
            if self._outbox is None:
                self._outbox = OutboxThread(
                    self._folder,
                    self._keyring.identity.device_id,
                    new_id=lambda: new_id(wall_clock()),
                    on_kept=self._another_kept,
                )
            await self._outbox.open()
            await self._recall(self._outbox)
        except OutboxUnwritable as fault:
            self.disk_failed(str(fault))
            return
        except OSError as fault:
            self.disk_failed(fault.strerror or str(fault))
            return
        self._note_damage()
        self.outbox_changed()
        if self._uplink is None:
            self._uplink = Uplink(
                self._hub_url,
                self._keyring,
                lang=self._lang,
                host=self,
                outbox=self._outbox,
                boot=self._boot,
                settings=self._settings,
            )
            self._spawn(self._uplink.keep_up())

    async def _recall(self, outbox: OutboxThread) -> None:
        device, clock = await outbox.recall(_DEVICE), await outbox.recall(_CLOCK)
        try:
            if device is not None and self._device is None:
                self._device = msgspec.json.decode(device, type=DeviceState)
                self._keeper.update(enrolment=Enrolment(self._device.status.value), site_name=self._device.site_name)
            if clock is not None and self._clock is None:
                kept = msgspec.json.decode(clock, type=_KeptClock)
                if kept.boot_id == self._boot.boot_id:
                    self._clock = kept.clock
                    self._keeper.update(clock_known=True)
        except msgspec.MsgspecError as fault:
            _log.warning("what was remembered of the hub can't be used: %s", fault)

    def _another_kept(self) -> None:
        self._note_damage()
        self.outbox_changed()
        if self._uplink is not None:
            self._uplink.another_kept()

    async def _keep_clock(self, clock: Clock) -> None:
        if self._outbox is not None:
            kept = msgspec.json.encode(_KeptClock(self._boot.boot_id, clock)).decode()
            try:
                await self._outbox.remember(_CLOCK, kept)
            except OutboxUnwritable as fault:
                self.disk_failed(str(fault))

    async def _mend_disk(self) -> None:
        """Try until the disk takes writes again: screens let nobody punch meanwhile, so no punch would try it."""
        while True:
            await asyncio.sleep(self._settings.disk_retry_seconds)
            if self._uplink is None:
                await self._open_outbox()
            if self._outbox is not None:
                try:
                    await self._outbox.remember(_PROBE, self.now().isoformat())
                except OutboxUnwritable:
                    continue
                break
        _log.info("the outbox can be written again")
        self._keeper.clear_fault(Fault.OUTBOX_UNWRITABLE)
        self._note_damage()
        self.outbox_changed()

    async def _prune_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._settings.prune_interval_seconds)
            if self._outbox is not None:
                try:
                    await self._outbox.prune(self.now() - timedelta(days=self._settings.answered_kept_days))
                except OutboxUnwritable as fault:
                    self.disk_failed(str(fault))

    def _note_damage(self) -> None:
        if self._outbox is not None and (files := self._outbox.damaged_files):
            if not self._keeper.has(Fault.OUTBOX_DAMAGED):
                _log.error("the outbox was damaged and is put aside as %s; a new journal begins", files[-1].name)
            self._keeper.raise_fault(Fault.OUTBOX_DAMAGED, f"put aside as {files[-1].name}")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
