"""What lists are beyond right or wrong: their coverage of the catalogue, novelty, diversity and popularity.

Lists are row numbers of the catalogue, `(lists, k)`, -1 where a list is short. `counts` `(items,)` say how
often each item was taken before.

Laws (tests/ranking/evaluation/retrieval/test_beyond.py):
- one item shown to all gives the largest Gini coefficient; items shown equally often give 0;
- the rarer the items of a list, the more novel it is; where all are equally popular, so are all lists;
- copies of one item have diversity 0, items at right angles have 1, in any order;
- every value is in exactly one slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.space import Floats, unit
from vlclip.ranking.statistics.arrays import Indices, Values
from vlclip.ranking.statistics.bootstrap import Figure, interval, resampled_means

Counts = NDArray[np.int64]

SLICES = ((0, 0), (1, 4), (5, 19), (20, None))
"""Ranges of how often an item was taken before, or of a user's items before; None is without end."""


@dataclass(frozen=True, slots=True)
class FrequencySlice:
    """The items or users of one range: how many there are and their mean, None where there are none."""

    name: str
    n: int
    figure: Figure | None


def exposure(lists: Indices, items: int) -> Counts:
    """How often each of `items` items is shown: `(items,)`."""
    return np.bincount(lists[lists >= 0], minlength=items).astype(np.int64)


def coverage(lists: Indices, items: int) -> float:
    """The share of the catalogue that is in some list (Herlocker et al., TOIS 2004)."""
    return float(np.mean(exposure(lists, items) > 0))


def novelty(lists: Indices, counts: Counts) -> Values:
    """Each list's mean self-information, in bits: -log2 of an item's share of all that was taken.

    Vargas & Castells, Rank and Relevance in Novelty and Diversity Metrics for Recommender Systems, RecSys
    2011. One is added to every count, or an item never taken would be infinitely novel. NaN for empty lists.
    """
    bits = -np.log2((counts + 1) / (counts.sum() + len(counts)))
    return _mean_of(bits.astype(np.float64), lists)


def popularity(lists: Indices, counts: Counts) -> Values:
    """Each list's mean of how often its items were taken; NaN for an empty list.

    Beside `counts.mean()`, that of the catalogue, it says how far popular items are preferred
    (Abdollahpouri et al., Managing Popularity Bias in Recommender Systems with Personalized Re-ranking,
    FLAIRS 2019).
    """
    return _mean_of(counts.astype(np.float64), lists)


def gini(exposures: Counts) -> float:
    """The Gini coefficient of how often each item is shown: 0 if all are alike, near 1 for a single item.

    NaN where nothing is shown. Fleder & Hosanagar, Blockbuster Culture's Next Rise or Fall, Management
    Science 2009.
    """
    n, total = len(exposures), int(exposures.sum())
    if not total:
        return float("nan")
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(exposures) / (n * total))


def diversity(lists: Indices, vectors: Floats) -> Values:
    """Each list's mean of 1 - cosine over its pairs of items, by `vectors` `(items, size)`.

    Ziegler et al., Improving Recommendation Indices Through Topic Diversification, WWW 2005. An item without
    a vector has a cosine of 0 with all others. NaN for a list of fewer than two items.
    """
    rows = unit(vectors)
    out = np.full(len(lists), np.nan)
    for number, items in enumerate(lists):
        own_vectors = rows[items[items >= 0]]
        pairs = len(own_vectors) * (len(own_vectors) - 1)
        if pairs:
            # the sum over all pairs is the squared length of the sum of the vectors, less their own
            total = float(np.square(own_vectors.sum(axis=0, dtype=np.float64)).sum())
            own = float(np.square(own_vectors, dtype=np.float64).sum())
            out[number] = 1 - (total - own) / pairs
    return out


def slices(values: Values, times: Counts) -> list[FrequencySlice]:
    """The mean of `values` `(n,)` by how often their item was taken, or their user took one, before.

    `times` is `(n,)`.
    """
    out = []
    for low, high in SLICES:
        inside = (times >= low) & (times <= (np.inf if high is None else high))
        name = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
        own = values[inside]
        figure = interval(float(own.mean()), resampled_means(own[:, None])[:, 0]) if len(own) else None
        out.append(FrequencySlice(name, len(own), figure))
    return out


def _mean_of(values: Values, lists: Indices) -> Values:
    filled = lists >= 0
    count = filled.sum(axis=1)
    total = np.where(filled, values[lists], 0).sum(axis=1)
    out: Values = np.full(len(lists), np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
