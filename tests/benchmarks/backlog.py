"""A kiosk that comes back with 100,000 punches, beside live ones of others: their latency, and what all this holds.

    python -m tests.benchmarks.backlog [--punches 100000] [--live 5]

A real outbox and the real link send to one hub, as fast as answers come. Raises AssertionError beyond the bounds that
are stated here, or unless each punch is recorded once and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from typing import Final

from tests.faults.backlog_run import backlog_beside_live
from tests.faults.own_place import OwnPlace

HUB_GROWTH_BYTES: Final = 60e6
"""What the hub may hold more than before, whatever the backlog."""
KIOSK_BYTES: Final = 80e6
LIVE_P50_MS: Final = 1_000.0


async def measure(options: argparse.Namespace) -> None:
    place = await OwnPlace.open(people=2_000, devices=options.live + 1, sites=2)
    try:
        hub = await place.start_hub()
        found = await backlog_beside_live(
            place, hub, place.folder / "kiosk", punches=options.punches, live_kiosks=options.live
        )
        print(found)
        assert found.hub_peak_bytes - found.hub_before_bytes < HUB_GROWTH_BYTES
        assert found.kiosk_peak_bytes < KIOSK_BYTES
        assert statistics.median(found.live_ms) < LIVE_P50_MS
    finally:
        await place.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--punches", type=int, default=100_000)
    parser.add_argument("--live", type=int, default=5, help="other kiosks, ten punches a second each (default: 5)")
    asyncio.run(measure(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
