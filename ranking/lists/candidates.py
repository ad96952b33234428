"""The ranking of a store for one question, read from its top to any depth.

Laws (tests/ranking/lists/test_candidates.py):
- a pool is the beginning of the whole ranking, and a deeper pool continues it;
- of items with equal scores the smaller id comes first;
- with several directions, an item has the best of its scores.
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
"""Pools up to this depth are read with vectors and whole payloads: cheaper than a second request."""

DEEPER = 3
"""How much deeper than a pool both searches go: at twice the depth every other is made again, deeper."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The best items of a ranking: `scores` `(n,)` never rise; `payloads` hold the requested fields.

    `terms` are the parts of the scores that do not come from a vector, by name. No item outside the pool
    scores over `floor`; `floor` is None if no item is outside. `whole` are all items with vector and payload,
    or empty.
    """

    ids: Sequence[str]
    scores: Values
    payloads: Sequence[Mapping[str, Any]]
    floor: float | None
    terms: Mapping[str, Values] = field(default_factory=dict)
    whole: Mapping[str, Hit] = field(default_factory=dict)

    def rows(self, rows: Sequence[int] | NDArray[np.intp]) -> Pool:
        """The pool with only these rows, in this order."""
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            scores=self.scores[rows],
            payloads=[self.payloads[row] for row in rows],
            terms={name: term[rows] for name, term in self.terms.items()},
        )


class Candidates(Protocol):
    """A source of the items that score best."""

    def pool(self, depth: int) -> Pool:
        """About the `depth` best items, or all if there are fewer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """Candidates by the dot product with a fused vector, or with the best of several `directions`.

    Pools deeper than `whole` are read with `fields` only.
    """

    store: Store
    directions: Sequence[Floats]
    filter: Filter
    exclude: Sequence[str]
    fields: tuple[str, ...]
    whole: int = WHOLE
    exact: bool = False

    def pool(self, depth: int) -> Pool:
        """The best items, by one search for each direction in a single call."""
        is_whole = depth <= self.whole
        queries = [
            Query(
                vector=direction, limit=depth, filter=self.filter, exclude=tuple(self.exclude),
                fields=None if is_whole else self.fields, with_vector=is_whole, exact=self.exact,
            )
            for direction in self.directions
        ]  # fmt: skip
        lists = self.store.search(queries)
        # beyond its limit a list has nothing better than its last item; items that tie come in any order
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
        """The same ranking, only of items that also meet these conditions, without `ids`.

        A condition is left out if its field has no index or the index cannot hold its value, so it may not
        hold for all items.
        """
        kinds = self.store.fields()
        usable = [
            condition for condition in conditions if condition.field in kinds and _takes(kinds, condition)
        ]
        narrower = Filter((*self.filter.conditions, *usable))
        return replace(self, filter=narrower, exclude=(*self.exclude, *ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Candidates by the dot product plus a lexical part.

    The lexical part is BM25 of `text`, divided by the best BM25 score of any item, times `weight`. Both are
    exact for every candidate, and the candidates are the best of all items (`Store.candidates`). If the
    direction is all zeros, only items that match are candidates. `best` is the best BM25 score of any item;
    None takes that of the candidates.
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
        """The best items by both searches, each at first `DEEPER` times as deep, or twice `least`."""
        is_whole = depth <= WHOLE
        query = Query(
            vector=self.direction, filter=self.filter, exclude=tuple(self.exclude), exact=self.exact,
            fields=None if is_whole else self.fields, with_vector=is_whole,
        )  # fmt: skip
        contenders = self.store.candidates(
            query, self.text, max(DEEPER * depth, 2 * self.least), Blend(depth + 1, self.weight, self.best)
        )
        if not self.direction.any():
            contenders = [contender for contender in contenders if contender.lexical > 0]
        matches = np.array([contender.lexical for contender in contenders], dtype=np.float64)
        best = float(matches.max(initial=0.0)) if self.best is None else self.best
        lexical = self.weight * matches / (best or 1.0)
        scores = np.array([contender.dense for contender in contenders], dtype=np.float64) + lexical
        order = sorted(range(len(contenders)), key=lambda row: (-scores[row], contenders[row].id))
        floor = None if len(contenders) <= depth else float(scores[order[depth]])
        rows = order[:depth]
        top = [contenders[row] for row in rows]
        hits = [Hit(item.id, item.dense, item.payload, item.read) for item in top] if is_whole else []
        return Pool(
            [item.id for item in top],
            scores[rows],
            [item.payload for item in top],
            floor,
            {LEXICAL: lexical[rows]},
            {hit.id: hit for hit in hits},
        )


def join(upper: Pool, lower: Pool) -> Pool:
    """One pool above another; the upper one is complete. A term that one of them lacks is 0 there."""
    names = dict.fromkeys([*upper.terms, *lower.terms])
    return Pool(
        [*upper.ids, *lower.ids],
        np.concatenate([upper.scores, lower.scores]),
        [*upper.payloads, *lower.payloads],
        lower.floor,
        {name: np.concatenate([_term(upper, name), _term(lower, name)]) for name in names},
    )


def _takes(kinds: Mapping[str, str], condition: Condition) -> bool:
    """Whether the index of the field holds such values: some items may have text in a number field."""
    try:
        Filter((condition,)).check(kinds)
    except FilterError:
        return False
    return True


def _term(pool: Pool, name: str) -> Values:
    return pool.terms[name] if name in pool.terms else np.zeros(len(pool.ids))
