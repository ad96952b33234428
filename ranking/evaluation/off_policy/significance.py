"""The probability of an observation where nothing is wrong: the significance tests behind verdicts.

Rows of one unit depend on each other, so sums are taken over units first, and chance is between units.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- where each unit has every row twice, a p stays the same.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2, norm

from vlclip.ranking.statistics.arrays import Indices, Values


def mean_p(values: Values, expected: float, unit: Indices | None = None) -> float:
    """How probable a mean of `values` `(n,)` this far from `expected` is, to either side.

    Weights are skewed to the right, so a plain t-test calls too many means too low. Hall's cubic
    transformation removes the skewness and keeps the order: Hall, On the removal of skewness by
    transformation, Journal of the Royal Statistical Society B, 1992. 1 where nothing varies and the mean is
    as expected; 0 where nothing varies and it is not.
    """
    sums = sum_by_unit(values - expected, unit)
    n, spread = len(sums), float(sums.std())
    if spread <= 1e-12:
        return 1.0 if abs(float(sums.mean())) <= 1e-9 else 0.0
    off = float(sums.mean()) / spread
    skew = float((((sums - sums.mean()) / spread) ** 3).mean())
    score = math.sqrt(n) * (off + skew * off**2 / 3 + skew**2 * off**3 / 27 + skew / (6 * n))
    return float(2 * norm.sf(abs(score)))


def equal_means_p(values: Values, group: Indices, unit: Indices | None = None) -> float:
    """How probable means by `group` `(n,)`, numbers from 0, this different are if all groups share one.

    A score test: the variance is that of the units where the means are equal, chi-square with one degree of
    freedom less than there are groups. Boos, On generalized score tests, The American Statistician, 1992.
    """
    share = np.bincount(group) / len(group)
    residual = values - values.mean()
    columns = [
        sum_by_unit(((group == number) - share[number]) * residual, unit)
        for number in range(len(share))
        if share[number]
    ]
    sums = np.stack(columns, axis=1)
    return _wald_p(sums.sum(axis=0), sums.T @ sums)


def frequency_p(chosen: Indices, probabilities: Values, most: int = 50) -> float:
    """How probable it is that choices `(n,)` were drawn by `probabilities` `(n, choices)`, by their counts.

    Counts against their expectation, with the covariance of independent draws. All but the `most` most
    expected choices count as one choice, and so do those expected less than five times.
    """
    expected = probabilities.sum(axis=0)
    common = np.argsort(-expected, kind="stable")[:most]
    common = common[expected[common] >= 5]
    columns = probabilities[:, common]
    observed = np.bincount(chosen, minlength=probabilities.shape[1])[common]
    covariance = np.diag(columns.sum(axis=0)) - columns.T @ columns
    return _wald_p(observed - expected[common], covariance)


def sum_by_unit(values: Values, unit: Indices | None) -> Values:
    """Sums of `(n,)` over the rows of each unit that has any; the rows themselves without units."""
    if unit is None:
        return values
    sums: Values = np.bincount(unit, values).astype(np.float64, copy=False)
    return sums[np.bincount(unit) > 0]


def _wald_p(off: Values, covariance: Values) -> float:
    """The chi-square p of deviations `off` from 0, in the directions in which this covariance varies."""
    scale = np.sqrt(np.diag(covariance))
    if not (alive := scale > 0).any():
        return 1.0
    scaled = covariance[np.ix_(alive, alive)] / np.outer(scale[alive], scale[alive])
    lengths, axes = np.linalg.eigh(scaled)
    free = lengths > 1e-9 * lengths.max()
    along = axes.T[free] @ (off[alive] / scale[alive])
    return float(chi2.sf((along**2 / lengths[free]).sum(), int(free.sum())))
