"""What the target policy would have earned a choice, from a log of single choices of the logging policy.

Throughout, r is the reward, w = target / propensity the importance weight, q the model's prediction for the
logged choice and b its mean under the target policy.

Laws (tests/ranking/evaluation/off_policy/test_single.py):
- of the logging policy itself, IPS and SNIPS are the observed mean;
- clipped IPS without a limit is IPS; Switch-DR and DRos lie between DM, at 0, and DR, at infinity;
- a model that knows the rewards makes DR the DM;
- a constant added to rewards and model is added to SNIPS, DM, DR, SNDR, Switch-DR and DRos.
"""

from __future__ import annotations

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.log import Choices
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.evaluation.off_policy.tuning import cuts, least_error, shrinkages
from vlclip.ranking.statistics.arrays import Values

TOLERANCE = 1e-9
"""How far over 1 a probability may come by rounding."""


def replay(log: Choices) -> Terms:
    """The mean reward where the target policy makes the logged choice: Σ target·r / Σ target.

    A target policy with chance makes it with its probability, so this is the expectation of what drawing
    its choices would give. Li, Chu, Langford & Wang, "Unbiased offline evaluation of contextual-bandit-based
    news article recommendation algorithms", WSDM 2011.
    """
    _check(log)
    return Terms(
        estimator="replay",
        assumes="The log was dealt uniformly at random.",
        above=log.target * log.reward,
        below=log.target,
        weights=log.target,
    )


def ips(log: Choices) -> Terms:
    """Inverse propensity scoring: mean(w·r).

    Horvitz & Thompson, "A generalization of sampling without replacement from a finite universe", Journal of
    the American Statistical Association 1952; for policies Strehl, Langford, Li & Kakade, "Learning from
    logged implicit exploration data", NIPS 2010.
    """
    _check(log)
    weights = log.weights
    return Terms(
        estimator="ips",
        assumes="Propensities are right, and whatever the target policy can choose the log could have shown.",
        plain=weights * log.reward,
        weights=weights,
    )


def clipped_ips(log: Choices, most: float) -> Terms:
    """IPS with no weight over `most`: mean(min(w, most)·r).

    Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 2008; for
    logs of recommendations Bottou et al., "Counterfactual reasoning and learning systems", JMLR 2013.
    """
    _check(log)
    _check_parameter("most", most)
    weights = np.minimum(log.weights, most)
    return Terms(
        estimator="clipped_ips",
        assumes="As IPS, and choices with a weight over the limit earn little: rewards over 0 are told low.",
        plain=weights * log.reward,
        weights=weights,
        parameters={"most": float(most)},
    )


def snips(log: Choices) -> Terms:
    """Self-normalised IPS: Σ w·r / Σ w.

    Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015.
    """
    _check(log)
    weights = log.weights
    return Terms(
        estimator="snips",
        assumes="As IPS, in a log long enough for the weights to have their mean of 1.",
        above=weights * log.reward,
        below=weights,
        weights=weights,
    )


def dm(log: Choices) -> Terms:
    """The direct method: mean(b), what the model expects.

    Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science 2014.
    """
    _, baseline = _model(log)
    return Terms(
        estimator="dm",
        assumes="The reward model is right wherever the target policy goes; propensities are not used.",
        plain=baseline,
    )


def dr(log: Choices) -> Terms:
    """Doubly robust: mean(b + w·(r - q)).

    Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science 2014.
    """
    residual, baseline = _model(log)
    weights = log.weights
    return Terms(
        estimator="dr",
        assumes="Propensities or the reward model are right, one of them is enough.",
        plain=baseline + weights * residual,
        weights=weights,
    )


def sndr(log: Choices) -> Terms:
    """Self-normalised doubly robust: mean(b) + Σ w·(r - q) / Σ w.

    Thomas & Brunskill, "Data-efficient off-policy policy evaluation for reinforcement learning", ICML 2016
    (the weighted doubly robust estimator, here of one step).
    """
    residual, baseline = _model(log)
    weights = log.weights
    return Terms(
        estimator="sndr",
        assumes="As DR, in a log long enough for the weights to have their mean of 1.",
        plain=baseline,
        above=weights * residual,
        below=weights,
        weights=weights,
    )


