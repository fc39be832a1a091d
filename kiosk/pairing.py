"""From a pairing code to an identity: whatever interrupts it, it can be done again."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from kiosk.identity import Identity, IdentityError, end_pairing, load_identity, new_pairing_key, pairing_key
from kiosk.link.enrolment import PairingFailed, PairingTrouble, check_code, enrol
from kiosk.outbox_file import FolderInUse, FolderLock
from kiosk.plain_text import plain
from kiosk.settings import Settings

MAX_NAME_CHARACTERS: Final = 100


def own_name(host: str) -> str | None:
    """What a terminal calls itself when it enrols, from its machine's name."""
    return plain(host)[:MAX_NAME_CHARACTERS].strip() or None


async def pair(
    folder: Path, hub_url: str, typed: str, *, name: str | None, now: datetime, settings: Settings
) -> Identity:
    """Enrol this terminal by the code that was typed, pasted or scanned; who it is from then on.

    Raises PairingFailed. The folder belongs to this alone meanwhile.
    """
    code = check_code(typed)
    try:
        lock = FolderLock(folder)
    except FolderInUse:
        raise PairingFailed(PairingTrouble.NOT_KEPT, "another program uses this data folder") from None
    except OSError as fault:
        raise PairingFailed(PairingTrouble.NOT_KEPT, fault.strerror or str(fault)) from None
    try:
        return await _pair(folder, hub_url, code, name=name, now=now, settings=settings)
    except IdentityError as fault:
        raise PairingFailed(PairingTrouble.NOT_KEPT, str(fault)) from None
    finally:
        lock.release()


async def _pair(
    folder: Path, hub_url: str, code: str, *, name: str | None, now: datetime, settings: Settings
) -> Identity:
    if await asyncio.to_thread(load_identity, folder) is not None:
        raise PairingFailed(PairingTrouble.ALREADY_PAIRED, "this terminal is enrolled already")
    key = await asyncio.to_thread(pairing_key, folder)
    try:
        device_id = await enrol(hub_url, code, key, name=name, settings=settings)
    except PairingFailed as failed:
        if failed.trouble is not PairingTrouble.KEY_KNOWN:
            raise
        # Enrolled by an earlier code whose answer was lost, and which nobody has any more. The code is still good.
        key = await asyncio.to_thread(new_pairing_key, folder)
        device_id = await enrol(hub_url, code, key, name=name, settings=settings)
    identity = Identity(device_id, key, key_made_at=now)
    await asyncio.to_thread(end_pairing, folder, identity)
    return identity
