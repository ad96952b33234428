"""The ranking of a store for one question, read from its top, ever deeper.

Laws (tests/ranking/lists/test_candidates.py):
- a pool is the beginning of the ranking of everything: a deeper one continues it;
- of items that score the same the smaller id comes first;
- asked in several directions, an item has the best of its scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vlclip.engine.errors import FilterError
from vlclip.engine.filters import Condition, Filter
from vlclip.engine.space import Floats
from vlclip.engine.store.contenders import Blend
from vlclip.engine.store.store import Hit, Query, Store
from vlclip.ranking.lists.answer import LEXICAL
from vlclip.ranking.statistics.arrays import Values

WHOLE = 64
"""Pools up to this deep are read with vectors and all of the payload, which is cheaper than asking again."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The best items: `scores` `(n,)` never rise, `payloads` hold the fields that were asked for.

    `terms` are the parts of the scores that do not come from a vector, by name. No item outside scores over
    `floor`; without one the pool is everything. `whole` are all of them with vector and payload, or empty.
    """

    ids: Sequence[str]
    scores: Values
    payloads: Sequence[Mapping[str, Any]]
    floor: float | None
    terms: Mapping[str, Values] = field(default_factory=dict)
    whole: Mapping[str, Hit] = field(default_factory=dict)

    def rows(self, rows: Sequence[int] | NDArray[np.intp]) -> Pool:
        """The pool of these rows, in this order."""
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            scores=self.scores[rows],
            payloads=[self.payloads[row] for row in rows],
            terms={name: term[rows] for name, term in self.terms.items()},
        )


class Candidates(Protocol):
    """Whatever can say which items score best."""

    def pool(self, depth: int) -> Pool:
        """About the `depth` best; more than are there gives all of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """By the dot product with a fused vector, or with the best of several `directions`.

    Pools deeper than `whole` bring `fields` alone.
    """

    store: Store
    directions: Sequence[Floats]
    filter: Filter
    exclude: Sequence[str]
    fields: tuple[str, ...]
    whole: int = WHOLE
    exact: bool = False

    def pool(self, depth: int) -> Pool:
        """One search for each direction, in one call."""
        is_whole = depth <= self.whole
        queries = [
            Query(
                vector=direction, limit=depth, filter=self.filter, exclude=tuple(self.exclude),
                fields=None if is_whole else self.fields, with_vector=is_whole, exact=self.exact,
            )
            for direction in self.directions
        ]  # fmt: skip
        lists = self.store.search(queries)
        # what a list cut off may hold is at most as good as its last; copies tie with it, in any order
        floor = max((ranking[-1].score for ranking in lists if len(ranking) == depth), default=None)
        best: dict[str, Hit] = {}
        for ranking in lists:
            for hit in ranking:
                if (floor is None or hit.score > floor) and (
                    hit.id not in best or hit.score > best[hit.id].score
                ):
                    best[hit.id] = hit
        hits = sorted(best.values(), key=lambda hit: (-hit.score, hit.id))
        return Pool(
            [hit.id for hit in hits],
            np.array([hit.score for hit in hits], dtype=np.float64),
            [hit.payload for hit in hits],
            floor,
            whole={hit.id: hit for hit in hits} if is_whole else {},
        )

    def without(self, conditions: Sequence[Condition], ids: Sequence[str]) -> Nearest:
        """The same ranking of what fits these conditions as well, less `ids`.

        A condition on what has no index, or with a value that the index cannot hold, is not asked for, so
        it may not hold.
        """
        kinds = self.store.fields()
        usable = [
            condition for condition in conditions if condition.field in kinds and _takes(kinds, condition)
        ]
        narrower = Filter((*self.filter.conditions, *usable))
        return replace(self, filter=narrower, exclude=(*self.exclude, *ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """By the dot product and, beside it, BM25 of `text` over the best BM25 score of any item, times `weight`.

    Both are exact for every candidate, and the candidates are the best of all items (`Store.candidates`).
    Where no vector is asked, only what matches is a candidate. `best` is the best BM25 score of any item,
    None where it is that of a candidate.
    """

    store: Store
    direction: Floats
    text: str
    weight: float
    filter: Filter
    exclude: Sequence[str]
    fields: tuple[str, ...]
    least: int = 1
    best: float | None = None
    exact: bool = False

    def pool(self, depth: int) -> Pool:
        """Both searches, at first each twice as deep as `depth` or `least`."""
        is_whole = depth <= WHOLE
        query = Query(
            vector=self.direction, filter=self.filter, exclude=tuple(self.exclude), exact=self.exact,
            fields=None if is_whole else self.fields, with_vector=is_whole,
        )  # fmt: skip
        contenders = self.store.candidates(
            query, self.text, 2 * max(depth, self.least), Blend(depth + 1, self.weight, self.best)
        )
        if not self.direction.any():
            contenders = [contender for contender in contenders if contender.lexical > 0]
        best = (
            max((contender.lexical for contender in contenders), default=0.0)
            if self.best is None
            else self.best
        )
        lexical = np.array(
            [self.weight * contender.lexical / (best or 1.0) for contender in contenders], dtype=np.float64
        )
        scores = np.array([contender.dense for contender in contenders], dtype=np.float64) + lexical
        order = sorted(range(len(contenders)), key=lambda row: (-scores[row], contenders[row].id))
        floor = None if len(contenders) <= depth else float(scores[order[depth]])
        top = [contenders[row] for row in order[:depth]]
        rows = order[:depth]
        return Pool(
            [contender.id for contender in top],
            scores[rows],
            [contender.payload for contender in top],
            floor,
            {LEXICAL: lexical[rows]},
            {
                contender.id: Hit(contender.id, contender.dense, contender.payload, contender.read)
                for contender in top
            }
            if is_whole
            else {},
        )


def join(first: Pool, rest: Pool) -> Pool:
    """One pool above another; the upper one is all there is of its kind. Terms one lacks are 0 there."""
    names = dict.fromkeys([*first.terms, *rest.terms])
    return Pool(
        [*first.ids, *rest.ids],
        np.concatenate([first.scores, rest.scores]),
        [*first.payloads, *rest.payloads],
        rest.floor,
        {name: np.concatenate([_term(first, name), _term(rest, name)]) for name in names},
    )


def _takes(kinds: Mapping[str, str], condition: Condition) -> bool:
    """Whether the field holds such values: a number field may have come to items as text too."""
    try:
        Filter((condition,)).check(kinds)
    except FilterError:
        return False
    return True


def _term(pool: Pool, name: str) -> Values:
    return pool.terms[name] if name in pool.terms else np.zeros(len(pool.ids))
