"""Where a program keeps what it must find again."""

from __future__ import annotations

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
