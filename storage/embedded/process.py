"""A server as a child process that can't outlive its parent."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from storage.embedded.folder import unprivileged_ids

_PR_SET_PDEATHSIG: Final = 1
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}


class ServerProcess:
    """One running server.

    The kernel sends it `end_signal` when the *thread* that spawned it dies, so spawn from the main thread.
    """

    def __init__(self, process: subprocess.Popen[bytes], end_signal: signal.Signals) -> None:
        self._process = process
        self._end_signal = end_signal

    @classmethod
    def spawn(
        cls,
        arguments: Sequence[str],
        *,
        descriptors: Sequence[int],
        log_fd: int,
        end_signal: signal.Signals,
        executable: str | None = None,
        standard_input: int = subprocess.DEVNULL,
    ) -> "ServerProcess":
        """Start it as an unprivileged user (when we are root), in a session of its own: no Ctrl-C reaches it."""
        ids = unprivileged_ids()
        process = subprocess.Popen(
            arguments,
            executable=executable,
            stdin=standard_input,
            stdout=log_fd,
            stderr=log_fd,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=descriptors,
            start_new_session=True,
            user=ids[0] if ids else None,
            group=ids[1] if ids else None,
            extra_groups=[] if ids else None,
            # After the change of user, which would clear it. It only makes one system call, so forked threads don't
            # matter.
            preexec_fn=end_with_parent(end_signal),  # noqa: PLW1509 - see above
        )
        return cls(process, end_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def send_end_signal(self) -> None:
        if self.exit_code is None:
            self._process.send_signal(self._end_signal)

    async def end(self, *, timeout_seconds: float) -> None:
        """Ask it to end, then kill it when it takes longer than that."""
        self.send_end_signal()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.exit_code is None:  # noqa: ASYNC110 - a child process sets no event
                    await asyncio.sleep(0.01)
        if self.exit_code is None:
            self._process.kill()
            self._process.wait()


async def run_to_end(arguments: Sequence[str], *, descriptors: Sequence[int]) -> tuple[int, str]:
    """Run a short program as the servers' user; its exit code and output. Its descriptors outlive a killed parent."""
    ids = unprivileged_ids()
    completed = await asyncio.to_thread(
        subprocess.run,
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
        env=_ENVIRONMENT,
        pass_fds=descriptors,
        start_new_session=True,
        user=ids[0] if ids else None,
        group=ids[1] if ids else None,
        extra_groups=[] if ids else None,
    )
    return completed.returncode, completed.stdout.decode("utf-8", "replace")


def own_by_server(path: Path) -> None:
    """Give a file or folder of ours to the user whom the server runs as."""
    if ids := unprivileged_ids():
        os.chown(path, *ids)


def path_of(descriptor: int, path: Path) -> str:
    """How the server names a folder that we opened for it.

    As root we hand over an open descriptor, since the other user may not be allowed to walk the path to it.
    """
    return f"/proc/self/fd/{descriptor}" if unprivileged_ids() else str(path)


def end_with_parent(end_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel sends the child `end_signal` when the thread that spawned it dies (Linux alone)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_the_kernel
