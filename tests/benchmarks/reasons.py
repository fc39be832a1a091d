"""Why a figure falls short of what was asked, by the row's `what`: found by profile, shown only while it does."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {}
