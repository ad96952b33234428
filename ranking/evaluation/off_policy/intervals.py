"""Intervals for any number of estimators, from one pass over the log.

Every estimator is a sum of means and ratios of means, so a resample of it needs only sums of columns, and
all resamples of all estimators are one product: counts `(resamples, units)` times columns `(units, c)`.

A bootstrap draws n units out of n with replacement: multinomial counts. Each count is nearly Poisson with
mean 1, and drawing them independently changes only their total, which the sums are divided by; in the limit
of many units the two are the same: Hanley & MacGibbon, "Creating non-parametric bootstrap samples using
Poisson frequencies", Computer Methods and Programs in Biomedicine 2006; Chamandy, Muralidharan, Najmi &
Naidu, "Estimating uncertainty for massive data streams", Google 2012. So from 1,000 units on counts are
independent, a random byte each, and below that multinomial.

The bootstrap resamples deviations from the point value, the columns of its influence function. Their sums are
small beside the value, so float32 is precise enough for their products.

Laws (tests/ranking/evaluation/off_policy/test_intervals.py):
- the pass equals a loop over resamples with the same counts;
- the same number of units, resamples and seed draw the same counts, for any columns, so two resampled
  estimates are compared in pairs;
- a log whose units have each row twice has the same intervals;
- on much data, bootstrap and delta method agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.evaluation.off_policy.terms import Estimate, Terms
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import RESAMPLES, SEED, Figure, interval, resampled_means

POISSON_FROM = 1000
"""Units from which on counts are drawn independently."""
STEPS = (94, 189, 235, 251, 255)
"""A count is how many of these a random byte reaches.

