"""Estimates of several arms on one log, compared with each other and with what was logged."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from vlclip.ranking.evaluation.off_policy.evidence import Evidence
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.verdict import Finding
from vlclip.ranking.evaluation.replay.judging import LEAST, ArmCase, RewardRows, judge_arms
from vlclip.ranking.evaluation.replay.lists_report import UNKNOWN
from vlclip.ranking.evaluation.replay.report import ReplayReport

N = 4000
RNG = np.random.default_rng(5)
FIRST = RNG.random(N) < 0.5
"""Of two choices the first was taken half of the time."""
REWARD = (RNG.random(N) < np.where(FIRST, 0.6, 0.2)).astype(float)
BLANK = ReplayReport(
    source="log", reward="clicks", per="choice", lists=N, units=N, clicks=int(REWARD.sum()), since=0.0,
    until=1.0, logged_by={}, observed=UNKNOWN, left_out={}, findings=(), arms=(), winner=None,
    rate_by_position=(),
)  # fmt: skip


def candidate(name, share, findings=()):
    """An arm that takes the first choice so often."""
    log = Choices(
        reward=REWARD, propensity=np.full(N, 0.5), target=np.where(FIRST, share, 1 - share),
        unit=np.arange(N),
    )  # fmt: skip
    return ArmCase(arm=name, terms=compute_terms(log), evidence=Evidence.of_choices(log), findings=findings)


def report(*candidates, **labels):
    rows = RewardRows(
        reward=REWARD, unit=np.arange(N), labels={by: np.asarray(names) for by, names in labels.items()}
    )
    return judge_arms(BLANK, rows, candidates)


def test_the_logged_ranking_gains_nothing_over_itself():
    judged = report(candidate("same", 0.5))
    for uplift in judged.arms[0].uplift.values():
        if not isnan(uplift.value):
            assert (uplift.value, uplift.low, uplift.high) == pytest.approx((0, 0, 0), abs=1e-12)
    assert judged.winner is None
    assert judged.observed.low < REWARD.mean() < judged.observed.high


def test_the_arm_that_is_better_than_all_others_wins():
    # the first choice earns 0.6, the second 0.2: shares of 0.9, 0.7 and 0.1 are worth 0.56, 0.48 and 0.24
    judged = report(candidate("worse", 0.1), candidate("best", 0.9), candidate("better", 0.7))
    assert judged.winner == "best"
    values = [next(e.value for e in arm.estimates if e.estimator == arm.best) for arm in judged.arms]
    assert values == pytest.approx([0.24, 0.56, 0.48], abs=0.04)
    worse, best, better = judged.arms
    assert worse.difference is None
    assert better.difference.low > 0.15
    assert best.difference.value > better.difference.value
    assert {arm.best for arm in judged.arms} == {best.best}


def test_two_that_are_as_good_have_no_winner():
    judged = report(candidate("one", 0.9), candidate("other", 0.9))
    assert judged.winner is None
    assert judged.arms[1].difference.value == 0


def test_an_arm_that_is_refused_does_not_win_nor_stand_in_the_way():
    refused = Finding("clocks", "refused", "The clocks run backwards.")
    judged = report(candidate("refused", 0.95, [refused]), candidate("good", 0.8))
    assert judged.winner == "good"
    assert judged.arms[0].verdict.level == "refused"
    assert refused in judged.arms[0].verdict.findings
    assert report(candidate("refused", 0.95, [refused])).winner is None


def test_slices_have_all_rows_between_them_but_those_too_few_to_say_anything():
    day = np.where(np.arange(N) < N // 2, "2026-03-01", "2026-03-02").astype("U10")
    day[: LEAST - 1] = "2026-02-28"
    judged = report(candidate("good", 0.9), day=day, kind=np.full(N, "similar"))
    slices = judged.arms[0].slices
    assert [(part.by, part.name, part.lists) for part in slices] == [
        ("day", "2026-03-01", N // 2 - LEAST + 1), ("day", "2026-03-02", N // 2),
    ]  # fmt: skip
    rows = np.flatnonzero(day == "2026-03-02")
    assert slices[1].observed.value == pytest.approx(REWARD[rows].mean())
    assert slices[1].uplift.low < slices[1].uplift.value < slices[1].uplift.high


def test_a_slice_with_few_rewards_has_no_interval():
    order = np.argsort(REWARD, kind="stable")
    of = np.full(N, "rest", dtype="U4")
    of[order[: 2 * LEAST]] = "none"
    slices = report(candidate("good", 0.9), of=of).arms[0].slices
    few = next(part for part in slices if part.name == "none")
    assert few.observed.value == 0
    assert isnan(few.uplift.low)
    assert isnan(few.observed.high)


def test_the_histogram_counts_every_weight():
    # weights are 0.9 / 0.5 and 0.1 / 0.5
    histogram = report(candidate("good", 0.9)).arms[0].weights
    assert sum(histogram.counts) == N
    assert histogram.counts[0] == 0
    assert histogram.edges[1] == pytest.approx(0.2)
    assert histogram.counts[1] == (~FIRST).sum()
    assert histogram.counts[-1] == FIRST.sum()
    never = report(candidate("never", 1.0)).arms[0].weights
    assert never.counts[0] == (~FIRST).sum()
    assert sum(never.counts) == N
