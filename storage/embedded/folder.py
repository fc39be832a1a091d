"""One server's folder: its lock, its secrets, its port and the user whom the server runs as."""

import asyncio
import fcntl
import os
import pwd
import secrets
import socket
from pathlib import Path
from typing import Final

# Below every system's ephemeral range, so that no outgoing connection sits on a port that was kept for a restart.
_PORTS: Final = range(20_000, 32_000)
_HANDOVER_SECONDS: Final = 30.0
_LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024


class EmbeddedServerError(Exception):
    """An embedded server can't be found, started or had; the text says why in a sentence for people."""


class ServerFolder:
    """A private folder (mode 0700) of one server.

    Two locks guard it. Its owner's is held by this process alone. The server's is inherited by the server and by all
    that it forks, so having both means that no process of this folder is left, however the last owner died.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner_fd: int | None = None
        self._server_fd: int | None = None

    @property
    def log_path(self) -> Path:
        return self.path / "server.log"

    async def lock(self) -> int:
        """Take the folder, waiting for a server whose owner was killed to finish; the descriptor is the server's.

        Raises:
            EmbeddedServerError: another living process has it, or that server doesn't end.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._owner_fd = os.open(self.path / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
            if not _try_lock(self._owner_fd):
                owner = os.pread(self._owner_fd, 32, 0).decode("ascii", "replace")
                raise EmbeddedServerError(f"{self.path} is in use by process {owner}; stop that one first")
            os.ftruncate(self._owner_fd, 0)
            os.pwrite(self._owner_fd, str(os.getpid()).encode(), 0)
            self._server_fd = os.open(self.path / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
            deadline = asyncio.get_running_loop().time() + _HANDOVER_SECONDS
            while not _try_lock(self._server_fd):
                if asyncio.get_running_loop().time() > deadline:
                    raise EmbeddedServerError(f"the server in {self.path} outlived its owner and does not end")
                await asyncio.sleep(0.05)
        except OSError as error:
            self.unlock()
            raise EmbeddedServerError(f"{self.path} can't be used: {error.strerror}") from error
        except BaseException:
            self.unlock()
            raise
        return self._server_fd

    def unlock(self) -> None:
        """Let the folder go; a server that is still alive keeps its own lock until it ends."""
        for fd in (self._server_fd, self._owner_fd):
            if fd is not None:
                os.close(fd)
        self._server_fd = self._owner_fd = None

    def secret(self, name: str) -> str:
        """The random password kept as `<name>.secret` (mode 0600), made at its first use."""
        path = self.path / f"{name}.secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text("ascii")

    def port(self) -> int:
        """The loopback port of the last start while it is free, else another, kept for the next start."""
        path = self.path / "port"
        kept = path.read_text("ascii") if path.exists() else ""
        if kept.isdigit() and _is_free(int(kept)):
            return int(kept)
        port = next((port for port in secrets.SystemRandom().sample(_PORTS, 200) if _is_free(port)), None)
        if port is None:
            raise EmbeddedServerError("no free loopback port was found")
        write_private(path, str(port))
        return port

    def open_log(self) -> int:
        """A descriptor to append the server's output to; past 16 MiB the log starts anew."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
            flags |= os.O_TRUNC
        return os.open(self.log_path, flags, 0o600)

    def log_tail(self) -> str:
        """The log's last lines, for an error's text."""
        return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-8:])


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically and durably, readable by its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def unprivileged_ids() -> tuple[int, int] | None:
    """The user and group `nobody` when we are root, since PostgreSQL refuses to run as root; else None."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
