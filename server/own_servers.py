"""PostgreSQL and Valkey of a machine's own, below one folder: what a demo runs on, or a company with one machine."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from server.settings import PREFIX, Settings, read_settings
from storage.bootstrap import DatabaseDsns, bootstrap
from storage.embedded import EmbeddedPostgres, EmbeddedValkey, write_private
from storage.migrate import migrate

_WATCH_SECONDS: Final = 1.0
_RESTARTS_A_MINUTE: Final = 5


class ServersError(Exception):
    """The servers can't go on; the text says why in a sentence."""


@dataclass(frozen=True, slots=True)
class OwnServers:
    """Both running, the database there and up to date. `dsns` hold passwords."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    dsns: DatabaseDsns = field(repr=False)

    def settings(self, environment: Mapping[str, str], **overrides: object) -> Settings:
        """What a hub on these servers is set to. Raises SettingsError."""
        return read_settings(
            environment,
            postgres_dsn=self.dsns.hub_a,
            redis_url=self.valkey.url,
            key_file=self.folder / "keys.json",
            **overrides,
        )

    async def look_after(self, others: Callable[[], None] = lambda: None) -> None:
        """Start a server that ended by itself again, where it was and with what it kept: hubs live through that.

        `others` is called once a second, and may raise. Runs until cancelled; raises ServersError when a server goes
        on ending, EmbeddedServerError when it can't start.
        """
        log = structlog.get_logger()
        addresses = (self.postgres.superuser_dsn, self.valkey.url)
        began: deque[float] = deque(maxlen=_RESTARTS_A_MINUTE)
        while True:
            for name, server in (("PostgreSQL", self.postgres), ("Valkey", self.valkey)):
                if server.is_running:
                    continue
                now = time.monotonic()
                if len(began) == began.maxlen and now - began[0] < 60:
                    raise ServersError(f"{name} ended by itself again and again")
                began.append(now)
                log.warning("a server ended by itself and is started again", fault=name)
                await server.stop()
                await server.start()
                if (self.postgres.superuser_dsn, self.valkey.url) != addresses:
                    raise ServersError(f"{name} ended by itself, and its port was taken meanwhile")
            others()
            await asyncio.sleep(_WATCH_SECONDS)


@asynccontextmanager
async def own_servers(folder: Path, step: Callable[[str], None]) -> AsyncIterator[OwnServers]:
    """Both servers below `folder`, for the length of the block; `step` is told what begins.

    Raises:
        EmbeddedServerError: a server can't be started, or the folder is in use.
        MigrationRefused: the database is of another version.
        OSError: the folder can't be written.
    """
    async with AsyncExitStack() as stack:
        step("starting PostgreSQL and Valkey")
        postgres = await stack.enter_async_context(EmbeddedPostgres(folder / "postgres"))
        valkey = await stack.enter_async_context(EmbeddedValkey(folder / "valkey"))
        step("preparing the database")
        dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
        await migrate(dsns.migrator)
        yield OwnServers(folder, postgres, valkey, dsns)


_SAME_AT_ALL_HUBS: Final = (
    "sockets_of_address",
    "sockets_of_account",
    "unauthenticated_sockets_of_address",
    "unauthenticated_sockets",
    "upgrades_per_minute",
)
"""Whoever may open so many sockets at this hub may do so at the others."""


def write_hub_environment(path: Path, settings: Settings, *, metrics_token: str) -> None:
    """Replace `hub.env` (mode 0600): what a further hub or a command needs to join, as lines that a shell can source.

    The key file holds the metrics token too; here it saves whoever scrapes from reading every other key.
    """
    variables = {
        "ATTENDANCE_POSTGRES_DSN": settings.postgres_dsn,
        "ATTENDANCE_REDIS_URL": settings.redis_url,
        "ATTENDANCE_KEY_FILE": str(settings.key_file),
        "ATTENDANCE_METRICS_TOKEN": metrics_token,
        "ATTENDANCE_TOTP_REQUIRED_ROLES": ",".join(settings.totp_required_roles),
        **{f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in _SAME_AT_ALL_HUBS},
    }
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()))
