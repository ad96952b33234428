"""How alike two rankings are on the same requests: their items, their order, and what changes.

Laws (tests/ranking/evaluation/comparison/test_overlap.py):
- by every measure equal lists are alike by 1 and lists without a common item by 0, in either order;
- rank-biased overlap gives the top the most weight; longer lists that go on to agree as before approach it;
- an arm compared with itself differs by 0, in an interval from 0 to 0;
- all lists of one unit count as one draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval, resampled_means

PERSISTENCE = 0.9
"""In rank-biased overlap, the chance to look at the next place; the first ten have 86 % of the weight."""
MOST = 10
"""How many items that come or go, and how many requests far apart, a difference names."""

Ids = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An arm's lists, one for each request, and measures of them: `(n,)` by name, NaN where not known."""

    arm: str
    lists: Sequence[Ids]
    measures: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class MeasurePair:
    """The mean of a measure under two arms, and of the second less the first; intervals by unit."""

    first: Figure
    second: Figure
    difference: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far `arm` is from the first arm. Figures are means over requests, intervals are of 95 %, by unit.

    `overlap` and `jaccard` are of the first k, `rbo` is rank-biased overlap. `first_changes` is the share of
    requests with another item on top, `moved` the number of places by which an item in both lists moves.
    `comes` and `goes` are items in the lists of one arm only, each with the number of its requests, most
    first. `apart` are the numbers of the requests whose lists are least alike, these first.
    """

    arm: str
    overlap: Figure
    jaccard: Figure
    rbo: Figure
    first_changes: Figure
    moved: Figure
    measures: Mapping[str, MeasurePair]
    comes: tuple[tuple[str, int], ...]
    goes: tuple[tuple[str, int], ...]
    apart: tuple[int, ...]


def overlap(first: Ids, second: Ids, k: int) -> float:
    """The share of the first k that both have, of the longer list if both end sooner; 1 for empty ones."""
    a, b = set(first[:k]), set(second[:k])
    return len(a & b) / max(len(a), len(b)) if a or b else 1.0


def jaccard(first: Ids, second: Ids, k: int) -> float:
    """Items that both lists have among the first k, over those that either has; 1 for two empty lists."""
    a, b = set(first[:k]), set(second[:k])
    return len(a & b) / len(a | b) if a or b else 1.0


def rank_biased_overlap(first: Ids, second: Ids, p: float = PERSISTENCE) -> float:
    """Agreement of two lists, the top counting most: 0 nothing in common, 1 the same.

    The mean of the overlap at depth 1, 2, … by weights that fall by p, extrapolated beyond the ends of the
    lists: RBO_ext, equation 32 of Webber, Moffat & Zobel, "A similarity measure for indefinite rankings",
    TOIS 2010. The lists may be of unequal length, and have no item twice; p lies between 0 and 1.
    """
    short, long = sorted((first, second), key=len)
    if not short:
        return float(not long)
    s, depths = len(short), np.arange(1, len(long) + 1)
    common, heads = np.zeros(len(long)), [set[str](), set[str]()]
    for row, item in enumerate(long):
        heads[0].add(item)
        heads[1].update(short[row : row + 1])
        common[row] = len(heads[0] & heads[1])
    beyond = common[s - 1] * np.maximum(depths - s, 0) / s
    agreed = float(((common + beyond) / depths) @ p**depths)
    last = (common[-1] - common[s - 1]) / len(long) + common[s - 1] / s
    return (1 - p) / p * agreed + float(last) * p ** len(long)


def mean_move(first: Ids, second: Ids) -> float:
    """The mean number of places by which an item in both lists has moved; NaN where no item is."""
    places = {item: place for place, item in enumerate(second)}
    steps = [abs(place - places[item]) for place, item in enumerate(first) if item in places]
    return float(np.mean(steps)) if steps else float("nan")


def difference(first: Ranked, second: Ranked, unit: Indices, k: int) -> Difference:
    """How far the second arm is from the first, over requests; `unit` `(n,)` numbers their units from 0."""
    pairs = list(zip(first.lists, second.lists, strict=True))
    alike = {
        "overlap": [overlap(a, b, k) for a, b in pairs],
        "jaccard": [jaccard(a, b, k) for a, b in pairs],
        "rbo": [rank_biased_overlap(a[:k], b[:k]) for a, b in pairs],
        "first_changes": [float(list(a[:1]) != list(b[:1])) for a, b in pairs],
        "moved": [mean_move(a[:k], b[:k]) for a, b in pairs],
    }
    both = {name: (first.measures[name], second.measures[name]) for name in first.measures}
    columns = [np.array(values) for values in alike.values()]
    columns += [column for a, b in both.values() for column in (a, b, b - a)]
    figures = means(columns, unit)
    measures = {
        name: MeasurePair(*figures[len(alike) + 3 * row : len(alike) + 3 * row + 3])
        for row, name in enumerate(both)
    }
    return Difference(
        arm=second.arm,
        **dict(zip(alike, figures, strict=False)),
        measures=measures,
        comes=_most([set(b[:k]) - set(a[:k]) for a, b in pairs]),
        goes=_most([set(a[:k]) - set(b[:k]) for a, b in pairs]),
        apart=tuple(np.argsort(alike["rbo"], kind="stable")[:MOST].tolist()),
    )


def means(columns: Sequence[Values], unit: Indices) -> list[Figure]:
    """The mean of each column `(n,)` with its interval by unit `(n,)`, on the same resamples.

    NaN values are unknown and left out; with fewer than two units the interval is not known.
    """
    present = [~np.isnan(column) for column in columns]
    sums = [
        np.bincount(unit, weights=np.where(mask, column, 0))
        for column, mask in zip(columns, present, strict=True)
    ]
    counts = [np.bincount(unit, weights=mask) for mask in present]
    table = np.stack([*sums, *counts], axis=1)
    samples = resampled_means(table) if len(table) > 1 else np.full((1, table.shape[1]), np.nan)
    with np.errstate(invalid="ignore"):  # a column, or a resample of it, may hold no known value
        values = table.sum(axis=0)[: len(columns)] / table.sum(axis=0)[len(columns) :]
        ratios = samples[:, : len(columns)] / samples[:, len(columns) :]
    return [interval(float(value), ratio) for value, ratio in zip(values, ratios.T, strict=True)]


def _most(sets: Sequence[set[str]]) -> tuple[tuple[str, int], ...]:
    counts = Counter(item for items in sets for item in sorted(items))
    return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST])
