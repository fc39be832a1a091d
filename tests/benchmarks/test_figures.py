"""The arithmetic of the figures."""

import pytest

from tests.benchmarks.figures import between, count, limit, quantile, ratio, slope


def test_a_ratio_is_the_median_of_the_rounds_own_ratios_so_a_slow_round_for_both_moves_nothing() -> None:
    assert ratio([100, 10, 90], [50, 5, 45]) == 2
    assert ratio([10, 100, 30], [10, 25, 60]) == 1


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_a_ratio_of_unequal_rounds_or_of_none_is_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="rounds"):
        ratio(ours, theirs)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    hundred = list(map(float, range(100, 0, -1)))
    assert quantile(hundred, 0.5) == 51
    assert quantile(hundred, 0.99) == 100
    assert quantile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_a_slope_is_what_each_board_adds_whatever_stood_there_before() -> None:
    assert slope([(1_000, 80e6), (2_000, 100e6), (3_000, 120e6)]) == pytest.approx(20_000)
    with pytest.raises(ValueError, match="vary"):
        slope([(5, 1), (5, 2)])


def test_the_limit_is_whoever_fills_a_core_else_the_cores_together_else_the_disk() -> None:
    assert limit({"hub": 0.97, "client": 0.3}, busy_cores=1.5, cores=2) == "hub CPU"
    assert limit({"hub": 0.9, "client": 0.9}, busy_cores=2, cores=2) == "hub CPU and client CPU"
    assert limit({"hub": 0.6, "PostgreSQL": 0.6}, busy_cores=1.9, cores=2) == "all 2 cores, shared"
    assert limit({"hub": 0.3, "PostgreSQL": 0.2}, busy_cores=0.7, cores=2) == "waiting for commits (disk)"


@pytest.mark.parametrize(
    ("value", "told"), [(0.5, "0.5"), (14.62, "14.6"), (999.4, "999"), (2_134.0, "2,130"), (48_765.0, "48,800")]
)
def test_figures_have_three_digits_that_count(value: float, told: str) -> None:
    assert count(value) == told


def test_a_change_that_never_came_to_a_board_is_an_error_and_those_of_others_are_none_of_ours() -> None:
    sent = [("a", 1.0), ("b", 2.0)]
    waits = between(sent, [[("a", 1.010), ("b", 2.030), ("someone else's", 9.0)]])
    assert waits["samples"] == 2
    assert waits["p99_ms"] == pytest.approx(30)
    with pytest.raises(RuntimeError, match="1 of 2"):
        between(sent, [[("a", 1.010)]])
