"""What the target policy would have earned a choice, estimated from a log of single choices.

Throughout, r is the reward, w = target / propensity the importance weight, q the model's prediction for the
logged choice and b the mean of its predictions under the target policy.

Laws (tests/ranking/evaluation/off_policy/test_single.py):
- of the logging policy itself, IPS and SNIPS are the observed mean;
- clipped IPS without a limit is IPS; Switch-DR and DRos lie between DM, at 0, and DR, at infinity;
- a model that knows the rewards makes DR the DM;
- a constant added to rewards and model is added to SNIPS, DM, DR, SNDR, Switch-DR and DRos.
"""

from __future__ import annotations

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.estimator import Estimator
from vlclip.ranking.evaluation.off_policy.log import Choices, check_choices
from vlclip.ranking.evaluation.off_policy.terms import Terms
from vlclip.ranking.evaluation.off_policy.tuning import cuts, least_error, shrinkages
from vlclip.ranking.statistics.arrays import Values

MODEL = ("predicted", "baseline")
"""The columns of a log that a reward model fills."""


def replay(log: Choices) -> Terms:
    """The mean reward where the target policy makes the logged choice: Σ target·r / Σ target.

    A target policy with chance makes it with its probability, so this is the expectation of what drawing
    its choices would give. Li, Chu, Langford & Wang, "Unbiased offline evaluation of contextual-bandit-based
    news article recommendation algorithms", WSDM 2011.
    """
    check_choices(log)
    return REPLAY.terms(above=log.target * log.reward, below=log.target, weights=log.target)


REPLAY = Estimator(
    name="replay",
    log=Choices,
    evaluate=replay,
    formula="Σ target·r / Σ target",
    assumes="The log was dealt uniformly at random.",
    when="logs of pure chance",
    importance_weighted=False,
)


def ips(log: Choices) -> Terms:
    """Inverse propensity scoring: mean(w·r).

    Horvitz & Thompson, "A generalization of sampling without replacement from a finite universe", Journal of
    the American Statistical Association 1952; for policies Strehl, Langford, Li & Kakade, "Learning from
    logged implicit exploration data", NIPS 2010.
    """
    check_choices(log)
    weights = log.weights
    return IPS.terms(plain=weights * log.reward, weights=weights)


IPS = Estimator(
    name="ips",
    log=Choices,
    evaluate=ips,
    formula="mean(w·r)",
    assumes="Propensities are right, and whatever the target policy can choose the log could have shown.",
    when="the plain truth, wide",
)


def clipped_ips(log: Choices, most: float) -> Terms:
    """IPS with no weight over `most`: mean(min(w, most)·r).

    Ionides, "Truncated importance sampling", Journal of Computational and Graphical Statistics 2008; for
    logs of recommendations Bottou et al., "Counterfactual reasoning and learning systems", JMLR 2013.
    """
    check_choices(log)
    _check_parameter("most", most)
    weights = np.minimum(log.weights, most)
    return CLIPPED_IPS.terms(plain=weights * log.reward, weights=weights, parameters={"most": float(most)})


CLIPPED_IPS = Estimator(
    name="clipped_ips",
    log=Choices,
    evaluate=lambda log: clipped_ips(log, _best_clip(log)),
    formula="mean(min(w, M)·r)",
    assumes="As IPS, and choices with a weight over the limit earn little: rewards over 0 come out too low.",
    when="few huge weights; its values are too low",
    tuned=True,
)


def snips(log: Choices) -> Terms:
    """Self-normalised IPS: Σ w·r / Σ w.

    Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015.
    """
    check_choices(log)
    weights = log.weights
    return SNIPS.terms(above=weights * log.reward, below=weights, weights=weights)


SNIPS = Estimator(
    name="snips",
    log=Choices,
    evaluate=snips,
    formula="Σ w·r / Σ w",
    assumes="As IPS, in a log long enough for the weights to have their mean of 1.",
    when="logs without a reward model",
    self_normalised=True,
)


def dm(log: Choices) -> Terms:
    """The direct method: mean(b), what the model expects.

    Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science 2014.
    """
    _, baseline = _model(log)
    return DM.terms(plain=baseline)


DM = Estimator(
    name="dm",
    log=Choices,
    evaluate=dm,
    formula="mean(b)",
    assumes="The reward model is right wherever the target policy goes; propensities are not used.",
    when="never alone",
    columns=MODEL,
    importance_weighted=False,
)


def dr(log: Choices) -> Terms:
    """Doubly robust: mean(b + w·(r - q)).

    Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science 2014.
    """
    residual, baseline = _model(log)
    weights = log.weights
    return DR.terms(plain=baseline + weights * residual, weights=weights)


