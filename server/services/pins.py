"""PINs: counted before they are judged, and judged in the same time whether the number exists or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from server.secrets.provider import SecretsProvider
from server.services.hashing import SlowHashes
from server.services.pin_hashes import PinHashes
from server.services.preparation import OpenedBadge, OpenedNumber, Prepared
from storage.postgres import Database
from storage.repositories import people, pins, punches
from storage.repositories.pins import Limits


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
        """Judge a punch's PIN; raises StorageError, SecretsUnavailable, Refused(overloaded).

        Who and what is asked for is the same whether the number or badge is anybody's or not.
        """
        opened = prepared.opened
        if not isinstance(opened, OpenedNumber | OpenedBadge) or opened.pin is None:
            raise ValueError("this punch bears no PIN")
        async with self._database.connection() as connection:
            if await punches.has_receipt(connection, prepared.key):
                return PinVerdict(PinResult.SEEN)
            if isinstance(opened, OpenedNumber):
                holder = await people.find_by_number(connection, opened.employee_number)
                counted_under = opened.number_hash
            else:
                # One person's attempts are counted together, by whichever of their badges or by their number: a pile
                # of badges gives no more guesses than one.
                holder = await people.find_by_badge(connection, opened.badge_hash)
                counted_under = (
                    opened.badge_hash if holder is None else self._secrets.number_hash(holder.employee_number)
                )
        async with self._database.transaction() as connection:
            if not await pins.count_attempt(connection, prepared.key, prepared.digest, counted_under, self._limits):
                return PinVerdict(PinResult.THROTTLED)
        employee_id, kept = (holder.employee_id, holder.pin_hash) if holder else (None, None)
        right = await self._pins.is_right(employee_id, opened.pin, kept)
        async with self._database.connection() as connection:
            await pins.settle_attempt(connection, prepared.key, prepared.digest, right=right)
            if not right or employee_id is None or kept is None:
                return PinVerdict(PinResult.WRONG)
            if self._pins.is_old(kept):
                anew = await self._pins.keep(employee_id, opened.pin)
                await pins.keep_anew(connection, employee_id, kept, anew)
        return PinVerdict(PinResult.RIGHT, employee_id)
