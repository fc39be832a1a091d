"""The history of faults: what was tried, on whom, and the proof that it struck."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.campaign.history import History


def boot_seconds() -> float:
    """The machine's monotonic clock, which all histories go by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class NotRun(Exception):
    """This fault can't be injected here; the text says why."""


class FaultLog:
    """A fault without proof is not struck, whatever was tried."""

    def __init__(self, path: Path) -> None:
        self._history = History(path)
        self._history.write({"did": "begin", "wall_minus_boot": time.time() - boot_seconds()})
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.not_run: dict[str, str] = {}
        self.last_ended_at = 0.0

    def note(self, kind: str, target: str, begun: float, proof: Mapping[str, Any]) -> bool:
        """Whether it struck."""
        ended = boot_seconds()
        struck = bool(proof)
        (self.struck if struck else self.missed)[kind] += 1
        if struck:
            self.last_ended_at = ended
        self._history.write(
            {
                "did": "fault",
                "kind": kind,
                "target": target,
                "begun": round(begun, 4),
                "ended": round(ended, 4),
                "struck": struck,
                "proof": dict(proof),
            }
        )
        return struck

    def could_not(self, kind: str, reason: str) -> None:
        self.not_run[kind] = reason
        self._history.write({"did": "not_run", "kind": kind, "reason": reason})

    def close(self) -> None:
        self._history.close()
