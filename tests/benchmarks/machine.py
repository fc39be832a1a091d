"""What the kernel knows of processes and of the machine: CPU time, memory, who kept the cores busy."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

_CPU_CLOCK_OF_PROCESS: Final = 2  # CPUCLOCK_SCHED of the kernel's per-process clocks: nanoseconds, threads included
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PACKAGES: Final = ("aiohttp", "uvloop", "asyncpg", "redis", "picows", "websockets", "python-socketio", "fastapi")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all of its threads."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK_OF_PROCESS)


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise ProcessLookupError(pid)


def tree_cpu_seconds(pid: int) -> float:
    """A server's own time and that of its children, those that ended included."""
    fields = _stat(pid)
    own = sum(int(fields[place]) for place in (11, 12, 13, 14))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own / _TICKS + sum(cpu_seconds(int(child)) for child in children if Path(f"/proc/{child}").exists())


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def busy_seconds() -> float:
    """What all cores together worked so far, for anyone; waiting for disks is no work."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _waiting, hard, soft, stolen = fields[:8]
    return (user + nice + system + hard + soft + stolen) / _TICKS


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the measured server runs and where its load does; on one core both are everywhere."""

    server: frozenset[int]
    load: frozenset[int]

    @classmethod
    def here(cls) -> Cores:
        available = sorted(os.sched_getaffinity(0))
        if len(available) < 2:
            return cls(frozenset(available), frozenset(available))
        return cls(frozenset(available[:1]), frozenset(available[1:]))


def describe() -> dict[str, str]:
    """The machine and the versions, for the head of the table."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "cores": f"{len(os.sched_getaffinity(0))} × {model}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        **{name: version(name) for name in _PACKAGES},
    }
