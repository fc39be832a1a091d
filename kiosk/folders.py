"""Where a program keeps what it must find again."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(environment: Mapping[str, str], program: str) -> Path:
    """`$XDG_STATE_HOME/<program>`, else `~/.local/state/<program>` (XDG base directories)."""
    named = environment.get("XDG_STATE_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return base / program


def kiosk_folder(environment: Mapping[str, str]) -> Path:
    """A terminal's: the one that its service manager made for it (systemd's StateDirectory=), else its user's own."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given.startswith("/") else state_folder(environment, "attendance-kiosk")


def add_place(parser: argparse.ArgumentParser) -> None:
    """The options of everything that runs at a terminal: its hub, and its folder."""
    parser.add_argument("--hub", required=True, metavar="URL", help="the hub, e.g. https://hub.example")
    parser.add_argument(
        "--data",
        type=Path,
        default=kiosk_folder(os.environ),
        metavar="DIR",
        help="folder of this terminal alone ($STATE_DIRECTORY, else below $XDG_STATE_HOME or ~/.local/state)",
    )
