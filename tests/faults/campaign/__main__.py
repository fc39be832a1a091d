"""Run a fault campaign: `python -m tests.faults.campaign [--plan full|short] [--seed N] [--report FOLDER]`.

It prints its seed first and its report last; the report also stands in `report.txt` and `report.json`, beside the
histories if it is red. The exit code is 0 only if nothing was wrong and every kind of fault that was planned struck.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.faults.campaign.campaign import Campaign
from tests.faults.campaign.faketime import ADVICE, find_or_install_faketime
from tests.faults.campaign.report import Report
from tests.faults.campaign.schedule import PLANS, Plan
from tests.faults.campaign.world import running_world


async def run(plan: Plan, seed: int, folder: Path, faketime: Path | None) -> Report:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with running_world(folder, random.Random(f"world {seed}"), plan=plan) as world:
        return await Campaign(world, plan, seed, folder / "histories", faketime).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", choices=sorted(PLANS), default="full")
    parser.add_argument("--seed", type=int, help="repeat the schedule of a run (default: by chance)")
    parser.add_argument("--report", type=Path, default=Path(".faults"), help="folder of the report (default: .faults)")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    if (faketime := find_or_install_faketime()) is None:
        print(ADVICE, flush=True)
    with tempfile.TemporaryDirectory(prefix="attendance-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                report = runner.run(run(PLANS[options.plan], seed, folder, faketime))
        except asyncio.CancelledError:
            print(f"ended before it was over (seed {seed})")
            return 1
        except Exception:
            keep(folder, options.report / f"histories-{seed}")
            raise
        report.write(options.report)
        print(report.text())
        if not report.faults():
            return 0
        keep(folder, options.report / f"histories-{seed}")
        return 1


def keep(folder: Path, target: Path) -> None:
    """The histories and logs of a campaign that went wrong."""
    shutil.copytree(folder / "histories", target, dirs_exist_ok=True)
    for log in (*folder.glob("*.log"), *folder.glob("clients/*.log")):
        shutil.copy(log, target)


if __name__ == "__main__":
    sys.exit(main())
