"""Installs what tests need from Debian's packages, where that goes without asking anybody."""

import os
import shutil
import subprocess
from typing import Final

INSTALL_SECONDS: Final = 600


def apt_get_install(*packages: str) -> bool:
    """Whether they are installed now: as root, or by a sudo that asks for no password."""
    if shutil.which("apt-get") is None:
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive", "DEBIAN_FRONTEND=noninteractive"]
    return run_quietly([*prefix, "apt-get", "update", "-qq"]) and run_quietly(
        [*prefix, "apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages]
    )


def run_quietly(command: list[str]) -> bool:
    """Whether it went well. What it prints is dropped: an attempt that fails isn't the end."""
    try:
        completed = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return completed.returncode == 0
