"""What a list is beside right: how much of the catalogue it shows, how new, varied and popular that is.

Lists are rows of the catalogue, `(lists, k)`, -1 where one is short. What is known of a catalogue's use is
how often each item was taken, `counts` `(items,)`.

Laws (tests/ranking/evaluation/retrieval/test_beyond.py):
- an item shown to all gives the largest Gini coefficient, all shown alike give 0;
- the rarer what is shown, the more novel; where all are equally popular every list is equally novel;
- copies of one item have no diversity, items at right angles have all of it; the order plays no part;
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
"""How often something was seen before, from and to; None is without end."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Those seen so often before, how many they are, and their mean; None where there are none."""

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
    2011. Every count has one added, for an item never taken would be infinitely novel. NaN for empty lists.
    """
    bits = -np.log2((counts + 1) / (counts.sum() + len(counts)))
    return _mean_of(bits.astype(np.float64), lists)


def popularity(lists: Indices, counts: Counts) -> Values:
    """Each list's mean of how often its items were taken; NaN for an empty list.

    Held against `counts.mean()`, that of the catalogue, it says how far popular items are preferred
    (Abdollahpouri et al., Managing Popularity Bias in Recommender Systems with Personalized Re-ranking,
    FLAIRS 2019).
    """
    return _mean_of(counts.astype(np.float64), lists)


def gini(shown: Counts) -> float:
    """The Gini coefficient of how often each item is shown: 0 all alike, near 1 one item alone.

    NaN where nothing is shown. Fleder & Hosanagar, Blockbuster Culture's Next Rise or Fall, Management
    Science 2009.
    """
    n, total = len(shown), int(shown.sum())
    if not total:
        return float("nan")
    ranks = np.arange(1, n + 1)
    return float((2 * ranks - n - 1) @ np.sort(shown) / (n * total))


def diversity(lists: Indices, vectors: Floats) -> Values:
    """Each list's mean of 1 - cosine over its pairs of items, by `vectors` `(items, size)`.

    Ziegler et al., Improving Recommendation Indices Through Topic Diversification, WWW 2005. An item without
    a vector is like none. NaN for a list of fewer than two.
    """
    rows = unit(vectors)
    out = np.full(len(lists), np.nan)
    for place, one in enumerate(lists):
        shown = rows[one[one >= 0]]
        pairs = len(shown) * (len(shown) - 1)
        if pairs:
            # the sum over all pairs is the squared length of the sum of the vectors, less their own
            total = float(np.square(shown.sum(axis=0, dtype=np.float64)).sum())
            own = float(np.square(shown, dtype=np.float64).sum())
            out[place] = 1 - (total - own) / pairs
    return out


def slices(values: Values, seen: Counts) -> list[Slice]:
    """The mean of `values` `(n,)` by how often their item, or user, was `seen` `(n,)` before."""
    out = []
    for low, high in SLICES:
        among = (seen >= low) & (seen <= (np.inf if high is None else high))
        name = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
        own = values[among]
        figure = interval(float(own.mean()), resampled_means(own[:, None])[:, 0]) if len(own) else None
        out.append(Slice(name, len(own), figure))
    return out


def _mean_of(values: Values, lists: Indices) -> Values:
    there = lists >= 0
    count = there.sum(axis=1)
    total = np.where(there, values[lists], 0).sum(axis=1)
    out: Values = np.full(len(lists), np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
