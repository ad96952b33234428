"""How far importance weights are clipped, switched off or shrunk: the trade of bias against variance.

Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
and Wang, Agarwal & Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017:
try a grid and take the parameter with the least estimated bias² + variance / n.

The bias is estimated directly, as the mean of what shrinking takes from the estimate (Su et al.). Its
square is in expectation over the true one, by the variance of that mean, so the sum is in expectation an
upper bound of the mean squared error. The bounds of these papers that hold with high probability are not
used: they are for any reward up to the largest, and for clicks, which are rare, they hardly ever shrink.

Rows count as independent here: units are for the intervals.

Laws (tests/ranking/evaluation/off_policy/test_tuning.py):
- without rewards nothing is shrunk;
- the choice does not depend on the unit of the reward, nor on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vlclip.ranking.statistics.arrays import Values

POINTS = 24
"""How many parameters are tried."""


def cuts(weights: Values) -> Values:
    """Where to clip or switch off, from the largest of the weights `(n,)`, which leaves all as they are.

    They are quantiles of the weights over 0; the shares of rows above them are spaced geometrically, from
    one row to all, since it is the few largest weights that matter.
    """
    used = weights[weights > 0]
    if not len(used):
        return np.ones(1)
    shares = np.geomspace(1 / len(used), 1, POINTS - 1)
    return np.unique(np.quantile(used, [0, *(1 - shares).clip(0), 1]))[::-1]


def shrinkages(weights: Values) -> Values:
    """Values of λ in λw / (w² + λ), spaced geometrically, from the largest, which hardly shrinks, down.

    From 100 times the square of the largest weight, where no weight loses over 1 %, to a hundredth of the
    square of the 5th percentile of those over 0 (nearly the grid of Su et al., whose upper end is at the
    95th percentile).
    """
    used = weights[weights > 0]
    if not len(used):
        return np.ones(1)
    return np.geomspace(10 * used.max(), 0.1 * np.quantile(used, 0.05), POINTS) ** 2


def least_error(
    grid: Values,
    shrunk: Callable[[Values, float], Values],
    weights: Values,
    residual: Values,
    plain: Values | float = 0.0,
) -> float:
    """The parameter of the `grid` with the least estimated error of mean(plain + shrunk weights · residual).

    `weights`, `residual` and `plain` are `(n,)`; `residual` is the reward, less its prediction where there
    is a model. Of equal ones it is the first. One parameter is tried at a time, so memory is a few columns
    for any length of the grid.
    """
    whole = weights * residual

    def error(parameter: float) -> float:
        contribution = shrunk(weights, parameter) * residual
        bias = np.mean(whole - contribution)
        return float(bias**2 + np.var(plain + contribution) / len(contribution))

    return float(min(grid, key=error))
