"""Pace and breaker on a clock that is turned by hand."""

from __future__ import annotations

import pytest

from vlclip.engine.refinement.limits import BURST_S, Breaker, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("per_minute", [6, 60])
def test_in_no_minute_more_than_the_pace_and_its_burst(per_minute):
    clock = Clock()
    pace = Pace(per_minute, clock)
    times = []
    for _ in range(3 * per_minute):
        clock.now += pace.wait_s()
        times.append(clock.now)
    for start in times:
        within = sum(start <= at < start + 60 for at in times)
        assert within <= per_minute * (60 + BURST_S) / 60 + 1
    assert times[-1] - times[0] > 2 * 60


def test_a_great_use_goes_ahead_and_is_waited_for():
    clock = Clock()
    pace = Pace(600, clock)  # ten a second, fifty at once
    assert pace.wait_s(200) == 0
    assert pace.wait_s(10) == pytest.approx(16)


def test_what_was_announced_too_high_is_given_back():
    clock = Clock()
    pace = Pace(600, clock)
    pace.wait_s(50)
    pace.settle(-30)
    assert pace.wait_s(30) == 0
    assert pace.wait_s(10) > 0


def test_no_pace_no_wait():
    pace = Pace(0)
    assert [pace.wait_s(10**9) for _ in range(3)] == [0, 0, 0]


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_through_each_rest():
    clock = Clock()
    breaker = Breaker(3, 30, clock)
    for answered in (False, False, True, False, False):
        assert breaker.lets_through()
        breaker.record(answered=answered)
    assert not breaker.open
    breaker.record(answered=False)
    assert breaker.open
    assert not breaker.lets_through()
    clock.now += 31
    assert [breaker.lets_through(), breaker.lets_through()] == [True, False]
    breaker.record(answered=True)
    assert breaker.lets_through()
