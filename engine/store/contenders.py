"""Who may be among the best by two scores, when two searches have told only their own best.

The threshold algorithm's bounds (Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware",
2001): an item that one search did not bring has at most what that search could still have brought. So only
few missing scores have to be asked for.

Laws (tests/engine/store/test_contenders.py):
- none of the best of all that were found is left out;
- what is settled no item that neither search brought could change.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Id = TypeVar("Id", bound=Hashable)

SLACK = 1e-4
"""Scores nearer than this may tie: engines sum in different orders."""


@dataclass(frozen=True, slots=True)
class Blend:
    """The `count` best are wanted, by dense score + `weight` · lexical score over the best lexical score.

    `best` is that best score, None where it is the best that is found.
    """

    count: int
    weight: float
    best: float | None = None

    def scale(self, lexical: Mapping[Id, float]) -> float:
        """What a lexical score is multiplied with."""
        return self.weight / (self.best or max(lexical.values(), default=0.0) or 1.0)


def settled(
    scores: Collection[float], blend: Blend, *, scale: float, dense_floor: float, floor: float
) -> bool:
    """Whether the `count` best of all items are among those with these blended `scores`.

    `dense_floor` and `floor` are the largest scores, dense and lexical, of an item that neither search
    brought.
    """
    best = heapq.nlargest(blend.count, scores)
    return len(best) == blend.count and best[-1] > dense_floor + scale * floor


def contenders(
    dense: Mapping[Id, float], lexical: Mapping[Id, float], blend: Blend, *, reach: float, floor: float
) -> list[Id]:
    """The ids that may be among the best, and that of the best lexical score.

    `reach` is the largest dense score, or least below 0, that any item could have; `floor` the largest
    lexical score of those that are not in `lexical`.
    """
    first = max(lexical, key=lexical.__getitem__, default=None)
    weight = blend.scale(lexical)
    least = {one: dense.get(one, -reach) + weight * lexical.get(one, 0.0) for one in {**dense, **lexical}}
    if len(least) <= blend.count:
        return list(least)
    bar = heapq.nlargest(blend.count, least.values())[-1] - SLACK
    return [
        one
        for one in least
        if one == first or dense.get(one, reach) + weight * lexical.get(one, floor) >= bar
    ]
