"""The demo's kiosks: child processes, since a hub never imports a kiosk's code. They end with their parent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from storage.embedded import end_with_parent

_STOP_SECONDS: Final = 10.0


@asynccontextmanager
async def simulated_kiosks(
    *, demo_file: Path, data: Path, traffic_per_minute: int, terminal: UUID, log_fd: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Kiosks that punch `traffic_per_minute` times a minute in all; with 0 they connect, sync and report.

    The device `terminal` is left to the kiosk on a person's terminal, as spare ones are left to tests.
    """
    arguments = ["--demo", str(demo_file), "--data", str(data)]
    arguments += ["--traffic", str(traffic_per_minute), "--except", str(terminal)]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kiosk.simulation", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log_fd,  # our own standard output belongs to the ready line
        stderr=log_fd,
        start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends everything in order
        preexec_fn=end_with_parent(signal.SIGTERM),
    )
    async with _ended(child):
        yield child


@asynccontextmanager
async def kiosk_on_this_terminal(
    *, url: str, demo_file: Path, data: Path, device_id: UUID
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real kiosk, on the terminal that we were started from; it has Ctrl-C for its own."""
    arguments = ("--hub", url, "--data", str(data), "--demo", str(demo_file), "--device", str(device_id))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kiosk", *arguments),
        preexec_fn=end_with_parent(signal.SIGTERM),
    )
    async with _ended(child):
        yield child


@asynccontextmanager
async def _ended(child: asyncio.subprocess.Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if child.returncode is None:
            child.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), _STOP_SECONDS)
        if child.returncode is None:
            child.kill()
            await child.wait()
