"""When a client comes back, by the close code."""

from __future__ import annotations

import pytest

from kiosk.link.backoff import Backoff
from kiosk.settings import Settings

SETTINGS = Settings(backoff_base_seconds=1.0, backoff_cap_seconds=30.0, stable_link_seconds=10.0)


@pytest.mark.parametrize("code", [None, 1006, 1007, 1009, 3001, 3005, 3008, 3010, 3012, 3013, 3499, 4000])
def test_the_bound_doubles_to_thirty_seconds_and_jitter_is_full(code: int | None) -> None:
    latest = Backoff(SETTINGS, lambda: 1.0)
    assert [latest.next_delay_seconds(close_code=code, lasted_seconds=0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    soonest = Backoff(SETTINGS, lambda: 0.0)
    assert [soonest.next_delay_seconds(close_code=code, lasted_seconds=0) for _ in range(7)] == [0] * 7


@pytest.mark.parametrize("code", [3500, 3501, 3502, 3999])
def test_a_refusal_is_tried_again_every_five_minutes(code: int) -> None:
    backoff = Backoff(SETTINGS, lambda: 0.5)
    assert [backoff.next_delay_seconds(close_code=code, lasted_seconds=0) for _ in range(3)] == [300] * 3


def test_a_link_that_lasted_begins_the_backoff_anew() -> None:
    backoff = Backoff(SETTINGS, lambda: 1.0)
    for _ in range(5):
        backoff.next_delay_seconds(close_code=None, lasted_seconds=0)
    assert backoff.next_delay_seconds(close_code=3001, lasted_seconds=11) == 1


def test_years_without_a_hub_overflow_nothing() -> None:
    backoff = Backoff(SETTINGS, lambda: 1.0)
    delays = [backoff.next_delay_seconds(close_code=None, lasted_seconds=0) for _ in range(5_000)]
    assert delays[-1] == 30