That is Poisson(1) in 256ths: each probability within 0.005, mean and variance exactly 1.
"""
CELLS = 2**22
"""Counts in memory together: few enough for the processor's cache, and products so large that the threads of
BLAS do not spend their time waiting for each other."""
NORMAL = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def observe(reward: Values) -> Terms:
    """The logged mean of the rewards `(n,)` as an estimator, with which others are compared."""
    return Terms(estimator="observed", assumes="Nothing: it is what was logged.", plain=reward)


def estimate_all(
    terms: Sequence[Terms], unit: Indices | None = None, *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Estimate]:
    """Each estimator's value on one log, with its intervals; `unit` as in `Choices`.

    The percentile bootstrap resamples units; the analytic interval is normal, with the variance of the
    influence function summed by unit. Both are NaN where an estimator divides by nothing, the analytic one
    also for a single unit. EvaluationError where lengths differ.
    """
    parts, sizes = _by_unit(terms, unit)
    samples = _samples(parts, len(sizes), resamples, seed)
    return [
        _estimate(term, part, sizes, column)
        for term, part, column in zip(terms, parts, samples.T, strict=True)
    ]


def resample(
    terms: Sequence[Terms], unit: Indices | None = None, resamples: int = RESAMPLES, seed: int = SEED
) -> Values:
    """Each estimator's value on every resample, `(resamples, estimators)`; NaN where it divides by nothing.

    Two calls with the same number of units, resamples and seed draw the same counts: so the results for two
    policies on one log can be subtracted row by row.
    """
    parts, sizes = _by_unit(terms, unit)
    return _samples(parts, len(sizes), resamples, seed)


def difference(
    first: Terms,
    second: Terms,
    unit: Indices | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Figure:
    """By how much the first exceeds the second, both on one log, by pairs of resamples.

    Gilotte, Calauzènes, Nedelec, Abraham & Dollé, "Offline A/B testing for recommender systems", WSDM 2018.
    """
    parts, sizes = _by_unit((first, second), unit)
    samples = _samples(parts, len(sizes), resamples, seed)
    return interval(parts[0].value - parts[1].value, samples[:, 0] - samples[:, 1])


@dataclass(frozen=True, slots=True)
class _Part:
    """An estimator by unit: its value, and what moves a resample of it.

    Each of `moves` is a pair of columns `(units,)`: the first sums to 0, and on a resample the ratio of
    their sums is what is added to the value.
    """

    value: float
    moves: tuple[tuple[Values, Values], ...]


def _by_unit(terms: Sequence[Terms], unit: Indices | None) -> tuple[list[_Part], Values]:
    """The parts of each estimator, and the number of rows of each unit."""
    columns = [
        column for term in terms for column in (term.plain, term.above, term.below) if column is not None
    ]
    if not columns or not len(columns[0]):
        raise EvaluationError("There are no rows to estimate from: give the terms of a log that has rows.")
    rows = len(columns[0])
    if any(len(column) != rows for column in columns) or (unit is not None and unit.shape != (rows,)):
        raise EvaluationError("Terms and units differ in rows: give both of one log.")
    if unit is not None:
        if unit.min() < 0:
            raise EvaluationError("Units must be numbered from 0: number them with numpy.unique.")
        # numbers that do not occur, as in a part of a log, are no units of it
        unit = (np.cumsum(np.bincount(unit) > 0) - 1)[unit]
    sizes = _summed(np.ones(rows), unit)
    return [_part(term, unit, sizes) for term in terms], sizes


def _part(terms: Terms, unit: Indices | None, sizes: Values) -> _Part:
    pairs = []
    if terms.plain is not None:
        pairs.append((_summed(terms.plain, unit), sizes))
    if terms.above is not None and terms.below is not None:
        above, below = (column.reshape(len(column), -1).T for column in (terms.above, terms.below))
        pairs += [(_summed(a, unit), _summed(b, unit)) for a, b in zip(above, below, strict=True)]
    value, moves = 0.0, []
    for over, under in pairs:
        total = float(under.sum())
        ratio = float(over.sum()) / total if total > 0 else float("nan")
        value += ratio
        moves.append((over - ratio * under, under))
    return _Part(value, tuple(moves))


def _summed(values: Values, unit: Indices | None) -> Values:
    if unit is None:
        return values
    return np.bincount(unit, weights=values).astype(np.float64, copy=False)


def _samples(parts: Sequence[_Part], units: int, resamples: int, seed: int) -> Values:
    """The value of every part on every resample, `(resamples, parts)`."""
    columns: list[Values] = []
    places: dict[bytes, int] = {}

    def place(column: Values) -> int:
        """Its index among the columns; equal columns are stored once, so equal terms differ by exactly 0."""
        at = places.setdefault(_digest(column), len(columns))
        if at == len(columns):
            columns.append(column)
        return at

    ratios = [(j, place(over), place(under)) for j, part in enumerate(parts) for over, under in part.moves]
    if units < POISSON_FROM:
        sums = resampled_means(np.column_stack(columns), resamples, seed) * units
    else:
        sums = _poisson_sums(columns, resamples, seed)
    out = np.tile([part.value for part in parts], (resamples, 1))
    for j, over, under in ratios:
        unknown = np.full(resamples, np.nan)
        out[:, j] += np.divide(sums[:, over], sums[:, under], out=unknown, where=sums[:, under] > 0)
    return out


def _digest(column: Values) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(column).data).digest()


def _poisson_sums(columns: Sequence[Values], resamples: int, seed: int) -> Values:
    """Sums of the columns `(units,)` over the units of every resample, `(resamples, columns)`."""
    units = len(columns[0])
    narrow = np.empty((units, len(columns)), np.float32)
    scale = np.empty(len(columns))
    for j, column in enumerate(columns):
        scale[j] = np.abs(column).max() or 1.0  # so that no sum leaves the range of float32
        narrow[:, j] = column / scale[j]
    sums = np.zeros((resamples, len(columns)))
    for rows, counts in poisson_counts(units, resamples, seed):
        sums += counts @ narrow[rows]
    return sums * scale


def poisson_counts(units: int, resamples: int, seed: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """How often each unit is in each resample, for a slice of units at a time: `(resamples, slice)`."""
    bits = np.random.SFC64(seed)
    width = max(1, CELLS // resamples)
    for start in range(0, units, width):
        rows = slice(start, min(start + width, units))
        shape = resamples, rows.stop - start
        raw = bits.random_raw(-(-shape[0] * shape[1] // 8)).view(np.uint8)
        uniform = raw[: shape[0] * shape[1]].reshape(shape)
        counts = np.zeros(shape, np.uint8)
        for step in STEPS:
            counts += (uniform >= step).view(np.uint8)
        yield rows, counts.astype(np.float32)


def _estimate(terms: Terms, part: _Part, sizes: Values, samples: Values) -> Estimate:
    rows, units = int(sizes.sum()), len(sizes)
    influence = np.zeros(units)
    for over, under in part.moves:
        influence += over / (under.sum() or np.nan)
    error = float(np.sqrt((influence @ influence) * units / (units - 1))) if units > 1 else float("nan")
    figure = interval(part.value, samples)
    unknown, weights = float("nan"), terms.weights
    squares = 0.0 if weights is None else float(weights @ weights)
    return Estimate(
        estimator=terms.estimator,
        assumes=terms.assumes,
        value=part.value,
        low=figure.low,
        high=figure.high,
        analytic_low=part.value - NORMAL * error,
        analytic_high=part.value + NORMAL * error,
        error=error,
        effective=unknown if weights is None else float(weights.sum()) ** 2 / squares if squares else 0.0,
        rows=rows,
        mean_weight=unknown if weights is None else float(weights.mean()),
        quantiles={} if weights is None else _quantiles(weights),
        unsupported=unknown if weights is None else float(np.mean(weights == 0)),
        parameters=terms.parameters,
    )


def _quantiles(weights: Values) -> dict[str, float]:
    values = np.quantile(weights, list(QUANTILES.values()))
    return dict(zip(QUANTILES, values.tolist(), strict=True))
