"""Compares two rankings of the same held-out lists, by the clicks in them.

Places that are examined less have fewer clicks. So a click counts 1 / examination of its place, at most
`MOST`: Joachims, Swaminathan & Schnabel, Unbiased learning-to-rank with biased feedback, WSDM 2017. All
figures are of the items that were shown, in another order; they say nothing of other items.

Laws (tests/ranking/learning/test_comparison.py):
- a ranking compared with itself differs by 0, from 0 to 0;
- the order by attraction has the highest DCG and CTR; for the order that was shown, CTR is the observed one;
- weighted AUC is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import SEED, Figure, interval, resampled_means

MOST = 20.0
"""The largest weight of a click."""
DEPTH = 10
"""How many places DCG counts."""
TOP = 5
"""How many places CTR counts."""
AUC_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class FigurePair:
    """A figure for the weights in force, for the learned weights, and the second less the first.

    Intervals are of 95 %, by units.
    """

    in_force: Figure
    learned: Figure
    difference: Figure


def log_loss(log_p: Values, clicked: Values) -> Values:
    """The log loss of each item, `(n,)`, from the logarithm of its probability of a click."""
    return -(clicked * log_p + (1 - clicked) * np.log(-np.expm1(log_p)))


def by_units(in_force: Values, learned: Values, unit: Indices) -> FigurePair:
    """The means of two values of the same rows, `(n,)` each; the bootstrap draws units `(n,)`."""
    columns = (in_force, learned, np.ones(len(unit)))
    sums = np.stack([summed(column, unit) for column in columns], axis=1)
    means, samples = sums.mean(axis=0), resampled_means(sums)
    first, second = means[0] / means[2], means[1] / means[2]
    first_drawn, second_drawn = samples[:, 0] / samples[:, 2], samples[:, 1] / samples[:, 2]
    return FigurePair(
        interval(first, first_drawn),
        interval(second, second_drawn),
        interval(second - first, second_drawn - first_drawn),
    )


def auc_by_units(in_force: Values, learned: Values, clicked: Values, unit: Indices) -> FigurePair:
    """How often a clicked item had a higher probability than one without a click, over all lists."""
    scored = [auc_of(in_force, clicked), auc_of(learned, clicked)]
    ones = np.ones(len(clicked))
    first, second = (auc(ones) for auc in scored)
    rng, units = np.random.default_rng(SEED), int(unit.max()) + 1
    samples = np.empty((AUC_RESAMPLES, 2))
    for row in samples:
        weights = rng.multinomial(units, np.full(units, 1 / units)).astype(np.float64)[unit]
        row[:] = [auc(weights) for auc in scored]
    return FigurePair(
        interval(first, samples[:, 0]),
        interval(second, samples[:, 1]),
        interval(second - first, samples[:, 1] - samples[:, 0]),
    )


def auc_of(scores: Values, clicked: Values) -> Callable[[Values], float]:
    """The area under the ROC curve as a function of item weights `(n,)`; NaN with only one class."""
    levels, level = np.unique(scores, return_inverse=True)

    def auc(weights: Values) -> float:
        good = np.bincount(level, weights * clicked, len(levels))
        bad = np.bincount(level, weights * (1 - clicked), len(levels))
        pairs = good.sum() * bad.sum()
        return float(good @ (np.cumsum(bad) - bad / 2) / pairs) if pairs else float("nan")

    return auc


def dcg(scores: Values, clicked: Values, examination: Values, lists: Indices) -> Values:
    """Discounted cumulated gain of each list by `scores`; all but the lists are `(n,)`.

    Rows of a list stand together in the order they were shown. Järvelin & Kekäläinen, Cumulated gain-based
    evaluation of IR techniques, TOIS 2002. It is not divided by the DCG of each list's best order: only a sum
    over clicks can be corrected for their places, and nDCG would favour the order that was shown.
    """
    gains = clicked * np.minimum(1 / examination, MOST)
    places = _places(lists)
    worth = np.where(places < DEPTH, 1 / np.log2(places + 2), 0.0)
    return summed(worth * gains[_order(scores, lists)], lists)


def top_ctr(scores: Values, clicked: Values, examination: Values, lists: Indices) -> Values:
    """Expected clicks per place, over the first places of each list, by the click model."""
    gains = clicked * np.minimum(1 / examination, MOST)
    top = _places(lists) < TOP
    expected = np.where(top, examination * gains[_order(scores, lists)], 0.0)
    return summed(expected, lists) / summed(top.astype(np.float64), lists)


def calibration_error(probabilities: Values, clicked: Values, bins: int = 10) -> float:
    """Mean distance of predicted and observed frequencies in equally large bins (ECE, Naeini et al. 2015)."""
    order = np.argsort(probabilities, kind="stable")
    groups = np.array_split(order, bins)
    return float(sum(abs((clicked[group] - probabilities[group]).sum()) for group in groups) / len(order))


def summed(values: Values, groups: Indices) -> Values:
    """The sum of each group's values, `(groups,)`."""
    return np.bincount(groups, values).astype(np.float64)


def _order(scores: Values, lists: Indices) -> Indices:
    """The rows list by list, best first; equal scores stay in order."""
    return np.lexsort((-scores, lists))


def _places(lists: Indices) -> Indices:
    """The place of each row in its list, from 0."""
    first = np.flatnonzero(np.diff(lists, prepend=-1))
    return np.arange(len(lists)) - first[lists]
