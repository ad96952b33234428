"""What a fitted model expects of lists that are not the logged ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ranking.evaluation.click_models.drawn import drawn_log, planted
from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.click_models.bayesian import DynamicBayesian
from vlclip.ranking.evaluation.click_models.fitting import MODELS, Fitted, fit
from vlclip.ranking.evaluation.click_models.log import UNKNOWN, ClickLog, NumberedLists
from vlclip.ranking.evaluation.click_models.position import PositionBased
from vlclip.ranking.evaluation.click_models.proxies import measures, proxies
from vlclip.ranking.evaluation.click_models.rates import Prior, Rates
from vlclip.ranking.evaluation.click_models.worth import Worth, worth
from vlclip.ranking.statistics.bootstrap import Figure

TRUE = DynamicBayesian(0.8)
ATTRACTION, SATISFACTION = planted()
LOG = drawn_log(TRUE, ATTRACTION, SATISFACTION, lists=4000)


def certain(*rates):
    """Rates that are known."""
    rates = np.array(rates)
    return Rates(1e12 * rates, np.full(len(rates), 1e12), Prior(0.5, 1.0))


def by_hand():
    """Items of attraction 0.4 and 0.2; every second click on the first is bought for 10."""
    return Fitted(
        behaviour=PositionBased(np.array([1.0, 0.5])),
        attractions=certain(0.4, 0.2),
        satisfactions=None,
        names=("a", "b"),
        trace=(),
        worth=Worth(certain(0.5, 0.25), certain(0.5, 0.0), np.array([10.0, 7.0, 7.0])),
    )


def test_measures_worked_out_on_two_lists():
    lists = NumberedLists(np.array([[0, 1], [1, UNKNOWN]]), np.array([[True, True], [True, False]]))
    sums = {
        measure.name: (measure.above.tolist(), measure.below.tolist())
        for measure in measures(by_hand(), lists, (1, 2))
    }
    # clicks: 0.4 + 0.5 · 0.2 = 0.5 of two shown, and 0.2 of one
    assert sums == {
        "clicks per list": (pytest.approx([0.5, 0.2]), [1, 1]),
        "CTR at 1": (pytest.approx([0.4, 0.2]), [1, 1]),
        "CTR at 2": (pytest.approx([0.5, 0.2]), [2, 1]),
        # 0.4 · 0.5 + 0.1 · 0.25; 0.2 · 0.25
        "carts per list": (pytest.approx([0.225, 0.05]), [1, 1]),
        # 0.4 · 0.5 and nothing of the other item
        "purchases per list": (pytest.approx([0.2, 0.0]), [1, 1]),
        "revenue per list": (pytest.approx([2.0, 0.0]), [1, 1]),
    }


def test_a_rate_is_of_sums_over_lists_of_any_length():
    lists = NumberedLists(np.array([[0, 1], [1, UNKNOWN]]), np.array([[True, True], [True, False]]))
    fitted = replace(by_hand(), behaviour=PositionBased(np.ones(10)))
    wide = NumberedLists(np.pad(lists.items, ((0, 0), (0, 8))), np.pad(lists.filled, ((0, 0), (0, 8))))
    by_name = {proxy.name: proxy for proxy in proxies(fitted, wide, wide, np.array([3, 9]))}
    # (0.4 + 0.2 + 0.2) expected clicks of 3 shown
    assert by_name["CTR at 5"].arm.value == pytest.approx(0.8 / 3)
    assert by_name["clicks per list"].arm.value == pytest.approx(0.4)


@pytest.mark.parametrize("name", MODELS)
def test_of_the_logged_lists_themselves_nothing_differs(name):
    expected = proxies(fit(name, LOG), LOG.lists, LOG.lists, LOG.unit)
    assert [proxy.name for proxy in expected] == ["clicks per list", "CTR at 1", "CTR at 5"]
    for proxy in expected:
        assert proxy.difference == Figure(0.0, 0.0, 0.0)
        assert proxy.arm == proxy.logged
        assert proxy.arm.low < proxy.arm.value < proxy.arm.high
        assert proxy.model == name
        assert proxy.assumes == MODELS[name](LOG).assumes


@pytest.mark.parametrize("name", MODELS)
def test_better_items_above_are_expected_to_be_clicked_more(name):
    fitted = fit(name, LOG)
    attracts = np.where(LOG.filled, fitted.attraction(LOG.items), -1)
    order = np.argsort(-attracts, axis=1)
    best_first = NumberedLists(np.take_along_axis(LOG.items, order, axis=1), LOG.filled)
    first = {proxy.name: proxy for proxy in proxies(fitted, best_first, LOG.lists, LOG.unit)}["CTR at 1"]
    assert first.difference.low > 0
    assert first.difference.value == pytest.approx(first.arm.value - first.logged.value)


def test_expected_clicks_are_near_those_of_the_truth():
    # an arm that the log never showed: five at random
    rng = np.random.default_rng(8)
    items = rng.permuted(np.tile(np.arange(60), (4000, 1)), axis=1)[:, :5]
    filled = np.ones(items.shape, bool)
    clicks = proxies(fit("dynamic-bayesian", LOG), NumberedLists(items, filled), LOG.lists, LOG.unit)[0]
    truth = TRUE.marginal(ATTRACTION[items], SATISFACTION[items], filled).sum(axis=1).mean()
    assert clicks.arm.value == pytest.approx(truth, rel=0.04)
    logged = LOG.clicked.sum(axis=1).mean()
    assert clicks.logged.value == pytest.approx(logged, rel=0.02)


def test_a_click_is_worth_what_clicks_came_to():
    log = ClickLog(
        items=np.array([[0, 1]] * 4),
        clicked=np.array([[True, True]] * 3 + [[False, True]]),
        filled=np.ones((4, 2), bool),
        unit=np.arange(4),
        names=("a", "b"),
        # a: two of three clicks in the cart, one bought for 20; b: one of four bought twice, for 8 together;
        # a cart without a click is left out
        carts=np.array([[1.0, 0], [2, 0], [0, 0], [1, 0]]),
        purchases=np.array([[1.0, 2], [0, 0], [0, 0], [0, 0]]),
        value=np.array([[20.0, 8], [0, 0], [0, 0], [0, 0]]),
    )
    amounts = worth(log)
    assert amounts.carts.hits.tolist() == [2, 0]
    assert amounts.purchases.hits.tolist() == [1, 1]
    assert amounts.purchases.chances.tolist() == [3, 4]
    assert amounts.paid.tolist() == [20, 8, 14]
    rates = amounts.purchases.of_items(np.array([0, 1, UNKNOWN]))
    assert amounts.revenue(np.array([0, 1, UNKNOWN])) == pytest.approx(rates * [20, 8, 14])


def test_what_the_log_never_had_is_not_told():
    zeros = np.zeros(LOG.filled.shape)
    assert worth(LOG) == Worth(None, None, None)
    assert worth(replace(LOG, carts=zeros, purchases=zeros, value=zeros)) == Worth(None, None, None)
    bought = LOG.clicked.astype(float)
    unpaid = worth(replace(LOG, purchases=bought, value=zeros))
    assert unpaid.purchases is not None
    assert unpaid.revenue(LOG.items) is None


def test_rates_times_clicks_are_the_clicks_that_ended_so():
    rng = np.random.default_rng(2)
    carts = (LOG.clicked & (rng.random(LOG.clicked.shape) < 0.3)).astype(float)
    amounts = worth(replace(LOG, carts=carts))
    expected = (amounts.carts.of_items(LOG.items) * LOG.clicked).sum()
    assert expected == pytest.approx(carts.sum(), rel=0.01)


def test_lists_without_a_pair_are_refused():
    fitted = by_hand()
    two_lists = NumberedLists(np.zeros((2, 2), int), np.ones((2, 2), bool))
    single = NumberedLists(np.zeros((1, 2), int), np.ones((1, 2), bool))
    with pytest.raises(EvaluationError, match="1 lists of the arm, 2 logged ones"):
        proxies(fitted, single, two_lists, np.zeros(2, int))
