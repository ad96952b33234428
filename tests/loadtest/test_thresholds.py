"""The gate names what does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vlclip.loadtest.figures import Figures
from vlclip.loadtest.plan import Thresholds
from vlclip.loadtest.thresholds import lags, missed

GOOD = Figures(1000, 0, 0, 0.0, 50.0, p50_ms=20.0, p95_ms=80.0, p99_ms=120.0, recall_at_10=0.99)


def misses(limits, figures, run=None):
    thresholds = Thresholds.model_validate(limits)
    return [str(miss) for miss in missed(thresholds, {"similar": figures, "all": figures}, run)]


@pytest.mark.parametrize(
    ("figure", "limit", "worse", "message"),
    [
        ("p50_ms", 20, 21.0, "similar p50 is 21 ms, the limit is 20 ms"),
        ("p95_ms", 80, 143.2, "similar p95 is 143 ms, the limit is 80 ms"),
        ("p99_ms", 120, 120.04, "similar p99 is 120.04 ms, the limit is 120 ms"),
        ("error_share", 0.0, 0.012, "similar error share is 1.20 %, the limit is 0.00 %"),
        ("recall_at_10", 0.99, 0.81, "similar recall@10 is 0.810, the least is 0.990"),
        ("rate_per_s", 50, 45.13, "similar rate is 45.1/s, the least is 50.0/s"),
    ],
)
def test_a_figure_at_its_limit_passes_and_one_beyond_is_named(figure, limit, worse, message):
    limits = {"similar": {figure: limit}}
    assert misses(limits, GOOD) == []
    assert misses(limits, replace(GOOD, **{figure: worse})) == [
        message.replace("the limit is 120.00", "the limit is 120")
    ]


@pytest.mark.parametrize("figure", ["p50_ms", "p95_ms", "p99_ms", "recall_at_10", "error_share"])
def test_what_was_not_measured_does_not_pass(figure):
    [message] = misses({"similar": {figure: 0.5}}, replace(GOOD, **{figure: None}))
    assert "is not known" in message
    [message] = misses({"photo": {figure: 0.5}}, GOOD)
    assert message.startswith("photo")


def test_figures_of_the_run_are_looked_at_for_all():
    limits = {"all": {"rss_growth_mb": 50, "knee_per_s": 30}}
    assert misses(limits, GOOD, {"rss_growth_mb": 49.0, "knee_per_s": 31.0}) == []
    assert misses(limits, GOOD, {"rss_growth_mb": 80.3, "knee_per_s": None}) == [
        "all memory growth is 80.3 MB, the limit is 50.0 MB",
        "all knee is not known, the least is 30.0/s",
    ]


def test_without_limits_nothing_is_missed():
    assert misses({}, replace(GOOD, errors=1000, error_share=1.0)) == []


def test_what_lacks_more_than_a_fifth_and_more_than_chance_takes_lags():
    assert not lags(800, 1000)
    assert lags(799, 1000)
    assert not lags(8, 20)  # three sigma of a Poisson number of 20 are 13.4
    assert lags(6, 20)
    assert lags(0, 0.1)  # nothing is never enough
