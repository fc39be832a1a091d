"""Processes of a benchmark: the hub, its peers, and the clients that load them. Each speaks lines of JSON or serves."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Self

import aiohttp

from storage.embedded import end_with_parent
from tests.benchmarks import machine

START_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 240.0
STOP_SECONDS: Final = 15.0
LINE_BYTES: Final = 1 << 24


profiles: Path | None = None
"""Where py-spy writes what the measured servers did, if anywhere; set once, before anything starts."""


class Child:
    """`python -m MODULE …`, ended with us. `name` is also that of its log."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, sink: IO[bytes]) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._sink = sink

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        *arguments: str,
        folder: Path,
        cores: frozenset[int] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """Start it on the cores given (all by default)."""
        log = folder / (re.sub(r"\W+", "-", name) + ".log")
        sink = log.open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
            limit=LINE_BYTES,
            env={**os.environ, **(environment or {})},
            preexec_fn=end_with_parent(signal.SIGKILL),
        )
        if cores:
            os.sched_setaffinity(process.pid, cores)
        return cls(name, process, log, sink)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.pid)

    @property
    def resident_bytes(self) -> int:
        return machine.resident_bytes(self.pid)

    async def tell(self, command: str, **arguments: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()

    async def answer(self) -> Any:  # noqa: ANN401 (each command has its own answer)
        """The next line; RuntimeError with the log's end where there is none."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise RuntimeError(f"{self.name} gave no answer:\n{self._log.read_text()[-3_000:]}")
        return json.loads(line)

    async def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 (likewise)
        await self.tell(command, **arguments)
        return await self.answer()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._sink.close()

    async def listens(self, port: int) -> None:
        """Until the port takes a connection."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
        raise RuntimeError(f"{self.name} does not listen:\n{self._log.read_text()[-3_000:]}")

    async def serves(self, url: str) -> None:
        """Until a GET on `url` is answered with 200."""
        deadline = time.monotonic() + START_SECONDS
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < deadline and self._process.returncode is None:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise RuntimeError(f"{self.name} does not serve:\n{self._log.read_text()[-3_000:]}")


@contextmanager
def profiled(child: Child, label: str) -> Iterator[None]:
    """Where a server's time goes meanwhile, as collapsed stacks, if profiles were asked for."""
    if profiles is None:
        yield
        return
    profiles.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", f"{child.name}-{label}-{time.time():.0f}") + ".txt"
    with sampled(child, profiles / name):
        yield


@contextmanager
def sampled(child: Child, target: Path) -> Iterator[None]:
    """What a server does meanwhile, as collapsed stacks; it is slower so. No file where the system lets nobody look."""
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--native", "--pid", str(child.pid)]
    command += ["--rate", "200", "--format", "raw", "--duration", "600", "--output", str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as sampler:
        assert sampler.stdout is not None
        any("Sampling" in line for line in sampler.stdout)  # until it looks, or has given up
        try:
            yield
        finally:
            sampler.send_signal(signal.SIGINT)
            sampler.communicate(timeout=60)


class Meter:
    """CPU time of some, and of the machine, from the beginning of its block to the end."""

    def __init__(self, **used: Callable[[], float]) -> None:
        self._used = used
        self._before: dict[str, float] = {}
        self._began = self._busy = 0.0

    def __enter__(self) -> Self:
        self._before = {name: used() for name, used in self._used.items()}
        self._busy, self._began = machine.busy_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self.cpu = {name: used() - self._before[name] for name, used in self._used.items()}
        self.busy_cores = (machine.busy_seconds() - self._busy) / self.seconds

    def share(self, name: str) -> float:
        """Of one core."""
        return self.cpu[name] / self.seconds
