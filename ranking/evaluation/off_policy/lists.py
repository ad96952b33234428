"""What lists of another policy would have earned, estimated from logged lists.

They differ in how much of a list the reward of a place may depend on. The more it may depend on, the more of
the list the weight is a ratio of, and the wider the interval:

    iips        its own item        place_target / place_propensity
    rips        it and those above  the product of the ratios target / propensity down to it
    sips        the whole list      the product of all ratios
    cascade_dr  it and those above  as rips, on what a reward model leaves unexplained

`sniips`, `snrips` and `snsips` divide by the mean of their weights, the first two place by place. They are a
little biased, but steadier, and never leave the range of the logged rewards. A place that was not filled
earns 0 at a ratio of 1: how long a list is must not depend on the policy.

Laws (tests/ranking/evaluation/off_policy/test_lists.py):
- for a target that is the logging policy all but cascade_dr give the mean of the logged rewards;
- on lists of one place all are IPS or SNIPS, and cascade_dr is DR;
- cascade_dr with a model that predicts 0 is rips;
- where its assumption holds, an estimator's mean over all possible lists is the true value.
"""

from __future__ import annotations

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.estimator import Estimator
from vlclip.ranking.evaluation.off_policy.log import ListLog, check_lists
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.statistics.arrays import Values

OWN = "The reward of a place depends on its own item and the place only."
ABOVE = "The reward of a place depends on its own item and those above it only."
ANY = "Nothing but right propensities: a reward may depend on the whole list."
MODEL = ("predicted", "baseline")
"""The columns of a log that a reward model fills."""
PLACES = ("place_propensity", "place_target")
"""The columns of a log with probabilities of an item at its place, whatever is above it."""


def sips(log: ListLog) -> Terms:
    """A list's reward by the ratio of the probabilities of the whole list: IPS with lists as choices."""
    whole = _ratios_down_to(log)[:, -1]
    return SIPS.terms(plain=whole * log.reward.sum(axis=1), weights=whole)


SIPS = Estimator(
    name="sips",
    log=ListLog,
    evaluate=sips,
    formula="mean(w·Σ r), w of the whole list",
    assumes=ANY,
    when="rewards that any item of a list may change, wide",
    reach="whole list",
)


def snsips(log: ListLog) -> Terms:
    """`sips` over the mean of its weights, as Swaminathan & Joachims, NeurIPS 2015, do for single choices."""
    terms = sips(log)
    return SNSIPS.terms(above=terms.plain, below=terms.weights, weights=terms.weights)


SNSIPS = Estimator(
    name="snsips",
    log=ListLog,
    evaluate=snsips,
    formula="Σ (w·Σ r) / Σ w",
    assumes=ANY,
    when="as `sips`, steadier",
    self_normalised=True,
    reach="whole list",
)


def rips(log: ListLog) -> Terms:
    """A place's reward by the ratio of the probabilities of the list down to it: reward interaction.

    McInerney et al., Counterfactual evaluation of slate recommendations with sequential reward
    interactions, KDD 2020. `weights` are the means over the places filled in a list.
    """
    return _plain(RIPS, log, _ratios_down_to(log))


RIPS = Estimator(
    name="rips",
    log=ListLog,
    evaluate=rips,
    formula="mean(Σ w_k·r_k), w_k of the list down to place k",
    assumes=ABOVE,
    when="shoppers who read from the top",
    reach="items above",
)


def snrips(log: ListLog) -> Terms:
    """`rips` with each place over the mean of its weights."""
    return _normalised(SNRIPS, log, _ratios_down_to(log))


SNRIPS = Estimator(
    name="snrips",
    log=ListLog,
    evaluate=snrips,
    formula="Σ over places of Σ w_k·r_k / Σ w_k",
    assumes=ABOVE,
    when="as `rips`, steadier",
    self_normalised=True,
    reach="items above",
)


