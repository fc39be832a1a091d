"""PINs: counted before they are judged, and judged in the same time whether the number exists or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from uuid import UUID

from server.secrets.provider import SecretsProvider
from server.services.hashing import SlowHashes
from server.services.preparation import OpenedBadge, OpenedNumber, Prepared
from storage.postgres import Database
from storage.repositories import people, pins, punches

_NOBODY: Final = UUID(int=0)


class PinResult(Enum):
    RIGHT = auto()
    WRONG = auto()
    THROTTLED = auto()
    SEEN = auto()
    """The punch stands in the record already: its answer needs no second judgement."""


@dataclass(frozen=True, slots=True)
class PinVerdict:
    result: PinResult
    employee_id: UUID | None = None


class PinCheck:
    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        hashes: SlowHashes,
        *,
        attempts: int,
        window_minutes: int,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._hashes = hashes
        self._attempts = attempts
        self._window_minutes = window_minutes

    @staticmethod
    def concerns(prepared: Prepared) -> bool:
        """Whether a punch bears a PIN."""
        match prepared.opened:
            case OpenedNumber() | OpenedBadge(pin=str()):
                return True
            case _:
                return False

    async def judge(self, prepared: Prepared) -> PinVerdict:
        """Judge a punch's PIN; raises StorageError, SecretsUnavailable, Refused(overloaded)."""
        key = prepared.key
        match prepared.opened:
            case OpenedNumber(number_hash=counted_under, pin=pin):
                pass
            case OpenedBadge(badge_hash=counted_under, pin=str(pin)):
                pass
            case _:
                raise ValueError("this punch bears no PIN")
        async with self._database.connection() as connection:
            if await punches.has_receipt(connection, key):
                return PinVerdict(PinResult.SEEN)
        async with self._database.transaction() as connection:
            admitted = await pins.count_attempt(
                connection,
                key,
                prepared.digest,
                counted_under,
                allowed=self._attempts,
                window_minutes=self._window_minutes,
            )
        if not admitted:
            return PinVerdict(PinResult.THROTTLED)
        async with self._database.connection() as connection:
            if isinstance(prepared.opened, OpenedNumber):
                holder = await people.find_by_number(connection, prepared.opened.employee_number)
            else:
                holder = await people.find_by_badge(connection, counted_under)
        employee_id, pin_hash = (holder.employee_id, holder.pin_hash) if holder else (_NOBODY, None)
        material = await self._secrets.pin_material(employee_id, pin)
        right = await self._hashes.verify(pin_hash, material)
        async with self._database.connection() as connection:
            await pins.settle_attempt(connection, key, prepared.digest, right=right)
        return PinVerdict(PinResult.RIGHT, employee_id) if right else PinVerdict(PinResult.WRONG)
