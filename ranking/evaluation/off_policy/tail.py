"""How heavy the tail of importance weights is: the shape of the distribution that fits its end.

Laws (tests/ranking/evaluation/off_policy/test_checks.py):
- neither the unit nor the order of the weights changes the shape;
- weights from a generalized Pareto distribution have nearly its shape.
"""

from __future__ import annotations

import numpy as np

from vlclip.ranking.statistics.arrays import Values

LEAST = 50
"""Least number of different weights in a tail whose shape is estimated."""


def tail_shape(weights: Values) -> float | None:
    """The shape k of the generalized Pareto distribution that fits the largest of the weights `(n,)`.

    Moments up to 1 / k exist: from 0.5 there is no variance, from 1 no mean. Negative where weights are
    bounded. None for a tail with too few different weights. The tail is the largest 3·√n, at most a
    fifth: Vehtari, Simpson, Gelman, Yao & Gabry, Pareto smoothed importance sampling, JMLR 2024. The fit is
    that of Zhang & Stephens, A new and efficient estimation method for the generalized Pareto distribution,
    Technometrics 2009, pulled towards 0.5 by ten more observations, as in the former paper.
    """
    n = len(weights)
    m = int(min(n / 5, 3 * np.sqrt(n)))
    end = np.sort(weights)[n - m - 1 :]
    over = end[1:] - end[0]
    over = over[over > 1e-12 * end[-1]]
    m = len(over)
    if len(np.unique(over)) < LEAST:
        return None
    tries = 30 + int(np.sqrt(m))
    quartile = over[int(m / 4 + 0.5) - 1]
    slopes = 1 / over[-1] + (1 - np.sqrt(tries / (np.arange(tries) + 0.5))) / (3 * quartile)
    shapes = np.log1p(-slopes[:, None] * over).mean(axis=1)
    likely = m * (np.log(-slopes / shapes) - shapes - 1)
    share = np.exp(likely - likely.max())
    shape = float(np.log1p(-(slopes @ share / share.sum()) * over).mean())
    return (m * shape + 10 * 0.5) / (m + 10)