def iips(log: ListLog) -> Terms:
    """A place's reward by the ratio of the probabilities of its item at this place, whatever is above.

    Li et al., Offline evaluation of ranking policies with click models, KDD 2018 (their item-position
    model). `weights` are the means over the places filled in a list.
    """
    return _plain(IIPS, log, _ratios_of_place(log))


IIPS = Estimator(
    name="iips",
    log=ListLog,
    evaluate=iips,
    formula="mean(Σ w_k·r_k), w_k of the item at place k",
    assumes=OWN,
    when="clicks by item and place alone, narrow",
    columns=PLACES,
    reach="own item",
)


def sniips(log: ListLog) -> Terms:
    """`iips` with each place over the mean of its weights."""
    return _normalised(SNIIPS, log, _ratios_of_place(log))


SNIIPS = Estimator(
    name="sniips",
    log=ListLog,
    evaluate=sniips,
    formula="as `snrips`, w_k of the item at place k",
    assumes=OWN,
    when="as `iips`, steadier",
    columns=PLACES,
    self_normalised=True,
    reach="own item",
)


def cascade_dr(log: ListLog) -> Terms:
    """`rips` of what a reward model leaves unexplained, on top of what the model predicts.

    Kiyohara et al., Doubly robust off-policy evaluation for ranking policies under the cascade behavior
    model, WSDM 2022: with w_k the ratio down to place k, a list has Σ_k w_k·(reward - predicted) +
    w_(k-1)·baseline. With right propensities the model may be wrong. `weights` as in `rips`.
    """
    weights = _ratios_down_to(log)
    if log.predicted is None or log.baseline is None:
        raise EvaluationError("cascade_dr needs `predicted` and `baseline`; fit a reward model, or take rips")
    above = np.concatenate([np.ones((len(weights), 1)), weights[:, :-1]], axis=1)
    by_place = weights * (log.reward - log.predicted) + above * log.baseline
    plain = np.where(log.filled, by_place, 0).sum(axis=1)
    return CASCADE_DR.terms(plain=plain, weights=_mean_of_filled(log, weights))


CASCADE_DR = Estimator(
    name="cascade_dr",
    log=ListLog,
    evaluate=cascade_dr,
    formula="mean(Σ w_k·(r_k - q_k) + w_(k-1)·b_k), w_k as of `rips`",
    assumes=ABOVE,
    when="shoppers who read from the top, and a reward model",
    columns=MODEL,
    reach="items above",
)


LIST_ESTIMATORS = (SIPS, SNSIPS, RIPS, SNRIPS, IIPS, SNIIPS, CASCADE_DR)


def _plain(estimator: Estimator[ListLog], log: ListLog, weights: Values) -> Terms:
    plain = (weights * log.reward).sum(axis=1)
    return estimator.terms(plain=plain, weights=_mean_of_filled(log, weights))


def _normalised(estimator: Estimator[ListLog], log: ListLog, weights: Values) -> Terms:
    return estimator.terms(above=weights * log.reward, below=weights, weights=_mean_of_filled(log, weights))


def _mean_of_filled(log: ListLog, weights: Values) -> Values:
    """The mean of each list's weights `(n,)` over its filled places; 1 for an empty list."""
    filled = log.filled.sum(axis=1)
    total = np.where(log.filled, weights, 0).sum(axis=1)
    return np.where(filled > 0, total / np.maximum(filled, 1), 1.0)


def _ratios_down_to(log: ListLog) -> Values:
    """The ratio `(n, K)` of the probabilities of the list from its top down to each place."""
    check_lists(log)
    ratios: Values = np.multiply.accumulate(log.target / log.propensity, axis=1)
    return ratios


def _ratios_of_place(log: ListLog) -> Values:
    """The ratio `(n, K)` of the probabilities of each item at its place."""
    check_lists(log)
    if log.place_target is None or log.place_propensity is None:
        raise EvaluationError(
            "iips needs `place_target` and `place_propensity` (vlclip.ranking.lists.placement gives them); "
            "without them take rips"
        )
    return log.place_target / log.place_propensity
