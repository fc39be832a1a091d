"""When kiosks come back: full jitter, whatever ended their links, so that no hub is stormed (section 3)."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.link.backoff import Backoff
from kiosk.settings import Settings

CODES = st.one_of(st.none(), st.integers(1000, 1015), st.integers(3000, 3499), st.integers(4000, 4999))
LINKS = st.lists(st.tuples(CODES, st.floats(0, 1_000), st.floats(0, 1, exclude_max=True)), max_size=40)


@given(links=LINKS, base=st.floats(0.01, 30), cap=st.floats(0.01, 300), stable=st.floats(0, 100))
def test_a_wait_is_a_share_of_a_bound_that_doubles(
    links: list[tuple[int | None, float, float]], base: float, cap: float, stable: float
) -> None:
    """From the first on, again from the first after a link that lasted, and never beyond the cap."""
    shares = iter([share for _, _, share in links])
    of_kiosk = Settings(backoff_base_seconds=base, backoff_cap_seconds=cap, stable_link_seconds=stable)
    backoff = Backoff(of_kiosk, lambda: next(shares))
    attempt = 0
    for code, lasted, share in links:
        attempt = 0 if lasted >= stable else attempt
        waited = backoff.next_delay_seconds(close_code=code, lasted_seconds=lasted)
        assert waited == share * min(cap, base * 2.0 ** min(attempt, 16))
        attempt += 1


@given(code=st.integers(3500, 3999), lasted=st.floats(0, 1_000))
def test_who_is_not_wanted_comes_back_after_minutes_alone(code: int, lasted: float) -> None:
    backoff = Backoff(Settings(), lambda: 0.0)
    assert backoff.next_delay_seconds(close_code=code, lasted_seconds=lasted) == Settings().refused_retry_seconds


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_thousands_that_lose_their_hub_at_once_are_spread_evenly(seed: int) -> None:
    """Over the whole bound of each attempt: of twenty equal spans each gets its share of five thousand kiosks."""
    chance, of_kiosk = Random(seed), Settings()
    kiosks = [Backoff(of_kiosk, chance.random) for _ in range(5_000)]
    for bound in (1.0, 2.0, 4.0):
        spans = [0] * 20
        for kiosk in kiosks:
            spans[int(kiosk.next_delay_seconds(close_code=3001, lasted_seconds=0) / bound * 20)] += 1
        assert max(spans) < 250 * 1.5
        assert min(spans) > 250 * 0.5
