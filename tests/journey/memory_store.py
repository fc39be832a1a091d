"""PostgreSQL as far as the recording of punches sees it, in memory: the product's own statements, acted out.

What it promises is what `test_store.py` asks of this and of the real server alike: a transaction is seen whole or not
at all, and by nobody before its commit; row locks are waited for and then show what was committed meanwhile; a wait
in a circle is broken with a deadlock error; keys are unique. A transaction that reads after it wrote would see less
here than there, so it is refused.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from tests.journey.memory_tables import READS, WRITES, Row, Tables

Key = tuple[object, ...]
Trap = Callable[[str], None]
"""Called with the text of each statement before it is done, and with AFTER_COMMIT; it raises what goes wrong."""
BEGIN: Final = "BEGIN"
COMMIT: Final = "COMMIT"
AFTER_COMMIT: Final = "after COMMIT"


class ReadAfterWrite(AssertionError):
    """This store can't show a transaction its own writes."""


class Transaction:
    def __init__(self) -> None:
        self.writes: list[Callable[[Tables], None]] = []
        self.locks: list[Key] = []


class MemoryStore:
    """The server: tables, locks, and whoever waits for them."""

    def __init__(self, tables: Tables, *, chance: random.Random | None = None) -> None:
        self.tables = tables
        self.chance = chance
        """How long statements take (up to some ms); without it they take no time."""
        self.on_commit: Callable[[], None] = lambda: None
        self.commits = 0
        self._held: dict[Key, Transaction] = {}
        self._waiting: dict[Transaction, Key] = {}
        self._freed: asyncio.Event = asyncio.Event()

    def pool(self, trap: Trap = lambda _: None) -> "MemoryPool":
        """What a `storage.postgres.Database` stands on."""
        return MemoryPool(self, trap)

    async def turn(self) -> None:
        await asyncio.sleep(0 if self.chance is None else self.chance.uniform(0.0005, 0.004))

    async def lock(self, transaction: Transaction, key: Key) -> None:
        while (holder := self._held.get(key, transaction)) is not transaction:
            self._waiting[transaction] = key
            try:
                if self._is_circle(transaction, holder):
                    raise asyncpg.DeadlockDetectedError("deadlock detected")
                await self._freed.wait()
            finally:
                del self._waiting[transaction]
        if key not in self._held:
            self._held[key] = transaction
            transaction.locks.append(key)

    def _is_circle(self, transaction: Transaction, holder: Transaction) -> bool:
        while (wanted := self._waiting.get(holder)) is not None:
            holder = self._held[wanted]
            if holder is transaction:
                return True
        return False

    def commit(self, transaction: Transaction) -> None:
        changed = self.tables.copy()
        for write in transaction.writes:
            write(changed)
        if transaction.writes:
            self.tables = changed
            self.commits += 1
            self.on_commit()

    def release(self, transaction: Transaction) -> None:
        for key in transaction.locks:
            del self._held[key]
        transaction.locks.clear()
        transaction.writes.clear()
        self._freed.set()
        self._freed = asyncio.Event()


class MemoryConnection:
    def __init__(self, store: MemoryStore, trap: Trap) -> None:
        self._store = store
        self._trap = trap
        self._transaction: Transaction | None = None

    @asynccontextmanager
    async def transaction(self, **_: object) -> AsyncIterator[None]:
        await self._store.turn()
        self._trap(BEGIN)
        self._transaction = transaction = Transaction()
        try:
            yield
            await self._store.turn()
            self._trap(COMMIT)
            self._store.commit(transaction)
            self._trap(AFTER_COMMIT)
        finally:
            self._transaction = None
            self._store.release(transaction)

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:  # noqa: ANN401 - whatever a statement takes
        return await self._do(statement, arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Row | None:  # noqa: ANN401 - likewise
        return next(iter(await self._do(statement, arguments)), None)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:  # noqa: ANN401 - likewise
        return (await self._do(statement, arguments))[0][0]

    async def execute(self, statement: str, *arguments: Any) -> None:  # noqa: ANN401 - likewise
        await self._do(statement, arguments)

    async def _do(self, statement: str, arguments: Sequence[Any]) -> list[Row]:
        await self._store.turn()
        self._trap(statement)
        if (write := WRITES.get(statement)) is not None:
            if self._transaction is None:
                alone = Transaction()
                alone.writes.append(lambda tables: write(tables, *arguments))
                self._store.commit(alone)
            else:
                write(self._store.tables.copy(), *arguments)  # what a statement violates it says itself
                self._transaction.writes.append(lambda tables: write(tables, *arguments))
            return []
        read = READS[statement]
        if self._transaction is not None:
            if self._transaction.writes:
                raise ReadAfterWrite(statement)
            for key in list(read.locks(self._store.tables, *arguments)) if "FOR UPDATE" in statement else ():
                await self._store.lock(self._transaction, key)
        return read.rows(self._store.tables, *arguments)


class MemoryPool:
    """As many connections as are asked for."""

    def __init__(self, store: MemoryStore, trap: Trap) -> None:
        self._store = store
        self._trap = trap

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[MemoryConnection]:
        del timeout
        yield MemoryConnection(self._store, self._trap)

    def terminate(self) -> None:
        """Nothing is open."""

    async def close(self) -> None:
        """Likewise."""
