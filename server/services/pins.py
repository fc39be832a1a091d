"""PINs: counted before they are judged, and judged in the same time whether the number exists or not."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from server.secrets.provider import SecretsProvider, SecretsUnavailable
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from server.services.preparation import OpenedBadge, OpenedNumber, Prepared
from storage.postgres import Database
from storage.repositories import people, pins, punches
from storage.repositories.people import PinHolder
from storage.repositories.pins import Limits


class PinResult(Enum):
    RIGHT = auto()
    WRONG = auto()
    THROTTLED = auto()
    SEEN = auto()
    """The punch stands in the record already: its answer needs no second judgement."""
    UNCHECKED = auto()
    """The keys that it takes can't be reached: to be judged when they can."""


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
        limits: Limits,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._pins = PinHashes(secrets, hashes)
        self._limits = limits

    @staticmethod
    def concerns(prepared: Prepared) -> bool:
        """Whether a punch bears a PIN."""
        match prepared.opened:
            case OpenedNumber() | OpenedBadge(pin=str()):
                return True
            case _:
                return False

    async def judge(self, prepared: Prepared) -> PinVerdict:
        """Judge a punch's PIN; raises StorageError, Refused(overloaded).

        Who and what is asked for is the same whether the number or badge is anybody's or not. Without the keys that it
        takes nothing is tried, and nothing counted.
        """
        async with self._database.connection() as connection:
            if await punches.has_receipt(connection, prepared.key):
                return PinVerdict(PinResult.SEEN)
        try:
            return await self.judge_again(prepared)
        except SecretsUnavailable:
            return PinVerdict(PinResult.UNCHECKED)

    async def judge_again(self, prepared: Prepared) -> PinVerdict:
        """`judge` of a punch that stands in the record unchecked; raises SecretsUnavailable as well."""
        opened = prepared.opened
        if not isinstance(opened, OpenedNumber | OpenedBadge) or opened.pin is None:
            raise ValueError("this punch bears no PIN")
        holder, counted_under = await self._holder(opened)
        async with self._database.transaction() as connection:
            if not await pins.count_attempt(connection, prepared.key, prepared.digest, counted_under, self._limits):
                return PinVerdict(PinResult.THROTTLED)
        employee_id, kept = (holder.employee_id, holder.pin_hash) if holder else (None, None)
        try:
            right = await self._pins.is_right(employee_id, opened.pin, kept)
        except SecretsUnavailable:
            # Nothing was tried: who punches on while the keys are away must not be locked out for it.
            async with self._database.connection() as connection:
                await pins.withdraw_attempt(connection, prepared.key, prepared.digest)
            raise
        async with self._database.connection() as connection:
            await pins.settle_attempt(connection, prepared.key, prepared.digest, right=right)
            if not right or employee_id is None or kept is None:
                return PinVerdict(PinResult.WRONG)
        with contextlib.suppress(SecretsUnavailable):  # it was right: the old form serves once more
            await self._keep_anew(employee_id, opened.pin, kept)
        return PinVerdict(PinResult.RIGHT, employee_id)

    async def _holder(self, opened: OpenedNumber | OpenedBadge) -> tuple[PinHolder | None, bytes]:
        """Whose PIN is asked for, and under what the attempt is counted."""
        async with self._database.connection() as connection:
            if isinstance(opened, OpenedNumber):
                return await people.find_by_number(connection, opened.employee_number), opened.number_hash
            # One person's attempts are counted together, by whichever of their badges or by their number: a pile
            # of badges gives no more guesses than one.
            holder = await people.find_by_badge(connection, opened.badge_hash)
        return holder, opened.badge_hash if holder is None else self._secrets.number_hash(holder.employee_number)

    async def _keep_anew(self, employee_id: UUID, pin: str, kept: str) -> None:
        if self._pins.is_old(kept):
            anew = await self._pins.keep(employee_id, pin)
            async with self._database.connection() as connection:
                await pins.keep_anew(connection, employee_id, kept, anew)
