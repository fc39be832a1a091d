"""`python -m kiosk.simulation`: the demo's simulated kiosks, until SIGTERM or Ctrl-C. Logs go to standard error."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from uuid import UUID

from kiosk.demo_file import DemoFileError, load_demo_file
from kiosk.identity import IdentityError
from kiosk.link.client import websocket_url
from kiosk.outbox_file import FolderInUse
from kiosk.settings import SettingsError, load_settings
from kiosk.simulation.company import SampleCompany


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 ended by a signal, 1 it can't start (one line on standard error says why), 2 usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    os.umask(0o077)
    try:
        demo = load_demo_file(options.demo)
        company = SampleCompany(
            demo,
            hub_url=options.hub or demo.url,
            folder=options.data,
            settings=load_settings(os.environ),
            left_out=frozenset(options.left_out),
            random=SystemRandom(),
        )
        asyncio.run(_run(company, options.traffic))
    except (DemoFileError, IdentityError, FolderInUse, SettingsError) as fault:
        sys.stderr.write(f"kiosk.simulation: {fault}\n")
        return 1
    return 0


async def _run(company: SampleCompany, punches_per_minute: float) -> None:
    ended = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(ending, ended.set)
    try:
        await company.start()
        working = asyncio.create_task(company.work(punches_per_minute))
        ending_task = asyncio.create_task(ended.wait())
        await asyncio.wait((working, ending_task), return_when=asyncio.FIRST_COMPLETED)
        for task in (working, ending_task):
            task.cancel()
        if working.done():
            working.result()
    finally:
        await company.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kiosk.simulation", description="The demo's simulated kiosks.")
    parser.add_argument("--demo", required=True, type=Path, metavar="DEMO.json")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="a folder for each kiosk is made in it")
    parser.add_argument("--hub", type=_hub, metavar="URL", help="another hub than the demo's own")
    parser.add_argument("--traffic", type=_rate, default=0.0, metavar="N", help="punches a minute in all (0: none)")
    parser.add_argument(
        "--except",
        dest="left_out",
        type=UUID,
        action="append",
        default=[],
        metavar="ID",
        help="a device that somebody else uses; may be repeated",
    )
    return parser


def _hub(text: str) -> str:
    websocket_url(text)
    return text


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 60_000:
        raise argparse.ArgumentTypeError("0 … 60000 punches a minute")
    return rate


if __name__ == "__main__":
    sys.exit(main())
