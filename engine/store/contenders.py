"""Which items may be among the best by two scores, when each of two searches gave only its own best.

The threshold algorithm's bounds (Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware",
2001): an item that one search did not bring scores at most as much there as the last item it brought. So only
few missing scores have to be fetched.

Laws (tests/engine/store/test_contenders.py):
- none of the best items that either search brought is left out;
- once settled, no item that neither search brought could change the best.
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
    """The `count` best by dense score + `weight` · lexical score / best lexical score.

    `best` is that best lexical score; None takes the best that the search brings.
    """

    count: int
    weight: float
    best: float | None = None

    def scale(self, lexical: Mapping[Id, float]) -> float:
        """The factor of a lexical score."""
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
    """The ids that may be among the best, and the id of the best lexical score.

    `reach` is the largest dense score, or least below 0, that any item could have; `floor` the largest
    lexical score of those that are not in `lexical`.
    """
    first = max(lexical, key=lexical.__getitem__, default=None)
    weight = blend.scale(lexical)
    least = {
        item_id: dense.get(item_id, -reach) + weight * lexical.get(item_id, 0.0)
        for item_id in {**dense, **lexical}
    }
    if len(least) <= blend.count:
        return list(least)
    bar = heapq.nlargest(blend.count, least.values())[-1] - SLACK
    return [
        item_id
        for item_id in least
        if item_id == first or dense.get(item_id, reach) + weight * lexical.get(item_id, floor) >= bar
    ]
