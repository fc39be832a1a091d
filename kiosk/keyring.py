"""A terminal's keys while it works: which one signs in, and how one takes another's place.

A new key is on the disk before it is offered, and the old one stays until the hub is known to have the new one.
Whatever is lost on the way, the terminal has a key that the hub knows.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.identity import Identity, IdentityError, write_identity

_CLOCK_SLACK: Final = timedelta(days=1)
_log = logging.getLogger(__name__)


class Keyring:
    """`identity` is who signs punches now. All methods belong to one loop."""

    def __init__(self, folder: Path, identity: Identity, *, key_days: float) -> None:
        self._folder = folder
        self.identity = identity
        self._key_life = timedelta(days=key_days)
        self._turn = 0
        self._offer: Ed25519PrivateKey | None = None
        self._given_up = False

    @property
    def signing_in(self) -> Identity:
        """Who signs in next: by its key, else by one that the hub may know in its place."""
        return Identity(self.identity.device_id, self._candidates()[self._turn])

    def refused(self) -> bool:
        """The hub didn't know `signing_in`; whether there is another key to be tried at once."""
        self._turn = (self._turn + 1) % len(self._candidates())
        return self._turn != 0

    async def welcomed(self) -> None:
        """The hub knows the key of `signing_in`."""
        known, self._turn = self._candidates()[self._turn], 0
        if known is self.identity.next_key:
            await self._promote()
        elif known is self.identity.former_key:
            self._offer = self.identity.key  # a hub restored from before the change is to have it again
        else:
            self._offer = self.identity.next_key

    async def key_to_offer(self, now: datetime) -> Ed25519PrivateKey | None:
        """The key that the hub is to have in place of the one it knows, made when the present one is old enough."""
        if self._offer is None and self._is_old(now):
            staged = replace(self.identity, next_key=Ed25519PrivateKey.generate())
            if not await self._keep(staged):
                self._given_up = True
                return None
            self._offer = staged.next_key
        return self._offer

    async def offer_taken(self, now: datetime) -> None:
        """The hub has the key that was offered."""
        if self._offer is not None and self._offer is self.identity.next_key:
            await self._promote(now)
        self._offer = None

    async def offer_refused(self) -> None:
        """The hub will never take the key that was offered: the present one stays until the next start."""
        self._offer = None
        self._given_up = True
        if self.identity.next_key is not None:
            await self._keep(replace(self.identity, next_key=None))

    def _candidates(self) -> list[Ed25519PrivateKey]:
        keys = (self.identity.key, self.identity.next_key, self.identity.former_key)
        return [key for key in keys if key is not None]

    def _is_old(self, now: datetime) -> bool:
        made_at = self.identity.key_made_at
        if made_at is None or self._given_up or self.identity.next_key is not None:
            return False
        # A key from the future was made while the clock stood wrong: its age isn't known.
        return now - made_at >= self._key_life or made_at - now > _CLOCK_SLACK

    async def _promote(self, now: datetime | None = None) -> None:
        identity = self.identity
        assert identity.next_key is not None  # noqa: S101 - what the callers asked
        promoted = Identity(
            identity.device_id, identity.next_key, former_key=identity.key, key_made_at=now or identity.key_made_at
        )
        # Where the disk refuses, the file names both keys still, and the next start finds out which one is known.
        await self._keep(promoted)
        self.identity = promoted
        _log.info("this terminal has a new key, fingerprint %s", promoted.fingerprint)

    async def _keep(self, identity: Identity) -> bool:
        try:
            await asyncio.to_thread(write_identity, self._folder, identity)
        except IdentityError as fault:
            _log.error("the key can't be changed: %s", fault)
            return False
        self.identity = identity
        return True
