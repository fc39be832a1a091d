"""A history that survives whatever kills its writer: one JSON object a line, on the disk before `write` returns."""

import json
import os
import time
from pathlib import Path
from typing import Any


class History:
    """Appends to one file. A line that a killed writer left unfinished is closed, so that the next one stands alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def write(self, *lines: dict[str, Any]) -> None:
        """All of them with one fsync. `at`: the machine's monotonic clock in seconds, however wrong its wall clock."""
        if not lines:
            return
        at = round(time.clock_gettime(time.CLOCK_BOOTTIME), 4)
        text = "".join(json.dumps({"at": at, **line}, separators=(",", ":")) + "\n" for line in lines)
        raw = memoryview(text.encode())
        while raw:
            raw = raw[os.write(self._fd, raw) :]
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)
