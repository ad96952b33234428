"""The laws of `ranking/history/clock.py`, with clocks that do what they like."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.history.clock import LEAP_S, LOOK_S, RetentionClock, followed, leap_warning
from vlclip.ranking.settings import DAY_S

NOW = 1_700_000_000.0
RETENTION_DAYS = 10.0
moves = st.lists(st.floats(-3000 * DAY_S, 3000 * DAY_S) | st.floats(-LEAP_S, LEAP_S), max_size=30)


class Memory:
    """Keeps the time in memory."""

    def __init__(self, trusted=None):
        self.trusted = trusted

    def load(self):
        return self.trusted

    def newest(self, before):
        return None

    def save(self, trusted):
        self.trusted = trusted


def retention(now, memory=None):
    return RetentionClock(RETENTION_DAYS, lambda: now[0], memory or Memory())


@given(
    st.lists(st.floats(0, LOOK_S) | st.floats(0, DAY_S) | st.sampled_from([1.0, LOOK_S, DAY_S]), max_size=30)
)
def test_steps_of_a_day_are_followed_however_far_they_lead(steps):
    now = [NOW]
    clock = retention(now)
    assert clock.oldest == NOW - RETENTION_DAYS * DAY_S
    for step in steps:
        now[0] += step
        assert now[0] - RETENTION_DAYS * DAY_S - clock.oldest <= LOOK_S
        assert clock.warning == ""


@given(moves)
def test_the_oldest_time_never_leaps_and_is_never_later_than_by_the_clock(moves):
    now, memory = [NOW], Memory()
    for move in moves:
        before, now[0] = memory.trusted, now[0] + move
        oldest = retention(now, memory).oldest
        assert oldest <= now[0] - RETENTION_DAYS * DAY_S
        if before is not None:
            assert oldest + RETENTION_DAYS * DAY_S <= before + LEAP_S


@given(st.floats(-3000 * DAY_S, 3000 * DAY_S))
def test_there_is_a_warning_just_where_the_clock_is_not_followed(leap):
    is_followed = followed(NOW, NOW + leap) == NOW + leap
    assert bool(leap_warning(followed(NOW, NOW + leap), NOW + leap)) == (not is_followed)


def test_a_leap_is_logged_once_and_so_is_its_end(caplog):
    now = [NOW]
    clock = retention(now)
    assert clock.oldest
    with caplog.at_level(logging.WARNING, "vlclip.history"):
        now[0] += 400 * DAY_S
        for _ in range(3):
            assert clock.oldest == NOW - RETENTION_DAYS * DAY_S
            now[0] += LOOK_S
        now[0] = NOW
        assert clock.warning == ""
    levels = [(record.levelname, "400.0 days after" in record.message) for record in caplog.records]
    assert levels == [("ERROR", True), ("WARNING", False)]


def test_another_process_confirms():
    now, memory = [NOW], Memory()
    here, there = retention(now, memory), retention(now, memory)
    assert here.oldest == there.oldest
    now[0] += 400 * DAY_S
    assert here.warning
    assert there.warning
    there.confirm()
    now[0] += LOOK_S
    assert here.warning == ""
    assert here.oldest == now[0] - RETENTION_DAYS * DAY_S


def test_without_a_retention_everything_is_kept_whatever_the_clock_shows():
    clock = RetentionClock(0, lambda: NOW, Memory(0.0))
    assert clock.oldest == float("-inf")
