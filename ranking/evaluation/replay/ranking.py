"""One ranking with chance in it, and what it makes probable: pins, then items dealt by chance, then the rest.

Where only some of the items count the others are crossed out. What is left of a Plackett-Luce order is one
by the same scores: Luce, Individual Choice Behavior, 1959, his choice axiom.

Laws (tests/ranking/evaluation/replay/test_ranking.py):
- the probabilities to come next sum to 1 while anything is left, and are 0 for what stands above;
- along an order they multiply to its probability, as `vlclip.ranking.lists.exploration` draws it;
- without chance they are 1 for the next item and 0 for others.
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
    """Items in order: `pins` stand first, `dealt` trade places by `scores` `(d,)`, `rest` stand below.

    Without chance `dealt` is empty. `temperature` is in units of the score, over 0 where something is dealt.
    """

    pins: tuple[str, ...] = ()
    dealt: tuple[str, ...] = ()
    scores: Values
    rest: tuple[str, ...] = ()
    temperature: float = 0.0

    @property
    def ids(self) -> tuple[str, ...]:
        """All items, best first."""
        return (*self.pins, *self.dealt, *self.rest)

    def only(self, ids: Collection[str]) -> Ranking:
        """The ranking with all but these items crossed out."""
        kept = np.array([one in ids for one in self.dealt], dtype=bool)
        return replace(
            self,
            pins=tuple(one for one in self.pins if one in ids),
            dealt=tuple(one for one in self.dealt if one in ids),
            scores=self.scores[kept],
            rest=tuple(one for one in self.rest if one in ids),
        )

    def next(self, shown: Sequence[str], candidates: Sequence[str]) -> Values:
        """The probability `(K, C)` of each candidate at each place, given the K items shown above it.

        0 everywhere once nothing is left to come.
        """
        ids = self.ids
        column = {one: n for n, one in enumerate(ids)}
        left = np.ones((len(shown), len(ids)), dtype=bool)
        for place, one in enumerate(shown[:-1]):
            if one in column:
                left[place + 1 :, column[one]] = False
        start, end = len(self.pins), len(self.pins) + len(self.dealt)
        found = np.zeros(left.shape)
        found[:, :start] = _first(left[:, :start])
        if self.dealt:
            by_chance = ~left[:, :start].any(axis=1) & left[:, start:end].any(axis=1)
            logits = np.where(left[by_chance, start:end], self.scores / self.temperature, -np.inf)
            odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
            found[by_chance, start:end] = odds / odds.sum(axis=1, keepdims=True)
        at_end = ~left[:, :end].any(axis=1)
        found[at_end, end:] = _first(left[at_end, end:])
        columns = [column.get(one, len(ids)) for one in candidates]
        padded: Values = np.concatenate([found, np.zeros((len(shown), 1))], axis=1)[:, columns]
        return padded

    def places(self, count: int) -> Values:
        """The probability `(count, n)` of each of the `ids` to stand at each of the first places."""
        start, end = len(self.pins), len(self.pins) + len(self.dealt)
        found = np.zeros((count, len(self.ids)))
        for n in (*range(start), *range(end, len(self.ids))):
            if n < count:
                found[n, n] = 1.0
        if self.dealt and count > start:
            found[start:, start:end] = place_probabilities(self.scores, self.temperature, count - start)
        return found

    def draw(self, count: int, rng: np.random.Generator) -> tuple[str, ...]:
        """The first `count` of an order drawn by chance."""
        dealt = self.dealt
        if dealt:
            order, _ = sample(self.scores, self.temperature, rng, len(dealt))
            dealt = tuple(dealt[row] for row in order.tolist())
        return (*self.pins, *dealt, *self.rest)[:count]


def place_of(ranking: Ranking, shown: Sequence[str]) -> Values:
    """The probability `(K,)` of each of the items to stand where it was shown, whatever is above it."""
    column = {one: n for n, one in enumerate(ranking.ids)}
    columns = [column.get(one, len(column)) for one in shown]
    places = np.pad(ranking.places(len(shown)), ((0, 0), (0, 1)))
    found: Values = places[np.arange(len(shown)), columns]
    return found


def _first(left: NDArray[np.bool_]) -> Values:
    """1 at the first True of each row, 0 elsewhere."""
    first: Values = (left & (np.cumsum(left, axis=1) == 1)).astype(np.float64)
    return first
