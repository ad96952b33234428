"""Tests whether one run is better than another on the same queries, or only by chance.

Laws (tests/ranking/statistics/test_significance.py):
- equal runs have p = 1 and a difference of 0; swapping the runs changes only the sign of the difference;
- with few queries the p-value is the exact share of all sign flips;
- a corrected p-value is never below the raw one, and corrected p-values keep the order of the raw ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlclip.ranking.errors import EvaluationError
from vlclip.ranking.statistics.arrays import Values
from vlclip.ranking.statistics.bootstrap import SEED, Figure, interval, means, resampled_means

FLIPS = 20_000
EXACT = 14
"""The most queries for which all 2^n flips are counted."""
ALPHA = 0.05
_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A run's mean less the other's, its p-value, and the p-value corrected for all comparisons."""

    figure: Figure
    p: float
    corrected: float

    @property
    def is_significant(self) -> bool:
        """Whether it is significant at 5 %, corrected for all comparisons of this measure."""
        return self.corrected < ALPHA


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's mean of one measure with its interval; no difference for the reference run."""

    figure: Figure
    difference: Difference | None = None


def standings(runs: Mapping[str, Mapping[str, Values]], against: str) -> dict[str, dict[str, Standing]]:
    """Every run's standing in every measure, compared with the run `against`.

    `runs` are values `(n,)` by run and measure, of the same queries in the same order. A query with NaN is
    left out of both runs of a comparison. p-values are corrected within a measure, for the runs compared.
    `EvaluationError` if `against` is not a run.
    """
    if against not in runs:
        raise EvaluationError(f"no run is called {against!r}; there are: {', '.join(runs)}")
    names, base = list(runs), runs[against]
    out: dict[str, dict[str, Standing]] = {name: {} for name in names}
    for measure, reference in base.items():
        columns = np.column_stack([runs[name][measure] for name in names])
        samples = resampled_means(columns)
        others = [name for name in names if name != against]
        ps = [randomisation(runs[name][measure], reference) for name in others]
        differences = {
            name: Difference(difference(runs[name][measure], reference), p, corrected)
            for name, p, corrected in zip(others, ps, holm(ps), strict=True)
        }
        for column, (name, mean) in enumerate(zip(names, means(columns), strict=True)):
            out[name][measure] = Standing(interval(mean, samples[:, column]), differences.get(name))
    return out


def difference(first: Values, second: Values) -> Figure:
    """The mean of `first` less that of `second`, `(n,)` each, by paired bootstrap of the queries."""
    paired = (first - second)[:, None]
    return interval(float(means(paired)[0]), resampled_means(paired)[:, 0])


def randomisation(first: Values, second: Values, *, flips: int = FLIPS, seed: int = SEED) -> float:
    """The two-sided p-value of the difference of two means, `(n,)` each, by the paired randomisation test.

    If the runs were the same, each query's difference could as well have the other sign. p is the share of
    such flips whose mean is at least as far from 0 (Smucker, Allan & Carterette, A Comparison of Statistical
    Significance Tests for Information Retrieval Evaluation, CIKM 2007). With up to 14 queries that differ it
    is exact; with more, `flips` are drawn and the observed one counts as one of them.
    """
    differences = first - second
    differences = differences[~np.isnan(differences) & (differences != 0)]
    n = len(differences)
    if n == 0:
        return 1.0
    least = abs(differences.sum()) * (1 - 1e-9)  # sums of the same numbers may differ in the last digit
    if n <= EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs(signs @ differences) >= least))
    rng = np.random.default_rng(seed)
    step, beyond = max(1, _AT_ONCE // n), 0
    for start in range(0, flips, step):
        signs = 1 - 2 * rng.integers(0, 2, size=(min(step, flips - start), n), dtype=np.int8)
        beyond += int(np.count_nonzero(np.abs(signs @ differences) >= least))
    return (beyond + 1) / (flips + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for the number of tests, in the same order.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 1979.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = largest
    return corrected
