"""How fast the system is, beside what people would pick instead: one run, interleaved, medians and ratios.

    make bench                                        # everything; writes the README's table and chart
    make bench ARGS='--parts fan-out,idle --rounds 1' # some of it; prints the table, leaves the README alone
    .venv/bin/python -m tests.benchmarks --parts punches --rounds 2 --profile /tmp/profiles

It brings its own PostgreSQL and Valkey (fsync on), and needs nothing but the bench extra's packages. Parts:

    punches   durable punches a second through 50 and 500 kiosks, beside the ceiling (the same checks, openings and
              group commits without hub and socket) and the naive design (FastAPI, one INSERT a message, no crypto)
    fan-out   CPU a delivery and deliveries a second to 100, 1,000 and 5,000 boards, frame by frame, and 2,000 changes a
              second coalesced, beside picows, websockets.broadcast and python-socketio
    idle      memory of an idle board; what 5,000 of them cost at rest

Trust ratios and CPU time; a machine that others use too moves everything else. Within a round all contestants take
turns, and a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from tests.benchmarks.arena import Arena, arena
from tests.benchmarks.figures import Result
from tests.benchmarks.parts import fan_out, idle, punches

Part = Callable[[Arena, int, Callable[[str], None]], Awaitable[Result]]
PARTS: Final[dict[str, Part]] = {part.PART: part.measure for part in (punches, fan_out, idle)}


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison (default: 3)")
    options = parser.parse_args(arguments)
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


async def run(options: argparse.Namespace, folder: Path) -> list[Result]:
    began = time.monotonic()
    results = []

    def say(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:5.0f} s] {text}\n")
        sys.stderr.flush()

    def tell(name: str, text: str) -> None:
        say(f"{name}: {text}")

    say("starting PostgreSQL and Valkey, making the company")
    async with arena(folder) as parts:
        for name in options.parts:
            say(f"part {name}")
            results.append(await PARTS[name](parts, options.rounds, partial(tell, name)))
    return results


def main() -> int:
    options = parse(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="attendance-bench-"))
    folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
    try:
        results = uvloop.run(run(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for result in results:
        for row in result.rows:
            verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
            print(" | ".join((row.what, row.measured, row.beside, row.asked, verdict, row.limit)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
