"""One ranking with chance in it and its probabilities: pins, then items ordered by chance, then a fixed tail.

A ranking can be cut to some of its items. The remaining items of a Plackett-Luce order have a Plackett-Luce
order by the same scores: the choice axiom of Luce, Individual Choice Behavior, 1959.

Laws (tests/ranking/evaluation/replay/test_ranking.py):
- the probabilities to come next sum to 1 while any item is left, and are 0 for items that stand above;
- multiplied along an order they are the probability with which `vlclip.ranking.lists.exploration` draws it;
- without chance they are 1 for the next item and 0 for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlclip.ranking.lists.exploration import sample
from vlclip.ranking.lists.placement import place_probabilities
from vlclip.ranking.statistics.arrays import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Items in order: `pins` stand first, then `explored` in an order drawn by `scores` `(e,)`, then `tail`.

    Without chance `explored` is empty. `temperature` is in units of the score, and over 0 where any item is
    explored.
    """

    pins: tuple[str, ...] = ()
    explored: tuple[str, ...] = ()
    scores: Values
    tail: tuple[str, ...] = ()
    temperature: float = 0.0

    @property
    def ids(self) -> tuple[str, ...]:
        """All items, best first."""
        return (*self.pins, *self.explored, *self.tail)

    def only(self, ids: Collection[str]) -> Ranking:
        """The ranking of these items alone."""
        return replace(
            self,
            pins=tuple(item for item in self.pins if item in ids),
            explored=tuple(item for item in self.explored if item in ids),
            scores=self.scores[np.array([item in ids for item in self.explored], dtype=bool)],
            tail=tuple(item for item in self.tail if item in ids),
        )

    def next(self, items: Sequence[str], candidates: Sequence[str]) -> Values:
        """The probability `(K, C)` of each candidate at each of the K places, given the items shown above it.

        All are 0 once no item is left.
        """
        ids = self.ids
        column = {item: n for n, item in enumerate(ids)}
        left = np.ones((len(items), len(ids)), dtype=bool)
        for place, item in enumerate(items[:-1]):
            if item in column:
                left[place + 1 :, column[item]] = False
        start, end = len(self.pins), len(self.pins) + len(self.explored)
        chances = np.zeros(left.shape)
        chances[:, :start] = _first(left[:, :start])
        if self.explored:
            by_chance = ~left[:, :start].any(axis=1) & left[:, start:end].any(axis=1)
            logits = np.where(left[by_chance, start:end], self.scores / self.temperature, -np.inf)
            odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
            chances[by_chance, start:end] = odds / odds.sum(axis=1, keepdims=True)
        at_end = ~left[:, :end].any(axis=1)
        chances[at_end, end:] = _first(left[at_end, end:])
        columns = [column.get(item, len(ids)) for item in candidates]
        padded: Values = np.concatenate([chances, np.zeros((len(items), 1))], axis=1)[:, columns]
        return padded

    def places(self, count: int) -> Values:
        """The probability `(count, n)` of each of the `ids` to stand at each of the first places."""
        start, end = len(self.pins), len(self.pins) + len(self.explored)
        chances = np.zeros((count, len(self.ids)))
        for n in (*range(start), *range(end, len(self.ids))):
            if n < count:
                chances[n, n] = 1.0
        if self.explored and count > start:
            chances[start:, start:end] = place_probabilities(self.scores, self.temperature, count - start)
        return chances

    def draw(self, count: int, rng: np.random.Generator) -> tuple[str, ...]:
        """The first `count` of an order drawn by chance."""
        explored = self.explored
        if explored:
            order, _ = sample(self.scores, self.temperature, rng, len(explored))
            explored = tuple(explored[row] for row in order.tolist())
        return (*self.pins, *explored, *self.tail)[:count]


def place_of(ranking: Ranking, items: Sequence[str]) -> Values:
    """The probability `(K,)` of each item to stand at the place where it was shown, whatever is above it."""
    column = {item: n for n, item in enumerate(ranking.ids)}
    columns = [column.get(item, len(column)) for item in items]
    places = np.pad(ranking.places(len(items)), ((0, 0), (0, 1)))
    chances: Values = places[np.arange(len(items)), columns]
    return chances


def _first(left: NDArray[np.bool_]) -> Values:
    """1 at the first True of each row, 0 elsewhere."""
    first: Values = (left & (np.cumsum(left, axis=1) == 1)).astype(np.float64)
    return first
