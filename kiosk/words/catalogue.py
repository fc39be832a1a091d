"""The catalogue's type: a language that lacks a word doesn't construct, and mypy says so first.

Nothing here bears markup. A word with a gap in braces is filled by the method or the widget that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from protocol.values import Kind, Reason


@dataclass(frozen=True)
class Why:
    """A refusal or a hold: one sentence why, and whom to ask or what to do."""

    why: str
    ask: str


@dataclass(frozen=True, kw_only=True)
class Words:
    weekdays: tuple[str, ...]
    """Monday first."""
    months: tuple[str, ...]
    date_pattern: str
    hours: str
    minutes: str
    today: str

    kinds: Mapping[Kind, str]
    scan: str
    or_number: str
    scan_for: str
    number: str
    pin: str
    enter_continues: str
    enter_finishes: str

    online: str
    connecting: str
    offline: str
    syncing: str
    not_enrolled: str
    pending: str
    revoked: str
    fault: str

    wait: str
    recorded: str
    already: str
    unexpected: str
    kept: str
    kept_lettering: str
    waiting_one: str
    waiting_many: str
    held: str
    refused: str
    badge: str
    badge_number: str
    reasons_held: Mapping[Reason, Why]
    held_otherwise: Why
    reasons_refused: Mapping[Reason, Why]
    refused_otherwise: Why
    set_aside: Why
    unreadable: Why
    not_kept: Mapping[str, Why]
    """By the code of an `OutboxFault`."""
    not_kept_otherwise: Why

    pair_how: str
    pair_enter: str
    pair_troubles: Mapping[str, Why]
    """By the word of a `PairingTrouble`."""
    pair_trouble_otherwise: Why
    pair_waiting: str
    pair_compare: str
    pair_no_hub: str
    pair_ready: str

    blocked_not_enrolled: Why
    blocked_pending: Why
    blocked_revoked: Why
    blocked_disk: Why
    fault_damaged: str
    fault_set_aside: str
    fault_hub_refuses: str
    clock_unknown: str
    offline_comfort: str

    help_key: str
    contrast_key: str
    help_title: str
    help_lines: tuple[tuple[str, str], ...]
    help_close: str
    pad_erase: str
    pad_enter: str
    pad_close: str
    too_small: str

    def long_date(self, day: date) -> str:
        weekday, month = self.weekdays[day.weekday()], self.months[day.month - 1]
        return self.date_pattern.format(weekday=weekday, day=day.day, month=month)

    def duration(self, minutes: int) -> str:
        """`3 h 20`, `3 h`, `20 min`."""
        hours, rest = divmod(max(minutes, 0), 60)
        if not hours:
            return self.minutes.format(minutes=rest)
        whole = self.hours.format(hours=hours)
        return f"{whole} {rest:02d}" if rest else whole

    def waiting(self, count: int) -> str:
        """How many punches are kept here."""
        return self.waiting_one if count == 1 else self.waiting_many.format(count=count)
