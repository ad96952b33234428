"""Percentile intervals from resampled items, paired across everything that is measured on them.

Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

Laws (tests/ranking/evaluation/ablation/test_measurement.py):
- an interval contains its own figure, and is narrower with more items;
- equal columns have equal resamples, so the ratio of two equal columns is exactly 1, from 1 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlclip.ranking.statistics.arrays import Values

RESAMPLES = 1000
SEED = 7
BOUNDS = (2.5, 97.5)
"""The percentiles of the resamples that bound an interval of 95 %."""
AT_ONCE = 50
"""How many resamples are in memory together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval, `low` to `high`."""

    value: float
    low: float
    high: float


def means(values: Values) -> Values:
    """The mean of each column of `(n, columns)` without NaN; NaN for a column of only NaN."""
    is_known = ~np.isnan(values)
    return _quotient(np.where(is_known, values, 0).sum(axis=0), is_known.sum(axis=0))


def resampled_means(values: Values, resamples: int = RESAMPLES, seed: int = SEED) -> Values:
    """Column means `(resamples, columns)` over items drawn with replacement from the n rows of `values`.

    A resample draws the same items for every column. NaN is left out.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    is_known = ~np.isnan(values)
    filled, counts = np.where(is_known, values, 0.0), is_known.astype(np.float64)
    complete = bool(is_known.all())
    out = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, resamples))
        draws = rng.multinomial(n, np.full(n, 1 / n), size=rows.stop - rows.start).astype(np.float64)
        out[rows] = draws @ filled / n if complete else _quotient(draws @ filled, draws @ counts)
    return out


def interval(value: float, samples: Values) -> Figure:
    """A figure with the interval of its resamples `(resamples,)`, without NaN."""
    numbers = samples[~np.isnan(samples)]
    if not len(numbers):
        return Figure(float(value), float("nan"), float("nan"))
    low, high = np.percentile(numbers, BOUNDS)
    return Figure(float(value), float(low), float(high))


def ratio(above: float, below: float, above_samples: Values, below_samples: Values) -> Figure | None:
    """The ratio of two figures with its interval; None if the divisor is not over zero."""
    if not below > 0:
        return None
    return interval(above / below, _quotient(above_samples, below_samples))


def _quotient(above: Values, below: Values) -> Values:
    """Quotients; NaN if the divisor is not over zero."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    out: Values = np.full(shape, np.nan)
    return np.divide(above, below, out=out, where=np.asarray(below) > 0)
