"""What lists of another policy would have earned, estimated from logged lists.

They differ in how much of a list a place's reward may depend on. The more it may, the more of the list
the weight is a ratio of, and the wider the interval:

    iips        its own item        place_target / place_propensity
    rips        it and those above  the product of the ratios target / propensity down to it
    sips        the whole list      the product of all ratios
    cascade_dr  it and those above  as rips, on what a reward model leaves unexplained

`sniips`, `snrips` and `snsips` are over the mean of their weights, the first two place by place: a little
biased, but steadier, and within the rewards there were. A place that was not shown earns 0 at a ratio of 1:
how long a list is must not depend on the policy.

Laws (tests/ranking/evaluation/off_policy/test_lists.py):
- for a target that is the logging policy all give the mean of the logged rewards, without a model;
- on lists of one place all are IPS, or SNIPS, and cascade_dr is the doubly robust one;
- cascade_dr with a model that tells 0 is rips;
- where its assumption holds, an estimator's mean over all possible lists is the true value.
"""

from __future__ import annotations

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.log import ListLog
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.statistics.arrays import Values

ROUNDING = 1e-9
"""How far over 1 a probability may lie, being a sum of rounded numbers."""

OWN = "The reward of a place depends on its own item and the place only."
ABOVE = "The reward of a place depends on its own item and those above it only."
ANY = "Nothing but right propensities: a reward may depend on the whole list."


def list_estimators(log: ListLog) -> list[Terms]:
    """Every estimator that the log has the columns for. Errors: `EvaluationError` for a broken log."""
    found = [sips(log), snsips(log), rips(log), snrips(log)]
    if log.place_propensity is not None:
        found += [iips(log), sniips(log)]
    if log.predicted is not None:
        found.append(cascade_dr(log))
    return found


def sips(log: ListLog) -> Terms:
    """A list's reward by the ratio of the probabilities of the whole list: IPS with lists as choices."""
    whole = _down_to(log)[:, -1]
    return Terms(estimator="sips", assumes=ANY, plain=whole * log.reward.sum(axis=1), weights=whole)


def snsips(log: ListLog) -> Terms:
    """`sips` over the mean of its weights, as Swaminathan & Joachims, NeurIPS 2015, do for single choices."""
    found = sips(log)
    return Terms(
        estimator="snsips", assumes=ANY, above=found.plain, below=found.weights, weights=found.weights
    )


def iips(log: ListLog) -> Terms:
    """A place's reward by the ratio of the probabilities of its item at this place, whatever is above.

    Li et al., Offline evaluation of ranking policies with click models, KDD 2018 (their item-position
    model). `weights` are the means over the places shown in a list.
    """
    return _plain(log, _alone(log), "iips", OWN)


def sniips(log: ListLog) -> Terms:
    """`iips` with each place over the mean of its weights."""
    return _normalised(log, _alone(log), "sniips", OWN)


def rips(log: ListLog) -> Terms:
    """A place's reward by the ratio of the probabilities of the list down to it: reward interaction.

    McInerney et al., Counterfactual evaluation of slate recommendations with sequential reward
    interactions, KDD 2020. `weights` are the means over the places shown in a list.
    """
    return _plain(log, _down_to(log), "rips", ABOVE)


def snrips(log: ListLog) -> Terms:
    """`rips` with each place over the mean of its weights."""
    return _normalised(log, _down_to(log), "snrips", ABOVE)


def cascade_dr(log: ListLog) -> Terms:
    """`rips` of what a reward model leaves unexplained, on top of what it tells.

    Kiyohara et al., Doubly robust off-policy evaluation for ranking policies under the cascade behavior
    model, WSDM 2022: with w_k the ratio down to place k, a list has Σ_k w_k·(reward - predicted) +
    w_(k-1)·baseline. With right propensities the model may be wrong. `weights` as in `rips`.
    """
    weights = _down_to(log)
    if log.predicted is None or log.baseline is None:
        raise EvaluationError("cascade_dr needs `predicted` and `baseline`; fit a reward model, or take rips")
    before = np.concatenate([np.ones((len(weights), 1)), weights[:, :-1]], axis=1)
    gained = weights * (log.reward - log.predicted) + before * log.baseline
    plain = np.where(log.shown, gained, 0).sum(axis=1)
    return Terms(estimator="cascade_dr", assumes=ABOVE, plain=plain, weights=_over_shown(log, weights))


def _plain(log: ListLog, weights: Values, estimator: str, assumes: str) -> Terms:
    plain = (weights * log.reward).sum(axis=1)
    return Terms(estimator=estimator, assumes=assumes, plain=plain, weights=_over_shown(log, weights))


def _normalised(log: ListLog, weights: Values, estimator: str, assumes: str) -> Terms:
    return Terms(
        estimator=estimator,
        assumes=assumes,
        above=weights * log.reward,
        below=weights,
        weights=_over_shown(log, weights),
    )


def _over_shown(log: ListLog, weights: Values) -> Values:
    """The mean of each list's weights `(n,)` over its shown places; of an empty list 1."""
    shown = log.shown.sum(axis=1)
    total = np.where(log.shown, weights, 0).sum(axis=1)
    return np.where(shown > 0, total / np.maximum(shown, 1), 1.0)


def _down_to(log: ListLog) -> Values:
    """The ratio `(n, K)` of the probabilities of the list from its top down to each place."""
    _check(log)
    ratios: Values = np.multiply.accumulate(log.target / log.propensity, axis=1)
    return ratios


def _alone(log: ListLog) -> Values:
    """The ratio `(n, K)` of the probabilities of each item at its place."""
    _check(log)
    if log.place_target is None or log.place_propensity is None:
        raise EvaluationError(
            "iips needs `place_target` and `place_propensity` (vlclip.ranking.lists.placement gives them); "
            "without them take rips"
        )
    return log.place_target / log.place_propensity


def _check(log: ListLog) -> None:
    shape = log.reward.shape
    if len(shape) != 2 or not log.reward.size:
        raise EvaluationError(f"rewards are {shape}; give lists as rows and places as columns")
    probabilities = {
        "propensity": log.propensity,
        "target": log.target,
        "place_propensity": log.place_propensity,
        "place_target": log.place_target,
    }
    others = {
        "reward": log.reward,
        "shown": log.shown,
        "predicted": log.predicted,
        "baseline": log.baseline,
    }
    for name, values in (others | probabilities).items():
        if values is None:
            continue
        if values.shape != shape:
            raise EvaluationError(f"{name} is {values.shape}, rewards {shape}; give all one shape")
        if not np.isfinite(values).all():
            raise EvaluationError(f"{name} has values that are no numbers; leave those lists out")
    if log.unit is not None and log.unit.shape != shape[:1]:
        raise EvaluationError(f"unit is {log.unit.shape}, rewards {shape}; give each list its unit")
    if log.reward[~log.shown].any():
        raise EvaluationError("a place that was not shown has a reward; give it 0 or mark it shown")
    for name, values in probabilities.items():
        if values is None:
            continue
        low, high = values.min(), values.max()
        if not 0 <= low <= high <= 1 + ROUNDING:
            raise EvaluationError(f"{name} runs from {low} to {high}; give probabilities, from 0 to 1")
        if name.endswith("propensity") and not low:
            raise EvaluationError(
                f"{name} is 0 for what was shown, so nothing can be weighed by it; leave those lists out"
            )
        if (values[~log.shown] != 1).any():
            raise EvaluationError(f"{name} of a place that was not shown must be 1; pad the lists so")
