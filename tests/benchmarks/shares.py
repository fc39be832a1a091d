"""Whose code a server's CPU goes to: the stacks that py-spy took of it, as shares by part.

A stack belongs to the innermost frame that says whose it is; what the interpreter does for somebody is theirs.
Stacks that wait (for sockets, for work, for the interpreter's lock) take no CPU and don't count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KERNEL: Final = "the kernel's reads and writes"
INTERPRETER: Final = "else"
_WAITS: Final = re.compile(r"^(epoll_\w+|PyThread_acquire_lock\w*|take_gil|pthread_cond_\w+|sem_\w+) ")
_CALLS: Final = re.compile(r"^(read|readv|recv\w*|write|writev|send\w*|fsync|fdatasync) \(libc")
_OWNERS: Final = (
    ("crypto", re.compile(r"\((_sodium|nacl/|_rust|cryptography/|libcrypto|libsodium|_cffi_backend)")),
    ("asyncpg", re.compile(r"\((asyncpg/|protocol\.c|pgproto\.c|record\.c)")),
    ("Redis' client", re.compile(r"\((redis/|hiredis|reader?\.c:)")),
    ("aiohttp", re.compile(r"\((aiohttp/|reader_c|_http_\w+\.)")),
    ("own code", re.compile(r"\((server/|protocol/|storage/|msgspec/|tests/)")),
    (
        "the event loop",
        re.compile(r"\((uvloop/|asyncio/|_asynciomodule|loop[\w-]*\.c|linux\.c|core\.c|stream\.c|timer\.c)"),
    ),
)


def owner(stack: str) -> str | None:
    """Of one collapsed stack (frames from the outermost on, `;` between them); None where it waits."""
    frames = stack.split(";")[::-1]
    if any(_WAITS.match(frame) for frame in frames[:8]):
        return None
    if _CALLS.match(frames[0]):
        return KERNEL
    return next((name for frame in frames for name, sign in _OWNERS if sign.search(frame)), INTERPRETER)


def shares(profile: Path) -> dict[str, float]:
    """Of the CPU time, by owner, the largest first; empty where nothing could be sampled."""
    found: Counter[str] = Counter()
    for line in profile.read_text(encoding="utf-8").splitlines() if profile.exists() else ():
        stack, _, samples = line.rpartition(" ")
        if (whose := owner(stack)) is not None:
            found[whose] += int(samples)
    return {name: samples / found.total() for name, samples in found.most_common()}


def told(of: Mapping[str, float]) -> str:
    """`crypto 44 %, own code 30 %, …`, down to a hundredth; empty where nothing could be sampled."""
    return ", ".join(f"{name} {share:.0%}" for name, share in of.items() if share >= 0.01)


def noted(of: Mapping[str, float]) -> str:
    """As a footnote says it; empty where nothing could be sampled."""
    return f"Of the hub's CPU, sampled in a turn of its own: {told(of)}." if of else ""


def table(profiles: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown: one line a measurement."""
    names = list(dict.fromkeys(name for of in profiles.values() for name in of))
    lines = [f"| measured | {' | '.join(names)} |", "| --- |" + " ---: |" * len(names)]
    lines += [
        f"| {what} | {' | '.join(f'{of[name]:.1%}' if name in of else '' for name in names)} |"
        for what, of in profiles.items()
    ]
    return "\n".join(lines) + "\n"
