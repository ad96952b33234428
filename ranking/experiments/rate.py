"""Click-through rates with intervals that allow for units that see many items each.

The impressions of a shopper are alike, so they are one draw of (impressions, clicks) and not many. The
variance of the ratio is that of the delta method: Deng, Knoblich & Lu, Applying the delta method in
metric analytics, KDD 2018, section 3.2.

Laws (tests/ranking/experiments/test_rate.py):
- with one impression for each unit, rate and interval are those of a binomial;
- if everybody sees everything twice, neither changes;
- over simulated logs, the interval contains the true rate about as often as it claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vlclip.ranking.statistics.bootstrap import Figure

Z = 1.959964
"""Standard errors on each side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A ratio of sums and its standard error; NaN if the units are too few or too alike to estimate it."""

    value: float
    error: float

    @property
    def figure(self) -> Figure:
        """The rate with its 95 % interval, cut to [0, 1]."""
        low, high = self.value - Z * self.error, self.value + Z * self.error
        return Figure(self.value, float(np.maximum(low, 0)), float(np.minimum(high, 1)))


def click_rate(impressions: ArrayLike, clicks: ArrayLike) -> Rate:
    """Clicks per impression, of independent units: `(units,)` each."""
    n, c = np.asarray(impressions, np.float64), np.asarray(clicks, np.float64)
    total = n.sum()
    if not total:
        return Rate(math.nan, math.nan)
    value = c.sum() / total
    spread = ((c - value * n) ** 2).sum()
    if len(n) < 2 or not spread:
        return Rate(float(value), math.nan)
    return Rate(float(value), float(np.sqrt(len(n) / (len(n) - 1) * spread) / total))


def difference(rate: Rate, control: Rate) -> tuple[Figure, float]:
    """`rate` less `control` with its 95 % interval, and the two-sided p of no difference.

    The two rates are of different units. If an error is unknown, all but the difference is NaN.
    """
    value, error = rate.value - control.value, math.hypot(rate.error, control.error)
    p = math.erfc(abs(value) / error / math.sqrt(2))
    return Figure(value, value - Z * error, value + Z * error), p
