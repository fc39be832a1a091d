"""How a PIN is kept: argon2id over a keyed hash, beside the id of the key (the pepper), which is renewed now and then.

A PIN can't be hashed anew without the PIN: whoever shows theirs gets it kept under the newest pepper. An old one serves
until its overlap ends; PINs that weren't used by then must be set anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from server.secrets.first_format import FIRST_PEPPER
from server.secrets.provider import KeyEnded, SecretsProvider
from server.services.hashing import SlowHashes

_NOBODY: Final = UUID(int=0)
_AFTER_PEPPER: Final = ":"


HashSecret = Callable[[bytes], Awaitable[str]]


async def keep_pin(secrets: SecretsProvider, hash_secret: HashSecret, employee_id: UUID, pin: str) -> str:
    """A PIN as it is kept: `<pepper>:<argon2id>`."""
    pepper = secrets.pin_pepper
    hashed = await hash_secret(await secrets.pin_material(employee_id, pin, pepper))
    return f"{pepper}{_AFTER_PEPPER}{hashed}"


class PinHashes:
    """Every method may raise SecretsUnavailable and Refused(overloaded)."""

    def __init__(self, secrets: SecretsProvider, hashes: SlowHashes) -> None:
        self._secrets = secrets
        self._hashes = hashes

    async def keep(self, employee_id: UUID, pin: str) -> str:
        """`keep_pin`, with the hub's own hashes."""
        return await keep_pin(self._secrets, self._hashes.hash, employee_id, pin)

    async def is_right(self, employee_id: UUID | None, pin: str, kept: str | None) -> bool:
        """Whether it is the PIN that was kept; of nobody's, and of nobody, it costs the same and is False."""
        pepper, hashed = _split(kept) if kept is not None else (self._secrets.pin_pepper, None)
        try:
            material = await self._secrets.pin_material(employee_id or _NOBODY, pin, pepper)
        except KeyEnded:
            hashed = None
            material = await self._secrets.pin_material(_NOBODY, pin, self._secrets.pin_pepper)
        return await self._hashes.verify(hashed, material)

    def is_old(self, kept: str) -> bool:
        """Whether it should be kept anew at this use."""
        return _split(kept)[0] != self._secrets.pin_pepper


def _split(kept: str) -> tuple[str, str]:
    pepper, separator, hashed = kept.partition(_AFTER_PEPPER)
    # Those of the first pepper were kept without its id; argon2's own text holds no colon.
    return (pepper, hashed) if separator else (FIRST_PEPPER, kept)
