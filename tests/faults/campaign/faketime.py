"""Finds libfaketime, by which a kiosk's wall clock is made to jump, and installs it where that can be done."""

import os
import sys
from pathlib import Path
from typing import Final

from tests.debian import apt_get_install

VARIABLE: Final = "ATTENDANCE_LIBFAKETIME"
PATTERNS: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
DEBIAN_PACKAGE: Final = "libfaketime"
ADVICE: Final = f"no libfaketime, so no clock steps: apt-get install {DEBIAN_PACKAGE}, or set {VARIABLE} to the library"


def find_faketime() -> Path | None:
    """The library, named by `ATTENDANCE_LIBFAKETIME` or where Debian puts it."""
    if named := os.environ.get(VARIABLE):
        return Path(named) if Path(named).is_file() else None
    return next((path for pattern in PATTERNS for path in sorted(Path("/").glob(pattern.lstrip("/")))), None)


def find_or_install_faketime() -> Path | None:
    if found := find_faketime():
        return found
    print(f"faketime: missing; trying apt-get install {DEBIAN_PACKAGE}", file=sys.stderr, flush=True)
    apt_get_install(DEBIAN_PACKAGE)
    return find_faketime()
