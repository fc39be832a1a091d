"""The pool, and the one place where a driver's error becomes ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from storage.errors import RowRefused, StorageConflict, StorageUnavailable
from storage.logins import CurrentLogin

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection  # the driver's classes are generic in its stubs alone

_CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into storage errors; anything else is a bug and passes."""
    try:
        yield
    except _CONFLICTS as error:
        raise StorageConflict(type(error).__name__) from error
    except _REFUSALS as error:
        raise RowRefused(type(error).__name__, error.constraint_name) from error
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.CannotConnectNowError,
        asyncpg.InvalidCatalogNameError,  # while a database is restored there is none of its name
        asyncpg.ObjectNotInPrerequisiteStateError,
        asyncpg.PostgresSystemError,
        asyncpg.InternalServerError,
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # a connection that was cut amid a message
    ) as error:
        raise StorageUnavailable(type(error).__name__) from error


async def _leave_as_it_is(_connection: Connection) -> None:
    """What asyncpg does when a connection is given back, less its query (RESET ALL and the like).

    Nothing of ours outlives a transaction on its connection: no SET, LISTEN, cursor or advisory lock of a session.
    """


class Database:
    """A pool whose connections are always waited for with a limit, and whose faults are ours."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, acquire_timeout_seconds: float) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        min_size: int = 2,
        max_size: int = 10,
        acquire_timeout_seconds: float = 5,
        command_timeout_seconds: float = 30,
        statement_cache_size: int = 200,
        login: CurrentLogin = lambda: None,
    ) -> Database:
        """Open the pool; raises StorageUnavailable, also when commits would not be durable here.

        `login` says at each connecting who logs in with what, where it isn't as the DSN says.
        """

        async def connect(
            *arguments: Any,  # noqa: ANN401 - the pool's own, handed on
            **options: Any,  # noqa: ANN401 - the same
        ) -> asyncpg.Connection[asyncpg.Record]:
            if (now := login()) is not None:
                options |= {"user": now[0], "password": now[1]}
            connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(*arguments, **options)
            return connection

        with translated():
            pool = await asyncpg.create_pool(
                dsn,
                connect=connect,
                min_size=min_size,
                max_size=max_size,
                command_timeout=command_timeout_seconds,
                timeout=acquire_timeout_seconds,
                statement_cache_size=statement_cache_size,
                reset=_leave_as_it_is,
                server_settings={"application_name": "attendance-hub", "timezone": "UTC"},
            )
        database = cls(pool, acquire_timeout_seconds=acquire_timeout_seconds)
        async with database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits"
            )
        if row is None or row["fsync"] != "on" or row["commits"] in ("off", "local"):
            await database.close()
            raise StorageUnavailable("an answer means committed: fsync and synchronous_commit must be on")
        return database

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection outside a transaction; raises StorageError."""
        with translated():
            async with self._pool.acquire(timeout=self._acquire_timeout_seconds) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """One transaction: read-committed to write, or with `snapshot` read-only and repeatable."""
        async with self.connection() as connection:
            if snapshot:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield connection
            else:
                async with connection.transaction():
                    yield connection

    async def connect_anew(self) -> None:
        """Each connection is replaced once it is given back: by whoever may log in now."""
        await self._pool.expire_connections()

    def terminate(self) -> None:
        """Cut every connection now: whoever waits on one, be it for the end of a query given up, waits no longer."""
        self._pool.terminate()

    async def close(self) -> None:
        """Close politely, then firmly: a hub that drains must not hang on one stuck query."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()
