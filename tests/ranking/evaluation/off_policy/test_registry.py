"""An estimator is known everywhere by its description alone."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from tests.ranking.evaluation.off_policy.test_selection import estimate
from tests.service.replays import replay
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy import estimate_checks
from vlclip.ranking.evaluation.off_policy.estimator import Estimator
from vlclip.ranking.evaluation.off_policy.evidence import Evidence
from vlclip.ranking.evaluation.off_policy.log import Choices, ListLog
from vlclip.ranking.evaluation.off_policy.registry import ESTIMATORS, compute_terms, find_estimator
from vlclip.ranking.evaluation.off_policy.selection import choose_estimator
from vlclip.ranking.evaluation.replay.judging import ArmCase, RewardRows, judge_arms
from vlclip.service.reference import with_estimators
from vlclip.service.reports.replay.page import replay_page
from vlclip.service.reports.replay.table import print_replay

CHOICES = Choices(
    reward=np.array([1.0, 0, 1]), propensity=np.array([0.5, 0.5, 0.2]), target=np.array([0.25, 0.5, 0.4])
)
LISTS = ListLog(
    reward=np.eye(2), propensity=np.full((2, 2), 0.5), target=np.full((2, 2), 0.25),
    filled=np.ones((2, 2), dtype=bool),
)  # fmt: skip
NEW = Estimator(
    name="halved",
    log=Choices,
    evaluate=lambda log: NEW.terms(plain=0.5 * log.reward, weights=np.full(len(log.reward), 0.5)),
    formula="mean(r / 2)",
    assumes="Every reward is worth half.",
    when="tests",
)
TABLES = """# A page
<!-- estimators of choices, written by `make docs` -->
| stale |
<!-- end of the table -->
between
<!-- estimators of lists, written by `make docs` -->
<!-- end of the table -->
after
"""


@pytest.fixture
def registered(monkeypatch):
    """A function that adds an estimator like `NEW` with some changes, for one test."""

    def register(**changes):
        estimator = replace(NEW, **changes)
        monkeypatch.setitem(ESTIMATORS, estimator.name, estimator)
        return estimator

    return register


def names(log):
    return [terms.estimator for terms in compute_terms(log)]


def test_half_of_the_columns_of_an_estimator_is_an_error_and_not_its_silence():
    for half in ({"predicted": np.eye(2)}, {"place_propensity": np.full((2, 2), 0.5)}):
        with pytest.raises(EvaluationError, match="needs `"):
            compute_terms(replace(LISTS, **half))


def test_it_is_computed_where_the_log_has_its_columns(registered):
    registered()
    assert names(CHOICES)[-1] == "halved"
    assert compute_terms(CHOICES)[-1].assumes == "Every reward is worth half."
    assert "halved" not in names(LISTS)
    registered(columns=("predicted",))
    assert "halved" not in names(CHOICES)
    assert "halved" in names(replace(CHOICES, predicted=np.ones(3), baseline=np.ones(3)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, "halved"), ({"tuned": True}, "ips"), ({"importance_weighted": False}, "ips")],
)
def test_it_is_looked_at_first_only_if_its_interval_knows_all_its_error(registered, changes, expected):
    registered(**changes)
    assert choose_estimator([[estimate("ips", 0.1, 0.9), estimate("halved", 0.4, 0.5)]]) == expected


def test_it_is_compared_with_others_only_if_it_weighs_by_importance(registered):
    apart = [estimate("ips", 0.1, 0.2), estimate("halved", 0.4, 0.5)]
    registered()
    assert estimate_checks.check_agreement(apart).level == "careful"
    registered(importance_weighted=False)
    assert estimate_checks.check_agreement(apart) is None


def test_an_assumption_of_independent_places_is_checked_by_what_reaches_further(registered):
    halved, wide = estimate("halved", 0.4, 0.5), replace(estimate("rips", 0.1, 0.9), effective=1000.0)
    registered(log=ListLog)
    assert estimate_checks.check_independent_places(halved, [halved, wide]) is None
    registered(log=ListLog, reach="own item")
    assert estimate_checks.check_independent_places(halved, [halved, wide]).level == "ok"
    assert estimate_checks.check_independent_places(halved, [halved]).level == "careful"
    registered(log=ListLog, reach="whole list")
    halved = replace(halved, effective=1000.0)
    assert estimate_checks.check_independent_places(estimate("iips", 0.4, 0.5), [halved]).level == "ok"


def test_it_is_recommended_where_it_keeps_its_weights(registered):
    clipped = replace(estimate("dros", 0.1, 0.2), mean_weight=0.6)
    assert "halved" not in estimate_checks.check_weight_left(clipped).says
    registered(self_normalised=True)
    assert estimate_checks.check_weight_left(clipped).says.endswith("sndr, snips, halved.")
    assert "snrips" in estimate_checks.check_weight_left(replace(clipped, estimator="iips")).says


def test_it_is_a_row_of_the_report(registered):
    registered()
    rng = np.random.default_rng(1)
    log = Choices(
        reward=(rng.random(500) < 0.4).astype(float), propensity=np.full(500, 0.5),
        target=np.full(500, 0.5), unit=np.arange(500),
    )  # fmt: skip
    case = ArmCase(arm="arm", terms=compute_terms(log), evidence=Evidence.of_choices(log))
    report = judge_arms(replay(arms=()), RewardRows(reward=log.reward, unit=log.unit), [case])
    console = Console(file=StringIO(), width=200)
    print_replay(report, everything=True, console=console)
    assert "halved" in console.file.getvalue()
    assert "Every reward is worth half." in replay_page(report)


def test_it_is_a_row_of_the_docs(registered):
    registered()
    page = with_estimators(TABLES)
    assert "| `halved` | mean(r / 2) | Every reward is worth half. | tests |" in page
    assert "stale" not in page
    assert page.index("`halved`") < page.index("between") < page.index("`sips`") < page.index("after")


def test_every_estimator_is_described_by_a_sentence():
    for estimator in ESTIMATORS.values():
        assert estimator.assumes.endswith(".")
        assert estimator.formula
        assert estimator.when
        assert (estimator.reach is None) == (estimator.log is Choices)


def test_an_unknown_name_is_an_error_that_says_what_there_is():
    with pytest.raises(EvaluationError, match=r"no estimator 'halved'.*snips"):
        find_estimator("halved")
