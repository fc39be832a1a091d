"""Commands a second, with a burst: what one may send, and how long one has to wait."""

from hypothesis import given
from hypothesis import strategies as st

from server.hub.flood import BURST_SECONDS, MAX_LIMITED, Pace, TokenBucket


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(20, clock=clock)
    assert [bucket.take() for _ in range(41)] == [0] * 40 + [50]
    clock.now += 0.03
    assert bucket.take() in (20, 21)
    clock.now += 0.021
    assert bucket.take() == 0
    assert bucket.take() > 0


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(20, clock=clock)
    clock.now += 3_600
    assert [bucket.take() for _ in range(50)].count(0) == 40


@given(pauses=st.lists(st.floats(0, 0.5), max_size=80))
def test_nobody_gets_more_than_the_rate_and_one_burst(pauses: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(20, clock=clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        wait_ms = bucket.take()
        taken += wait_ms == 0
        assert 0 <= wait_ms <= 51
    assert taken <= 20 * (BURST_SECONDS + sum(pauses)) + 1e-6


def test_who_waits_as_told_is_served() -> None:
    clock = Clock()
    bucket = TokenBucket(7, clock=clock)
    while (wait_ms := bucket.take()) == 0:
        pass
    clock.now += wait_ms / 1_000
    assert bucket.take() == 0


def test_looking_takes_nothing() -> None:
    bucket = TokenBucket(1, clock=(clock := Clock()))
    assert [bucket.is_empty() for _ in range(9)] == [False] * 9
    assert [bucket.take() for _ in range(2)] == [0, 0]
    assert bucket.is_empty()
    clock.now += 1
    assert not bucket.is_empty()


def test_patience_ends_and_comes_back_slowly() -> None:
    pace = Pace(commands_per_second=1, control_frames_per_second=1)
    assert [pace.has_patience() for _ in range(MAX_LIMITED)] == [True] * MAX_LIMITED
    assert not pace.has_patience()


def test_control_frames_have_a_pace_of_their_own() -> None:
    pace = Pace(commands_per_second=1, control_frames_per_second=3)
    assert [pace.allows_control() for _ in range(7)] == [True] * 6 + [False]
    assert pace.command() == 0
