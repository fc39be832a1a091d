"""How fast the system is, beside what people would pick instead: one run, interleaved, medians and ratios.

    make bench                                        # everything; writes the README's table and chart
    make bench ARGS='--parts fan-out,idle --rounds 1' # some of it; prints the table, leaves the README alone
    make bench ARGS='--table'                         # table and chart again from the last whole run

It brings its own PostgreSQL and Valkey (fsync on), and needs nothing but the bench extra's packages. Parts:

    punches   durable punches a second through 50 and 500 kiosks, beside the ceiling (the same checks, openings and
              group commits without hub and socket) and the naive design (FastAPI, one INSERT a message, no crypto)
    fan-out   CPU a delivery and deliveries a second to 100, 1,000 and 5,000 boards, frame by frame, and 2,000 changes a
              second coalesced, beside picows, websockets.broadcast and python-socketio
    latency   punch to board at half load through one hub and two; punches a second through two
    under-attack  kiosks' wait for their answers amid half-open handshakes, endless headers and a flooding socket
    idle      memory of an idle board; what 5,000 of them cost at rest
    record    ten million punches against an empty record (BENCH_RECORD_PUNCHES=1000000 for fewer)

Trust ratios and CPU time; a machine that others use too moves everything else. Within a round all contestants take
turns, and a ratio is the median of the rounds' own ratios. `--profile FOLDER` has py-spy write where the hub's time
went while it was measured, one file for each measurement; a sampled hub is slower, so take no figures from that run.
Punches and fan-out have a sampled turn of their own behind the measured ones, in every run: whose code the hub's CPU
went to, `.bench/profile.md`. Raw figures: `.bench/figures.json` of a whole run, `.bench/partial.json` of some parts.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from tests.benchmarks import machine, processes, shares
from tests.benchmarks.arena import Arena, arena
from tests.benchmarks.chart import DARK, LIGHT, svg
from tests.benchmarks.figures import Result
from tests.benchmarks.parts import fan_out, idle, latency, punches, record, under_attack
from tests.benchmarks.reasons import REASONS
from tests.benchmarks.report import CHART, into, section

Part = Callable[[Arena, int, Callable[[str], None]], Awaitable[Result]]
PARTS: Final[dict[str, Part]] = {
    part.PART: part.measure for part in (punches, fan_out, latency, under_attack, idle, record)
}
ROOT: Final = Path(__file__).parents[2]
FIGURES: Final = ROOT / ".bench" / "figures.json"
PROFILE: Final = ROOT / ".bench" / "profile.md"
PARTIAL: Final = ROOT / ".bench" / "partial.json"


class Run(msgspec.Struct, kw_only=True):
    """A run, as it is kept."""

    at: str
    rounds: int
    seconds: float
    machine: dict[str, str]
    results: list[Result]
    failed: list[str]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="", help=f"of {', '.join(PARTS)} (default: all, and the README)")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison (default: 3)")
    parser.add_argument(
        "--table", action="store_true", help="measure nothing: write the README from the last whole run"
    )
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="where py-spy writes the hub's profiles")
    options = parser.parse_args(arguments)
    options.chosen = options.parts.split(",") if options.parts else list(PARTS)
    if unknown := set(options.chosen) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


async def measure(chosen: Sequence[str], rounds: int, folder: Path) -> Run:
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:5.0f} s] {text}\n")
        sys.stderr.flush()

    def tell(name: str, text: str) -> None:
        say(f"{name}: {text}")

    say("starting PostgreSQL and Valkey, making the company")
    results: list[Result] = []
    failed: list[str] = []
    async with arena(folder) as place:
        for name in chosen:
            say(f"part {name}")
            try:
                results.append(await PARTS[name](place, rounds, partial(tell, name)))
            except Exception:  # noqa: BLE001 - the parts that others wait for are measured all the same
                say(f"part {name} failed:\n{traceback.format_exc()}")
                failed.append(name)
    return Run(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        rounds=rounds,
        seconds=time.monotonic() - began,
        machine=machine.describe(),
        results=results,
        failed=failed,
    )


def written(run: Run) -> str:
    """The README's section."""
    rows = [row for result in run.results for row in result.rows]
    bars = [bar for result in run.results for bar in result.bars]
    when = f"Medians of {run.rounds} rounds in one run of {run.seconds / 60:.0f} minutes, {run.at}"
    alt = "; ".join(f"{bar.name} {bar.label}" for bar in bars)
    return section(rows, run.machine, when=when, alt=alt, reasons=REASONS)


def publish(run: Run) -> None:
    readme = ROOT / "README.md"
    readme.write_text(into(readme.read_text(encoding="utf-8"), written(run)), encoding="utf-8")
    bars = [bar for result in run.results for bar in result.bars]
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        (ROOT / CHART.format(theme=name)).write_text(svg(bars, theme), encoding="utf-8")


def main() -> int:
    options = parse(sys.argv[1:])
    if options.table:
        publish(msgspec.json.decode(FIGURES.read_bytes(), type=Run))
        return 0
    processes.profiles = options.profile
    folder = Path(tempfile.mkdtemp(prefix="attendance-bench-"))
    folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
    try:
        run = uvloop.run(measure(options.chosen, options.rounds, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    whole = options.chosen == list(PARTS) and not run.failed
    target = FIGURES if whole else PARTIAL
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    if profiles := {what: of for result in run.results for what, of in result.shares.items()}:
        PROFILE.write_text(shares.table(profiles), encoding="utf-8")
    sys.stdout.write(written(run) + "\n")
    if whole:
        publish(run)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
