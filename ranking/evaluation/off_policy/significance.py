"""How probable what was seen is where nothing is wrong: the tests that verdicts rest on.

Rows of one unit depend on each other, so sums are taken over units first and the units are what varies.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- with rows twice as many, each of them said twice by its unit, a p stays as it is.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2, norm

from vlclip.ranking.statistics.arrays import Indices, Values


def mean_p(values: Values, expected: float, unit: Indices | None = None) -> float:
    """How probable a mean of `values` `(n,)` this far from `expected` is, to either side.

    Weights are skewed to the right, and a plain t-test then finds too many means too low. Hall's cubic
    transformation takes the skewness out and keeps the order: Hall, On the removal of skewness by
    transformation, Journal of the Royal Statistical Society B, 1992. 1 where nothing varies and nothing
    is off; 0 where nothing varies but all is off.
    """
    sums = by_unit(values - expected, unit)
    n, spread = len(sums), float(sums.std())
    if spread <= 1e-12:
        return 1.0 if abs(float(sums.mean())) <= 1e-9 else 0.0
    off = float(sums.mean()) / spread
    skew = float((((sums - sums.mean()) / spread) ** 3).mean())
    score = math.sqrt(n) * (off + skew * off**2 / 3 + skew**2 * off**3 / 27 + skew / (6 * n))
    return float(2 * norm.sf(abs(score)))


def equal_means_p(values: Values, group: Indices, unit: Indices | None = None) -> float:
    """How probable means by `group` `(n,)`, numbers from 0, this different are if all groups have one mean.

    A score test: the variance is that of the units where the means are equal, chi-square with a degree of
    freedom less than there are groups. Boos, On generalized score tests, The American Statistician, 1992.
    """
    share = np.bincount(group) / len(group)
    residual = values - values.mean()
    columns = [
        by_unit(((group == one) - share[one]) * residual, unit) for one in range(len(share)) if share[one]
    ]
    sums = np.stack(columns, axis=1)
    return _wald_p(sums.sum(axis=0), sums.T @ sums)


def frequency_p(chosen: Indices, probabilities: Values, most: int = 50) -> float:
    """How probable it is that choices `(n,)` were drawn by `probabilities` `(n, choices)`, by their counts.

    Counts against their expectation, with the covariance of independent draws. All but the `most` most
    expected choices count as one, and so do those expected less than five times.
    """
    expected = probabilities.sum(axis=0)
    kept = np.argsort(-expected, kind="stable")[:most]
    kept = kept[expected[kept] >= 5]
    told = probabilities[:, kept]
    observed = np.bincount(chosen, minlength=probabilities.shape[1])[kept]
    covariance = np.diag(told.sum(axis=0)) - told.T @ told
    return _wald_p(observed - expected[kept], covariance)


def by_unit(values: Values, unit: Indices | None) -> Values:
    """Sums of `(n,)` over the rows of each unit that has any; the rows themselves without units."""
    if unit is None:
        return values
    sums: Values = np.bincount(unit, values).astype(np.float64, copy=False)
    return sums[np.bincount(unit) > 0]


def _wald_p(off: Values, covariance: Values) -> float:
    """The chi-square p of deviations from 0 with this covariance, in the directions in which it varies."""
    scale = np.sqrt(np.diag(covariance))
    if not (alive := scale > 0).any():
        return 1.0
    scaled = covariance[np.ix_(alive, alive)] / np.outer(scale[alive], scale[alive])
    lengths, axes = np.linalg.eigh(scaled)
    free = lengths > 1e-9 * lengths.max()
    along = axes.T[free] @ (off[alive] / scale[alive])
    return float(chi2.sf((along**2 / lengths[free]).sum(), int(free.sum())))
