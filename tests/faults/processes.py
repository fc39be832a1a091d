"""The processes of a running demo, to be frozen or killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running_hub import RunningDemo


def descendants(pid: int) -> dict[int, str]:
    """Process ids below `pid` with their command lines."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        parents[int(entry.name)], lines[int(entry.name)] = int(fields[1]), line
    found: dict[int, str] = {}
    for child, parent in parents.items():
        ancestor = parent
        while ancestor in parents and ancestor != pid:
            ancestor = parents[ancestor]
        if ancestor == pid:
            found[child] = lines[child]
    return found


def of_program(demo: RunningDemo, name: str) -> list[int]:
    """Raises AssertionError if the demo runs no such program."""
    running = descendants(demo.process.process.pid)
    found = [pid for pid, line in running.items() if name in line.partition(" ")[0]]
    assert found, f"no {name} among {running}"
    return found


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """They keep their sockets and say nothing, as behind a broken network."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
