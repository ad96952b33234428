"""Estimates as means over rows, so that one pass gives all their intervals.

Every estimator here is `mean(plain) + mean(above) / mean(below)`: of importance weights w and rewards r, IPS
has plain = w·r; SNIPS above = w·r and below = w; the doubly robust one plain = baseline + w·(r - predicted).
Of lists, each place can be normalised by itself: then `above` and `below` have a column a place, and the
ratios of their means are summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vlclip.ranking.statistics.arrays import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One estimator on one log, row by row: `plain`, `above`, `below` are `(n,)` or None for nothing.

    `above` and `below` may both be `(n, K)`, a ratio for each column, of which the sum counts.
    `weights` `(n,)` are those the estimator really used (clipped, shrunk, …), None where it uses none.
    `parameters` are what was chosen for it: a clip, a threshold, a shrinkage. `assumes` says in one sentence
    what must hold for it to be right.
    """

    estimator: str
    assumes: str
    plain: Values | None = None
    above: Values | None = None
    below: Values | None = None
    weights: Values | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % intervals, and how much of the log it rests on.

    `low` to `high` is the percentile bootstrap over units; `analytic_low` to `analytic_high` the normal
    interval of the delta method, with `error` its standard error. `effective` is (Σw)² / Σw² over rows, and
    of the weights also the mean and the quantiles by name (`p50`, `p90`, `p99`, `max`); NaN and empty
    where the estimator has no weights. `unsupported` is the share of rows whose weight is 0.
    """

    estimator: str
    assumes: str
    value: float
    low: float
    high: float
    analytic_low: float
    analytic_high: float
    error: float
    effective: float
    rows: int
    mean_weight: float
    quantiles: Mapping[str, float]
    unsupported: float
    parameters: Mapping[str, float] = field(default_factory=dict)
