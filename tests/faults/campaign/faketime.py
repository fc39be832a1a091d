"""Finds libfaketime, by which a kiosk's wall clock is made to jump, and installs it where that can be done.

As a program it prints the library's path; where there is none to be had it says so in one line and fails.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "ATTENDANCE_LIBFAKETIME"
PATTERNS: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
DEBIAN_PACKAGE: Final = "libfaketime"
ADVICE: Final = f"no libfaketime, so no clock steps: apt-get install {DEBIAN_PACKAGE}, or set {VARIABLE} to the library"
INSTALL_SECONDS: Final = 300


def find_faketime() -> Path | None:
    """The library, named by `ATTENDANCE_LIBFAKETIME` or where Debian puts it."""
    if named := os.environ.get(VARIABLE):
        return Path(named) if Path(named).is_file() else None
    return next((path for pattern in PATTERNS for path in sorted(Path("/").glob(pattern.lstrip("/")))), None)


def find_or_install_faketime() -> Path | None:
    if (found := find_faketime()) or shutil.which("apt-get") is None:
        return found
    prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive", "DEBIAN_FRONTEND=noninteractive"]
    print(f"faketime: missing; trying apt-get install {DEBIAN_PACKAGE}", file=sys.stderr, flush=True)
    for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", DEBIAN_PACKAGE]):
        try:
            subprocess.run(
                [*prefix, "apt-get", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=INSTALL_SECONDS,
                check=True,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
        except (OSError, subprocess.SubprocessError):
            return None
    return find_faketime()


if __name__ == "__main__":
    if (library := find_or_install_faketime()) is None:
        sys.exit(ADVICE)
    print(library)