DR = Estimator(
    name="dr",
    log=Choices,
    evaluate=dr,
    formula="mean(b + w·(r - q))",
    assumes="Propensities or the reward model are right, one of them is enough.",
    when="logs with a reward model",
    columns=MODEL,
)


def sndr(log: Choices) -> Terms:
    """Self-normalised doubly robust: mean(b) + Σ w·(r - q) / Σ w.

    Thomas & Brunskill, "Data-efficient off-policy policy evaluation for reinforcement learning", ICML 2016
    (the weighted doubly robust estimator, here of one step).
    """
    residual, baseline = _model(log)
    weights = log.weights
    return SNDR.terms(plain=baseline, above=weights * residual, below=weights, weights=weights)


SNDR = Estimator(
    name="sndr",
    log=Choices,
    evaluate=sndr,
    formula="mean(b) + Σ w·(r - q) / Σ w",
    assumes="As DR, in a log long enough for the weights to have their mean of 1.",
    when="logs with a reward model; the steadiest of those without bias",
    columns=MODEL,
    self_normalised=True,
)


def switch_dr(log: Choices, threshold: float) -> Terms:
    """DR where w is at most `threshold`, DM elsewhere: mean(b + w·1[w ≤ threshold]·(r - q)).

    Wang, Agarwal & Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """
    residual, baseline = _model(log)
    _check_parameter("threshold", threshold)
    weights = _switched(log.weights, threshold)
    return SWITCH_DR.terms(
        plain=baseline + weights * residual,
        weights=weights,
        parameters={"threshold": float(threshold)},
    )


SWITCH_DR = Estimator(
    name="switch_dr",
    log=Choices,
    evaluate=lambda log: switch_dr(log, _best_threshold(log)),
    formula="`dr` where w ≤ τ, else `dm`",
    assumes="As DR, and the reward model is right for choices with a weight over the threshold.",
    when="the least error; its interval is too short",
    columns=MODEL,
    tuned=True,
)


def dros(log: Choices, shrinkage: float) -> Terms:
    """DR with optimistic shrinkage λ: mean(b + λw / (w² + λ)·(r - q)).

    Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020.
    """
    residual, baseline = _model(log)
    _check_parameter("shrinkage", shrinkage)
    weights = _shrunk(log.weights, shrinkage)
    return DROS.terms(
        plain=baseline + weights * residual,
        weights=weights,
        parameters={"shrinkage": float(shrinkage)},
    )


DROS = Estimator(
    name="dros",
    log=Choices,
    evaluate=lambda log: dros(log, _best_shrinkage(log)),
    formula="`dr` with w shrunk to λw / (w² + λ)",
    assumes="As DR, and the reward model is nearly right for choices with large weights.",
    when="as `switch_dr`",
    columns=MODEL,
    tuned=True,
)


CHOICE_ESTIMATORS = (REPLAY, IPS, CLIPPED_IPS, SNIPS, DM, DR, SNDR, SWITCH_DR, DROS)


def _best_clip(log: Choices) -> float:
    check_choices(log)
    weights = log.weights
    return least_error(cuts(weights), np.minimum, weights, log.reward)


def _best_threshold(log: Choices) -> float:
    residual, baseline = _model(log)
    weights = log.weights
    return least_error(cuts(weights), _switched, weights, residual, baseline)


def _best_shrinkage(log: Choices) -> float:
    residual, baseline = _model(log)
    weights = log.weights
    return least_error(shrinkages(weights), _shrunk, weights, residual, baseline)


def _switched(weights: Values, threshold: float) -> Values:
    return np.where(weights <= threshold, weights, 0.0)


def _shrunk(weights: Values, shrinkage: float) -> Values:
    """λw / (w² + λ), as w / (1 + w·w/λ), which has its limits at λ = 0 and infinity; 0 stays 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(weights > 0, weights / (1 + weights * (weights / shrinkage)), 0.0)


def _model(log: Choices) -> tuple[Values, Values]:
    """What the model of a checked log left unexplained of each reward, and what it expects of the target."""
    check_choices(log)
    if log.predicted is None or log.baseline is None:
        raise EvaluationError(
            "This estimator needs a reward model: give the log's `predicted` and `baseline`, or use snips."
        )
    return log.reward - log.predicted, log.baseline


def _check_parameter(name: str, value: float) -> None:
    if not value >= 0:
        raise EvaluationError(f"`{name}` is {value}: give a number from 0, infinity for no limit.")
