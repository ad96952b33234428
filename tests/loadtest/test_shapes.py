"""Levels over time, and the search for the knee."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.loadtest.plan import Constant, Pace, Ramp, Spike, Steps
from vlclip.loadtest.shapes import Search, due, level_at, users_for

SHAPES = [
    Constant(kind="constant", level=7, seconds=30),
    Ramp(kind="ramp", start=2, end=12, seconds=30),
    Spike(kind="spike", level=3, peak=40, at_s=10, peak_s=5, seconds=30),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
@given(at=st.floats(0, 60))
def test_a_shape_ends_when_its_seconds_are_over(shape, at):
    assert (level_at(shape, at) is None) == (at >= 30)


def test_levels_are_what_the_plan_says():
    constant, ramp, spike = SHAPES
    assert level_at(constant, 29.9) == 7
    assert [level_at(ramp, at) for at in (0, 15)] == [2, 7]
    assert [level_at(spike, at) for at in (9.9, 10, 14.9, 15)] == [3, 40, 40, 3]


def test_users_make_the_level():
    assert users_for(7.4, Pace()) == 7
    assert users_for(50, Pace(kind="open", per_user=0.5)) == 100
    assert users_for(0.1, Pace(kind="open", per_user=1)) == 1


def test_what_was_due_is_what_the_users_there_were_ask_for_and_no_more_than_the_level():
    moments = [(0, 10, 0), (1, 10, 20), (3, 4, 20), (5, None, 8)]  # users come a second late and leave late
    levels = [{"at": at, "level": level, "users": users} for at, level, users in moments]
    pace = Pace(kind="open", per_user=0.5)
    assert due(levels, pace, 0, 5) == 0 + 2 * 10 + 2 * 4
    assert due(levels, pace, 2, 4) == 10 + 4
    assert due(levels[:1], pace, 0, 5) == 0


def searched(steps, true_knee):
    search, tried = Search.begin(steps), []
    while search.level is not None:
        tried.append(search.level)
        search = search.after(has_held=search.level <= true_knee)
    return search, tried


def test_steps_go_up_until_one_fails_then_halve_the_gap():
    # 10, 20, 40 hold, 80 does not; then sqrt(40·80) = 56.6 does not, sqrt(40·56.6) = 47.6 holds
    steps = Steps(kind="steps", start=10, factor=2, seconds=1, bisect=2)
    search, tried = searched(steps, 50)
    assert tried == pytest.approx([10, 20, 40, 80, 56.57, 47.57], abs=0.01)
    assert (search.good, search.bad) == pytest.approx((47.57, 56.57), abs=0.01)


def test_nothing_that_holds_has_no_knee_and_nothing_that_fails_ends_at_the_most():
    steps = Steps(kind="steps", start=10, factor=2, seconds=1, bisect=3, most=35)
    assert searched(steps, 5)[1] == [10]
    assert searched(steps, 1e9)[1] == [10, 20, 35]


def test_a_level_is_tried_again_before_it_counts_as_not_held():
    steps = Steps(kind="steps", start=10, factor=2, seconds=1, tries=2)
    first = Search.begin(steps).after(has_held=False)
    assert (first.level, first.good) == (10, 0)
    assert first.after(has_held=True).level == 20  # it was chance
    assert first.after(has_held=False).level is None
    assert searched(steps, 15)[1] == [10, 20, 20]


@given(
    true_knee=st.floats(10, 500), factor=st.floats(1.1, 4), bisect=st.integers(0, 6), start=st.floats(1, 10)
)
def test_the_knee_is_between_the_best_that_held_and_the_least_that_did_not(true_knee, factor, bisect, start):
    steps = Steps(kind="steps", start=start, factor=factor, seconds=1, bisect=bisect, most=1e6)
    search, _ = searched(steps, true_knee)
    assert search.good <= true_knee < search.bad
    gap = math.log(search.bad / search.good)
    assert gap == pytest.approx(math.log(factor) / 2**bisect, rel=1e-6)