def switch_dr(log: Choices, threshold: float) -> Terms:
    """DR where w is at most `threshold`, DM elsewhere: mean(b + w·1[w ≤ threshold]·(r - q)).

    Wang, Agarwal & Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """
    residual, baseline = _model(log)
    _check_parameter("threshold", threshold)
    weights = _switched(log.weights, threshold)
    return Terms(
        estimator="switch_dr",
        assumes="As DR, and the reward model is right for choices with a weight over the threshold.",
        plain=baseline + weights * residual,
        weights=weights,
        parameters={"threshold": float(threshold)},
    )


def dros(log: Choices, shrinkage: float) -> Terms:
    """DR with optimistic shrinkage λ: mean(b + λw / (w² + λ)·(r - q)).

    Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020.
    """
    residual, baseline = _model(log)
    _check_parameter("shrinkage", shrinkage)
    weights = _shrunk(log.weights, shrinkage)
    return Terms(
        estimator="dros",
        assumes="As DR, and the reward model is nearly right for choices with large weights.",
        plain=baseline + weights * residual,
        weights=weights,
        parameters={"shrinkage": float(shrinkage)},
    )


def estimators(log: Choices) -> list[Terms]:
    """All of them, with parameters from `tuning`; those that need a model only where the log has one."""
    _check(log)
    weights = log.weights
    most = least_error(cuts(weights), np.minimum, weights, log.reward)
    found = [replay(log), ips(log), clipped_ips(log, most), snips(log)]
    if log.predicted is None or log.baseline is None:
        return found
    residual, baseline = log.reward - log.predicted, log.baseline
    threshold = least_error(cuts(weights), _switched, weights, residual, baseline)
    shrinkage = least_error(shrinkages(weights), _shrunk, weights, residual, baseline)
    return [*found, dm(log), dr(log), sndr(log), switch_dr(log, threshold), dros(log, shrinkage)]


def _switched(weights: Values, threshold: float) -> Values:
    return np.where(weights <= threshold, weights, 0.0)


def _shrunk(weights: Values, shrinkage: float) -> Values:
    """λw / (w² + λ), as w / (1 + w·w/λ), which has its limits at λ = 0 and infinity; 0 stays 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(weights > 0, weights / (1 + weights * (weights / shrinkage)), 0.0)


def _model(log: Choices) -> tuple[Values, Values]:
    """What the model of a checked log left unexplained of each reward, and what it expects of the target."""
    _check(log)
    if log.predicted is None or log.baseline is None:
        raise EvaluationError(
            "This estimator needs a reward model: give the log's `predicted` and `baseline`, or use snips."
        )
    return log.reward - log.predicted, log.baseline


def _check(log: Choices) -> None:
    """EvaluationError for a log that no estimator can read."""
    rows = np.shape(log.reward)
    if len(rows) != 1 or not rows[0]:
        raise EvaluationError("The log has no choices: widen the time or the filter it was read with.")
    for name in ("reward", "propensity", "target", "predicted", "baseline", "unit"):
        values = getattr(log, name)
        if values is None:
            continue
        if np.shape(values) != rows:
            raise EvaluationError(
                f"`{name}` has shape {np.shape(values)} and `reward` {rows}: give one number a row."
            )
        if not np.isfinite(values).all():
            raise EvaluationError(f"`{name}` has NaN or infinite values: leave those rows out.")
    if log.propensity.min() <= 0 or log.propensity.max() > 1 + TOLERANCE:
        raise EvaluationError(
            "Propensities must be over 0 and at most 1: leave out rows whose probability was not logged."
        )
    if log.target.min() < 0 or log.target.max() > 1 + TOLERANCE:
        raise EvaluationError("The target policy's probabilities must be from 0 to 1: give it no scores.")


def _check_parameter(name: str, value: float) -> None:
    if not value >= 0:
        raise EvaluationError(f"`{name}` is {value}: give a number from 0, infinity for no limit.")
