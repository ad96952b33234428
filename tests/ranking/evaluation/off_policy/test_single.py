"""Every estimator of single choices by hand, its laws, and a real log against the published formulas."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.intervals import estimate_all
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.registry import compute_terms
from vlclip.ranking.evaluation.off_policy.single import (
    clipped_ips,
    dm,
    dr,
    dros,
    ips,
    replay,
    sndr,
    snips,
    switch_dr,
)
from vlclip.ranking.evaluation.off_policy.tuning import cuts, least_error, shrinkages

# Five choices. Weights are target / propensity: 0.5, 1, 4, 0, 2.
LOG = Choices(
    reward=np.array([1.0, 0, 1, 1, 0]),
    propensity=np.array([0.5, 0.5, 0.2, 0.25, 0.4]),
    target=np.array([0.25, 0.5, 0.8, 0, 0.8]),
    predicted=np.array([0.5, 0.25, 0.5, 0.5, 0.5]),
    baseline=np.array([0.5, 0.25, 0.5, 0.25, 0.5]),
)
PLAIN = replace(LOG, predicted=None, baseline=None)


near = partial(pytest.approx, rel=1e-6, abs=1e-9)


def value(terms):
    plain = 0.0 if terms.plain is None else terms.plain.mean()
    return plain + (0.0 if terms.above is None else terms.above.sum() / terms.below.sum())


def column(low, high):
    return st.floats(low, high, allow_subnormal=False)


@st.composite
def logs(draw):
    rows = draw(
        st.lists(
            st.tuples(column(-5, 5), column(0.01, 1), column(0, 1), column(-5, 5), column(-5, 5)),
            min_size=1,
            max_size=8,
        )
    )
    reward, propensity, target, predicted, baseline = np.array(rows).T
    return Choices(
        reward=reward, propensity=propensity, target=target, predicted=predicted, baseline=baseline
    )


parameters = st.floats(0.01, 50)


def test_replay_by_hand():
    # target·r = 0.25, 0, 0.8, 0, 0 over target = 0.25 + 0.5 + 0.8 + 0 + 0.8
    assert value(replay(LOG)) == pytest.approx(1.05 / 2.35)


def test_replay_of_a_policy_without_chance_is_the_mean_where_it_chose_the_same():
    # it would have made the first, third and fifth choice, which earned 1, 1, 0
    assert value(replay(replace(LOG, target=np.array([1.0, 0, 1, 0, 1])))) == pytest.approx(2 / 3)


def test_ips_by_hand():
    # each weight by its reward: 0.5, 0, 4, 0, 0
    assert value(ips(LOG)) == pytest.approx(4.5 / 5)


def test_clipped_ips_by_hand():
    # weights 0.5, 1, 2, 0, 2; w·r = 0.5, 0, 2, 0, 0
    terms = clipped_ips(LOG, 2)
    assert value(terms) == pytest.approx(2.5 / 5)
    assert terms.weights == pytest.approx([0.5, 1, 2, 0, 2])
    assert terms.parameters == {"most": 2}


def test_snips_by_hand():
    # 4.5 over the sum of the weights, 7.5
    assert value(snips(LOG)) == pytest.approx(4.5 / 7.5)


def test_dm_by_hand():
    assert value(dm(LOG)) == pytest.approx(2 / 5)
    assert dm(LOG).weights is None


def test_dr_by_hand():
    # r - q = 0.5, -0.25, 0.5, 0.5, -0.5; by the weights 0.25, -0.25, 2, 0, -1: in sum 1
    assert value(dr(LOG)) == pytest.approx((2 + 1) / 5)


def test_sndr_by_hand():
    assert value(sndr(LOG)) == pytest.approx(2 / 5 + 1 / 7.5)


def test_switch_dr_by_hand():
    # the weight of 4 is over 2: 0.25 - 0.25 + 0 + 0 - 1
    terms = switch_dr(LOG, 2)
    assert value(terms) == pytest.approx((2 - 1) / 5)
    assert terms.weights == pytest.approx([0.5, 1, 0, 0, 2])


def test_dros_by_hand():
    # 2w / (w² + 2): 1 / 2.25 = 4/9, 2/3, 8/18 = 4/9, 0, 4/6 = 2/3
    # by r - q: 2/9, -1/6, 2/9, 0, -1/3: in sum -1/18
    terms = dros(LOG, 2)
    assert value(terms) == pytest.approx((2 - 1 / 18) / 5)
    assert terms.weights == pytest.approx([4 / 9, 2 / 3, 4 / 9, 0, 2 / 3])


@given(logs())
def test_of_the_logging_policy_ips_and_snips_are_the_observed_mean(log):
    same = replace(log, target=log.propensity)
    assert value(ips(same)) == near(log.reward.mean())
    assert value(snips(same)) == near(log.reward.mean())


@given(logs(), st.floats(0.1, 1))
def test_snips_does_not_change_with_the_scale_of_the_weights(log, scale):
    log = replace(log, target=log.target.clip(1e-3))
    assert value(snips(replace(log, target=scale * log.target))) == near(value(snips(log)))


@given(logs())
def test_clipping_without_a_limit_is_ips(log):
    assert clipped_ips(log, np.inf).plain == near(ips(log).plain)


@given(logs())
def test_switch_dr_and_dros_lie_between_dm_and_dr(log):
    for name in (switch_dr, dros):
        assert name(log, 0).plain == near(dm(log).plain)
        assert name(log, np.inf).plain == near(dr(log).plain)
    assert dros(log, 1e-15).plain == pytest.approx(dm(log).plain, abs=1e-5)
    assert dros(log, 1e15).plain == near(dr(log).plain)


@given(logs(), parameters)
def test_a_model_that_knows_the_rewards_makes_all_of_them_dm(log, parameter):
    log = replace(log, predicted=log.reward, target=log.target.clip(1e-3))
    for terms in (dr(log), sndr(log), switch_dr(log, parameter), dros(log, parameter)):
        assert value(terms) == near(value(dm(log)))


@given(logs())
def test_a_model_that_expects_nothing_makes_dr_ips_and_sndr_snips(log):
    nothing = np.zeros_like(log.reward)
    log = replace(log, predicted=nothing, baseline=nothing, target=log.target.clip(1e-3))
    assert value(dr(log)) == near(value(ips(log)))
    assert value(sndr(log)) == near(value(snips(log)))


@given(logs(), st.floats(-5, 5), parameters)
def test_a_constant_added_to_rewards_and_model_is_added_to_the_value(log, more, parameter):
    log = replace(log, target=log.target.clip(1e-3))
    raised = replace(
        log, reward=log.reward + more, predicted=log.predicted + more, baseline=log.baseline + more
    )
    for name in (replay, snips, dm, dr, sndr):
        assert value(name(raised)) == near(value(name(log)) + more)
    for name in (switch_dr, dros):
        assert value(name(raised, parameter)) == near(value(name(log, parameter)) + more)


@given(logs(), st.floats(-5, 5))
def test_ips_moves_with_a_constant_only_as_far_as_its_mean_weight(log, more):
    raised = replace(log, reward=log.reward + more)
    assert value(ips(raised)) == near(value(ips(log)) + more * log.weights.mean())


def test_all_estimators_come_with_a_model_and_four_without():
    without = ["replay", "ips", "clipped_ips", "snips"]
    assert [entry.estimator for entry in compute_terms(PLAIN)] == without
    terms = compute_terms(LOG)
    assert [entry.estimator for entry in terms] == [*without, "dm", "dr", "sndr", "switch_dr", "dros"]
    assert all(entry.assumes.endswith(".") for entry in terms)


@given(logs())
def test_all_estimators_are_those_of_the_functions_with_their_parameters(log):
    by_name = {entry.estimator: entry for entry in compute_terms(log)}
    for name in (clipped_ips, switch_dr, dros):
        chosen = by_name[name.__name__]
        (parameter,) = chosen.parameters.values()
        assert chosen.plain.tolist() == name(log, parameter).plain.tolist()


def test_parameters_are_those_of_the_least_error():
    rng = np.random.default_rng(0)
    log = Choices(
        reward=(rng.random(400) < 0.3).astype(float),
        propensity=rng.random(400) ** 3 + 1e-3,
        target=rng.random(400),
        predicted=rng.random(400),
    )
    log = replace(log, propensity=log.propensity.clip(max=1))
    # a model whose baseline moves with what is weighed: shrinking gains more
    log = replace(log, baseline=2 * log.weights * (log.reward - log.predicted))
    w, model = log.weights, (log.reward - log.predicted, log.baseline)
    chosen = {name: value for entry in compute_terms(log) for name, value in entry.parameters.items()}
    assert chosen == {
        "most": least_error(cuts(w), np.minimum, w, log.reward),
        "threshold": least_error(cuts(w), lambda w, most: w * (w <= most), w, *model),
        "shrinkage": pytest.approx(least_error(shrinkages(w), lambda w, s: s * w / (w**2 + s), w, *model)),
    }
    assert chosen["most"] < w.max()
    assert chosen["threshold"] < w.max()


BAD = {
    "no choices": {name: np.empty(0) for name in ("reward", "propensity", "target", "predicted", "baseline")},
    "`target` has shape": {"target": np.ones(4)},
    "`unit` has shape": {"unit": np.zeros(6, np.intp)},
    "`reward` has NaN": {"reward": np.array([1, 0, np.nan, 0, 0])},
    "`baseline` has NaN or infinite": {"baseline": np.array([1, 0, np.inf, 0, 0])},
    "Propensities must be over 0": {"propensity": np.array([1, 1, 0, 1, 1.0])},
    "and at most 1": {"propensity": np.array([1, 1, 1.1, 1, 1.0])},
    "from 0 to 1": {"target": np.array([1, 1, 1.1, 1, 1.0])},
    "give it no scores": {"target": np.array([1, 1, -0.1, 1, 1.0])},
}


@pytest.mark.parametrize("says", BAD)
@pytest.mark.parametrize(
    "name", [replay, ips, lambda log: clipped_ips(log, 1), snips, dm, dr, sndr, compute_terms]
)
def test_a_log_that_cannot_be_read_is_refused(says, name):
    with pytest.raises(EvaluationError, match=says):
        name(replace(LOG, **BAD[says]))


def test_probabilities_may_be_over_1_by_rounding():
    ones = np.ones(5) + 1e-12
    assert value(ips(replace(LOG, propensity=ones, target=ones))) == pytest.approx(3 / 5)


def test_estimators_with_a_model_say_that_there_is_none():
    for name in (dm, dr, sndr, lambda log: switch_dr(log, 1), lambda log: dros(log, 1)):
        with pytest.raises(EvaluationError, match="needs a reward model"):
            name(PLAIN)


@pytest.mark.parametrize("parameter", [-1.0, np.nan])
def test_a_parameter_below_0_is_refused(parameter):
    for name in (clipped_ips, switch_dr, dros):
        with pytest.raises(EvaluationError, match="give a number from 0"):
            name(LOG, parameter)


@pytest.mark.data
def test_on_a_real_log_all_are_the_published_formulas(data):
    with (data / "open_bandit" / "bts" / "men" / "men.csv").open(encoding="utf-8") as file:
        rows = [(float(row["click"]), float(row["propensity_score"])) for row in csv.DictReader(file)]
    n, even = len(rows), 1 / 34
    rate = sum(click for click, _ in rows) / n
    # a model that expects a little more where the log showed an item often
    models = [rate * (0.5 + propensity) for _, propensity in rows]
    log = Choices(
        reward=np.array([click for click, _ in rows]),
        propensity=np.array([propensity for _, propensity in rows]),
        target=np.full(n, even),
        predicted=np.array(models),
        baseline=np.full(n, rate),
    )
    terms = compute_terms(log)
    chosen = {name: value for entry in terms for name, value in entry.parameters.items()}
    totals = dict.fromkeys((entry.estimator for entry in terms), 0.0)
    weight = residual = replayed = matched = 0.0
    for (click, propensity), model in zip(rows, models, strict=True):
        w, off = even / propensity, click - model
        weight += w
        residual += w * off
        replayed += even * click
        matched += even
        totals["ips"] += w * click / n
        totals["clipped_ips"] += min(w, chosen["most"]) * click / n
        totals["dm"] += rate / n
        totals["dr"] += (rate + w * off) / n
        totals["switch_dr"] += (rate + (w * off if w <= chosen["threshold"] else 0)) / n
        totals["dros"] += (rate + chosen["shrinkage"] * w / (w * w + chosen["shrinkage"]) * off) / n
    totals["replay"] = replayed / matched
    totals["snips"] = totals["ips"] * n / weight
    totals["sndr"] = rate + residual / weight
    for entry in estimate_all(terms, resamples=10):
        assert entry.value == pytest.approx(totals[entry.estimator], abs=1e-9)
