"""Judge a campaign that is over: `python -m tests.faults.campaign.checker HISTORIES DSN`; exit code 1 if it is red."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

from tests.faults.campaign.checker.histories import read_histories, read_wall_minus_boot
from tests.faults.campaign.checker.judge import Wrong, judge
from tests.faults.campaign.checker.record import read_record

SHOWN = 20


def main() -> int:
    folder = Path(sys.argv[1])
    kiosks, boards = read_histories(folder)
    record = asyncio.run(read_record(sys.argv[2]))
    findings = judge(kiosks, boards, record, wall_minus_boot=read_wall_minus_boot(folder))
    counted = Counter(finding.wrong for finding in findings)
    for wrong in Wrong:
        print(f"{wrong}: {counted[wrong]}")
    for finding in findings[:SHOWN]:
        print(f"  {finding.wrong}: {finding.subject}: {finding.detail}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
