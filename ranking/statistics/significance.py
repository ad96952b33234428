"""Whether one run is better than another on the same queries, or by chance.

Laws (tests/ranking/statistics/test_significance.py):
- equal runs have p = 1 and a difference of 0; exchanging the two runs changes the difference's sign alone;
- with few queries the p-value is the exact share of all sign flips;
- a corrected p-value is never under its own, and keeps the order of all of them.
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
"""Queries up to which all 2^n flips are looked at."""
ALPHA = 0.05
_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A run's mean less the other's, with the p-value of that, and corrected for all that were asked."""

    figure: Figure
    p: float
    corrected: float

    @property
    def is_significant(self) -> bool:
        """Whether chance is ruled out at 5 %, all comparisons of this measure taken together."""
        return self.corrected < ALPHA


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's mean of one measure with its interval; no difference for the run the others are held to."""

    figure: Figure
    difference: Difference | None = None


def standings(runs: Mapping[str, Mapping[str, Values]], against: str) -> dict[str, dict[str, Standing]]:
    """Every run's standing in every measure, held to the run `against`.

    `runs` are values `(n,)` by run and measure, of the same queries in the same order; NaN is unknown,
    and left out of both runs of a comparison. p-values are corrected within a measure, for the runs
    compared. `EvaluationError` for a run that is not there.
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

    Were the runs the same, each query's difference could as well have the other sign: p is the share of
    such flips whose mean is at least as far from 0 (Smucker, Allan & Carterette, A Comparison of Statistical
    Significance Tests for Information Retrieval Evaluation, CIKM 2007). Up to 14 queries that differ it is
    exact; of more, `flips` are drawn and the observed one counts as one of them.
    """
    differences = first - second
    differences = differences[~np.isnan(differences) & (differences != 0)]
    n = len(differences)
    if n == 0:
        return 1.0
    least = abs(differences.sum()) * (1 - 1e-9)  # sums of the same numbers may differ in their last digit
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
    """p-values corrected for their number, in the same order.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 1979.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = largest
    return corrected
