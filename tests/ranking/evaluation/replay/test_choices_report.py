"""A log of single choices, judged for other policies."""

from __future__ import annotations

import numpy as np
import pytest

from vlclip.ranking.evaluation.replay.choices_report import choice_report
from vlclip.ranking.evaluation.replay.open_bandit import BanditLog, EstimatedPolicy, uniform

COUNT, N = 4, 3000
CLICKS = np.array([0.05, 0.1, 0.2, 0.4])
DAY = 86_400.0


def a_log(probabilities, seed):
    rng = np.random.default_rng(seed)
    item = rng.choice(COUNT, N, p=probabilities)
    return BanditLog(
        ids=tuple(map(str, range(COUNT))), item=item, position=rng.integers(0, 3, N),
        click=(rng.random(N) < CLICKS[item]).astype(float), propensity=np.asarray(probabilities)[item],
        time=np.sort(rng.random(N)) * 3 * DAY, affinity=np.zeros((N, COUNT), dtype=np.float32),
        items=np.arange(COUNT, dtype=float)[:, None], names=("item_feature_0",),
    )  # fmt: skip


UNIFORM = a_log([0.25] * 4, 1)
LEANING = a_log([0.1, 0.2, 0.3, 0.4], 2)


def mostly_the_last(log):
    chances = np.full(log.affinity.shape, 0.1)
    chances[:, -1] = 0.7
    return chances


def test_the_policy_that_made_the_log_earned_what_it_earned():
    report = choice_report(UNIFORM, {"uniform": uniform}, source="log", now=4 * DAY)
    (arm,) = report.arms
    # CLICKS in the mean: 0.1875
    assert report.observed.value == UNIFORM.click.mean() == pytest.approx(0.1875, abs=0.02)
    assert next(e.value for e in arm.estimates if e.estimator == "ips") == pytest.approx(UNIFORM.click.mean())
    assert arm.verdict.level == "ok"
    assert report.clicks == UNIFORM.click.sum()
    assert [place for place, _, _ in report.rate_by_position] == [1, 2, 3]
    assert sum(count for _, count, _ in report.rate_by_position) == N
    assert {each.by for each in arm.slices} == {"day", "place"}


def test_another_policy_is_worth_what_it_earns_and_wins():
    # 0.1 · (0.05 + 0.1 + 0.2) + 0.7 · 0.4 = 0.315
    report = choice_report(UNIFORM, {"last": mostly_the_last}, source="log", now=4 * DAY)
    (arm,) = report.arms
    for name in ("ips", "snips", "dr", "sndr"):
        each = next(e for e in arm.estimates if e.estimator == name)
        assert each.low < 0.315 < each.high
    assert report.winner == "last"


def test_without_a_model_there_are_the_estimators_that_need_none():
    report = choice_report(UNIFORM, {"last": mostly_the_last}, source="log", now=4 * DAY, with_model=False)
    assert {each.estimator for each in report.arms[0].estimates} == {"replay", "ips", "clipped_ips", "snips"}


def test_a_policy_that_is_only_estimated_is_never_ok():
    report = choice_report(UNIFORM, {"leaning": EstimatedPolicy(LEANING)}, source="log", now=4 * DAY)
    (arm,) = report.arms
    # 0.1 · 0.05 + 0.2 · 0.1 + 0.3 · 0.2 + 0.4 · 0.4 = 0.245
    first = next(e for e in arm.estimates if e.estimator == arm.best)
    assert first.low < 0.245 < first.high
    assert arm.verdict.level == "careful"
    assert arm.verdict.findings[0].code == "estimated-target"


def test_times_to_come_are_found():
    report = choice_report(UNIFORM, {"uniform": uniform}, source="log", now=DAY)
    assert report.arms[0].verdict.level == "refused"
