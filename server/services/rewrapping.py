"""After a new key-encryption key: what is under an older one is put under it, page by page, while everything goes on.

Nothing is remembered of how far it came: rows that are done are known by their ciphertext, so that a hub that was
killed amid it, or two hubs at once, do no harm. Only when a whole pass found nothing left is the old key let go, and
until its overlap ends passes go on: a hub that heard late of the new key may have used the old one once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from server.secrets.provider import BlobBroken, KeyInfo, KeyKind, SecretsProvider
from server.services.person_seal import key_binding
from server.services.second_factor import totp_binding
from storage.postgres import Database
from storage.repositories import wrapped
from storage.repositories.wrapped import WrappedColumn

_FIRST: Final = UUID(int=0)
_log = structlog.get_logger()

Binding = Callable[[UUID], bytes]
"""What a row's ciphertext is bound to."""
WRAPPED: Final[Sequence[tuple[WrappedColumn, Binding]]] = (
    (wrapped.SECOND_FACTORS, totp_binding),
    (wrapped.PENDING_SECOND_FACTORS, totp_binding),
    (wrapped.PERSON_KEYS, key_binding),
)
"""All that outlives the overlap of a key-encryption key; unknown badges are forgotten sooner."""


class Rewrapping:
    """`page_rows` at a time are read, wrapped and written in one transaction."""

    def __init__(
        self, database: Database, secrets: SecretsProvider, clock: Callable[[], datetime], *, page_rows: int
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._page_rows = page_rows
        self._rests_until = clock()

    async def go_on(self) -> int:
        """One pass, where there is an older key at all: how many were rewrapped. Raises StorageError, SecretsError."""
        superseded, now = self._superseded(), self._clock()
        let_go = [key.ends_at for key in superseded if key.ends_at is not None]
        if not superseded or (len(let_go) == len(superseded) and now < self._rests_until):
            return 0
        count = 0
        for column, binding in WRAPPED:
            count += await self._column(column, binding)
        if let_go:  # a quarter of what is left of an overlap: a pass reads every row, and finds less and less
            self._rests_until = now + (min(let_go) - now) / 4
        if count == 0:
            for key in superseded:
                if key.ends_at is None:
                    await self._secrets.retire(KeyKind.DATA, key.id)
                    _log.info("a key is superseded", kid=key.id)
        else:
            _log.info("rewrapped", count=count)
        return count

    async def _column(self, column: WrappedColumn, binding: Binding) -> int:
        count, after = 0, _FIRST
        while True:
            async with self._database.transaction() as connection:
                rows = await wrapped.page(connection, column, after, self._page_rows)
                changed = [
                    (row_id, blob, anew)
                    for row_id, blob in rows
                    if self._secrets.needs_rewrapping(blob) and (anew := self._again(column, row_id, blob, binding))
                ]
                if changed:
                    await wrapped.replace(connection, column, changed)
            count += len(changed)
            if len(rows) < self._page_rows:
                return count
            after = rows[-1][0]

    def _again(self, column: WrappedColumn, row_id: UUID, blob: bytes, binding: Binding) -> bytes | None:
        try:
            return self._secrets.encrypt(self._secrets.decrypt(blob, binding(row_id)), binding(row_id))
        except BlobBroken:
            _log.error("a ciphertext doesn't open", kind=f"{column.table}.{column.column}")
            return None

    def _superseded(self) -> Sequence[KeyInfo]:
        """Keys older than the one in use; one that was made and isn't used yet is none of them."""
        now, keys = self._clock(), self._secrets.versions()[KeyKind.DATA]
        used = next((i for i, key in enumerate(keys) if key.active_at <= now), len(keys))
        return keys[used + 1 :]
