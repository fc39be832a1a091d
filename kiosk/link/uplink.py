"""A kiosk's link, kept up for as long as the terminal runs: connect, talk, wait, connect again."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import NoReturn, Protocol

from kiosk.clock import Boot
from kiosk.keyring import Keyring
from kiosk.link.backoff import Backoff, is_refusal
from kiosk.link.client import LinkDown, connect
from kiosk.link.conversation import Conversation, Host
from kiosk.link.session import DeviceSignIn, Phase, Session
from kiosk.outbox import OutboxUnwritable
from kiosk.outbox_thread import OutboxThread
from kiosk.settings import Settings

_log = logging.getLogger(__name__)


class UplinkHost(Host, Protocol):
    """Also told when there is no link."""

    def link_lost(self, detail: str, *, refused: bool) -> None:
        """No link: `detail` says why, `refused` that the hub doesn't want this terminal back soon."""
        ...

    def disk_failed(self, detail: str) -> None:
        """The outbox can't be read or written; tried again."""
        ...


class Uplink:
    """Connects again and again until its task is cancelled."""

    def __init__(
        self,
        hub_url: str,
        keyring: Keyring,
        *,
        lang: str,
        host: UplinkHost,
        outbox: OutboxThread,
        boot: Boot,
        settings: Settings,
    ) -> None:
        self._hub_url = hub_url
        self._keyring = keyring
        self._lang = lang
        self._host = host
        self._outbox = outbox
        self._boot = boot
        self._settings = settings
        self._conversation: Conversation | None = None
        self._backoff = Backoff(settings, random.random)

    def another_kept(self) -> None:
        """The outbox has a new punch."""
        if self._conversation is not None:
            self._conversation.another_kept()

    async def keep_up(self) -> NoReturn:
        while True:  # noqa: ASYNC110 - it waits out a delay, not for an event
            await asyncio.sleep(await self._once())

    async def _once(self) -> float:
        """Connect and talk until that ends; the seconds to wait before the next attempt."""
        identity = self._keyring.signing_in
        session = Session(DeviceSignIn(identity), self._lang)
        begun_ms = self._boot.monotonic_ms()
        try:
            async with connect(self._hub_url, self._settings) as wire:
                self._conversation = Conversation(
                    wire,
                    session,
                    device_id=identity.device_id,
                    host=self._host,
                    outbox=self._outbox,
                    boot=self._boot,
                    settings=self._settings,
                )
                await self._conversation.hold()
        except LinkDown as down:
            _log.info("no link: %s", down)
            if session.phase is Phase.REFUSED and is_refusal(down.close_code) and self._keyring.refused():
                return 0.0  # the hub may know this terminal by another of its keys
            self._host.link_lost(str(down), refused=is_refusal(down.close_code))
            lasted_ms = self._boot.monotonic_ms() - begun_ms if session.phase is Phase.OPEN else 0
            return self._backoff.next_delay_seconds(close_code=down.close_code, lasted_seconds=lasted_ms / 1000)
        except OutboxUnwritable as fault:
            _log.error("the outbox can't be used: %s", fault)
            self._host.link_lost("the outbox can't be used", refused=False)
            self._host.disk_failed(str(fault))
            return self._settings.disk_retry_seconds
        except Exception:  # noqa: BLE001 - logged whole
            # A fault of this program must not leave a terminal without a link for good.
            _log.exception("the link failed")
            self._host.link_lost("the link failed, see the log", refused=False)
            return self._settings.backoff_cap_seconds
        finally:
            self._conversation = None
