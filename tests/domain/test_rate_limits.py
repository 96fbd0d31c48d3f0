"""The rule that says how many requests there may be: against a plain count of what was allowed when."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.rate_limits import Buckets, LimitKind, RateLimit

LIMIT = RateLimit(LimitKind.WRITES, quota=10, seconds=60.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_whole_quota_at_once_and_then_as_time_goes_by() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    assert [buckets.take(LIMIT, "ada").left for _ in range(10)] == list(range(9, -1, -1))
    refused = buckets.take(LIMIT, "ada")
    assert (refused.is_allowed, refused.left, refused.wait, refused.full_in) == (False, 0, 6.0, 60.0)
    clock.now += 5.9
    assert not buckets.take(LIMIT, "ada").is_allowed
    clock.now += 0.1
    assert buckets.look(LIMIT, "ada").is_allowed
    assert buckets.take(LIMIT, "ada").is_allowed
    assert not buckets.look(LIMIT, "ada").is_allowed
    assert not buckets.take(LIMIT, "ada").is_allowed
    clock.now += 60
    assert buckets.take(LIMIT, "ada").left == 9


def test_callers_and_limits_are_apart() -> None:
    buckets = Buckets(Clock())
    other = RateLimit(LimitKind.GIT, quota=1, seconds=1.0)
    assert buckets.take(other, "ada").is_allowed
    assert not buckets.take(other, "ada").is_allowed
    assert buckets.take(other, "hana").is_allowed
    assert buckets.take(LIMIT, "ada").is_allowed


def test_what_others_know_counts_where_it_is_more() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    buckets.take(LIMIT, "ada")
    buckets.raise_to(LIMIT, "ada", 54.0)
    assert buckets.take(LIMIT, "ada").left == 0
    buckets.raise_to(LIMIT, "ada", 6.0)
    assert not buckets.take(LIMIT, "ada").is_allowed


def test_callers_are_forgotten_when_there_are_too_many() -> None:
    clock = Clock()
    buckets = Buckets(clock, most=100)
    for number in range(1000):
        buckets.take(LIMIT, f"early-{number}")
    assert len(buckets) <= 100
    for _ in range(10):
        buckets.take(LIMIT, "ada")
    clock.now += 30
    for number in range(99):
        buckets.take(LIMIT, f"late-{number}")
    assert len(buckets) <= 100
    assert buckets.look(LIMIT, "ada").left == 5, "who came last is known still"


@given(
    quota=st.integers(1, 20),
    seconds=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 5), max_size=80),
)
def test_in_no_window_are_there_more_than_twice_the_quota_nor_over_all_more_than_the_rate(
    quota: int, seconds: int, pauses: list[float]
) -> None:
    clock, limit = Clock(), RateLimit(LimitKind.READS, quota, float(seconds))
    buckets = Buckets(clock)
    began, allowed = clock.now, 0
    for pause in pauses:
        clock.now += pause
        found = buckets.take(limit, "ada")
        allowed += found.is_allowed
        assert allowed <= quota + math.floor((clock.now - began) / limit.interval + 1e-6)
        assert found.is_allowed or found.wait > 0
        assert 0 <= found.left < quota
        if not found.is_allowed:
            clock.now += found.wait + 1e-6
            assert buckets.look(limit, "ada").is_allowed, "what was said of waiting is true"


@pytest.mark.parametrize("quota", [3, 7, 49, 1000])
def test_sums_of_intervals_do_not_cost_a_request(quota: int) -> None:
    buckets, limit = Buckets(Clock()), RateLimit(LimitKind.READS, quota, 1.0)
    assert [buckets.take(limit, "ada").is_allowed for _ in range(quota + 1)] == [True] * quota + [False]
